"""Both stories carry a leak in their raw data; one line in features.py switches it on, and nothing lets it through."""

from __future__ import annotations

import pytest

from .conftest import Copied, Repo, refusal

LEAKS = {
    "churn": ('    "calls_90d",\n', "calls_total", "it counts calls after the day of prediction"),
    "travel-delay": ('    "wind_knots",\n', "departure_delay_minutes", "the flight has not left yet"),
}


@pytest.fixture(params=sorted(LEAKS))
def story(request: pytest.FixtureRequest, copied: Copied) -> tuple[Repo, str, str, str]:
    """A started repository with the line that the leak is put after, the leaking column and the reason."""
    name = str(request.param)
    repo = copied(request.getfixturevalue("delayed") if name == "travel-delay" else None)
    return (repo, *LEAKS[name])


def test_one_line_that_uses_what_is_not_known_yet_is_refused_by_train_and_check(
    story: tuple[Repo, str, str, str],
) -> None:
    repo, after, column, reason = story
    clean = repo.fearless("check", "--json")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    before = repo.snapshot("models/candidate")

    repo.edit(repo.package / "features.py", after, f'{after}    "{column}",\n')
    trained = refusal(repo.fearless("train"), sentences=2)
    checked = repo.fearless("check")

    for said in (trained, checked.stdout):
        assert "src/fearless_model/features.py, line " in said
        assert f"the column `{column}`, which is not known at prediction time: {reason}" in said
    assert checked.returncode == 1
    assert "FAIL  features use only what is known at prediction time" in checked.stdout
    assert repo.snapshot("models/candidate") == before, "the model from before the leak must still be there"


def test_the_leaking_column_reaches_the_features_by_no_other_way(copied: Copied) -> None:
    repo = copied()
    features = repo.package / "features.py"
    original = features.read_text(encoding="utf-8")
    for way in (
        'rows["calls_total"]',
        'rows.get_column("calls_total")',
        'rows.lazy().select("calls_total").collect().to_series()',
        'rows.select(pl.col("calls_total") * 2).to_series()',
        'rows.to_dict()["calls_total"]',
        'rows["churned"]',
    ):
        column = way.split('"')[1]
        line = (
            f'    rows = rows.with_columns(({way}).alias("devices"))\n    return rows.select(\n        *[pl'
        )
        features.write_text(original.replace("    return rows.select(\n        *[pl", line), encoding="utf-8")
        said = refusal(repo.fearless("stage", "train"))
        assert f"uses the column `{column}`" in said, (way, said)
