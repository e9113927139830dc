"""The rehearsal of production: content with a sound candidate, red for each fault planted in the service."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from .conftest import Repo, refusal
from .releasing import another_candidate, released
from .test_serve import extra, here

__all__ = ["here"]  # a fixture


def found(repo: Repo, code: int = 0) -> dict[str, bool]:
    """What the rehearsal says of each item; its evidence says the same."""
    done = repo.fearless("rehearse", "--json")
    assert done.returncode == code, done.stdout + done.stderr
    told = json.loads(done.stdout)
    kept = json.loads((repo.root / "ops/evidence/rehearsal.json").read_text(encoding="utf-8"))
    assert (kept["passed"], kept["source"]) == (told["passed"], "local")
    assert kept["details"]["candidate_sha256"] == told["candidate_sha256"]
    assert {name: kept["details"][name] for name in told["items"]} == told["items"]
    return {name: item["passed"] for name, item in told["items"].items()}


SOUND = {"A23": True, "A24": True, "A27": True}


@extra
@pytest.mark.parametrize("profile", ["light", "regulated"])
def test_a_sound_candidate_goes_through_production_and_back(
    here: Callable[..., Repo], started: tuple[Repo, str], profile: str
) -> None:
    repo = here()
    repo.edit(".copier-answers.yml", "profile: light", f"profile: {profile}")
    assert found(repo) == SOUND
    repo.git("checkout", ".copier-answers.yml")
    released(repo)
    another_candidate(repo, 50, started[0])
    told = repo.fearless("rehearse")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "The service went back to v1 in" in told.stdout
    assert "none is lost" in told.stdout
    assert not (repo.root / ".fearless/ledger").exists(), "a rehearsal leaves the ledger of production alone"


@extra
@pytest.mark.parametrize(
    ("file", "old", "new", "red"),
    [
        (
            "serve/scoring.py",
            "scores = self.model.score(features).tolist()",
            "scores = (self.model.score(features) + 1e-6).tolist()",
            "A23",
        ),
        (
            "ledger/sqlite.py",
            "for each in predictions]",
            "for each in predictions if each.row_number % 7 != 3]",
            "A24",
        ),
        ("serve/follow.py", "newest = self.ledger.production()", "newest = None", "A27"),
    ],
)
def test_a_fault_of_the_service_turns_its_item_red(
    here: Callable[..., Repo], started: tuple[Repo, str], file: str, old: str, new: str, red: str
) -> None:
    repo = here()
    released(repo)
    another_candidate(repo, 50, started[0])
    (place,) = (repo.root / "fearless/src/fearless").glob(file)
    repo.edit(place.relative_to(repo.root), old, new)
    assert found(repo, code=1)[red] is False


@extra
def test_production_without_a_bundle_has_no_way_back(
    here: Callable[..., Repo], started: tuple[Repo, str]
) -> None:
    repo = here()
    candidate = repo.root / "models" / "candidate"
    candidate.rename(repo.root / "models" / "champion")
    another_candidate(repo, 50, started[0])
    told = repo.fearless("rehearse")
    assert told.returncode == 1
    assert "has no bundle in ops/releases" in told.stdout


def test_a_rehearsal_without_the_service_s_packages_says_how_to_add_them(repo: Repo) -> None:
    assert "uv add 'fearless[serve]'" in refusal(repo.fearless("rehearse"))
