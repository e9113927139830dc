"""Every combination of example, CI system, profile and storage is sound before anything runs in it."""

from __future__ import annotations

import configparser
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import Render

EXAMPLES = ("churn", "travel-delay", "none")
REMOTES = ("local", "s3", "gs", "azure", "ssh", "webdav")
COMBINATIONS = list(itertools.product(EXAMPLES, ("github", "gitlab"), ("light", "regulated"), REMOTES))


@pytest.mark.parametrize(("example", "ci", "profile", "remote"), COMBINATIONS, ids="-".join)
def test_every_combination_is_sound(render: Render, example: str, ci: str, profile: str, remote: str) -> None:
    project = render(example=example, ci=ci, profile=profile, dvc_remote=remote)
    assert_every_file_parses(project)
    assert_no_jinja_is_left(project)
    assert visible_entries(project) <= ROOT_ENTRIES
    assert len((project / "README.md").read_text(encoding="utf-8").splitlines()) <= 90
    assert (project / ".github").is_dir() == (ci == "github")
    assert (project / ".gitlab-ci.yml").is_file() == (project / ".gitlab").is_dir() == (ci == "gitlab")
    assert_storage_is(project, remote)
    assert_question_fits(project, example, profile)


ROOT_FILES = {
    "README.md",
    "QUESTION.md",
    "LICENSE",
    "columns.yaml",
    "gate.yaml",
    "params.yaml",
    "pyproject.toml",
}
ROOT_FILES |= {"dvc.yaml", "dvc.lock", "uv.lock"}
ROOT_ENTRIES = ROOT_FILES | {"src", "tests", "data", "models", "ops", "fearless"}


def test_the_root_shows_at_most_16_entries_even_with_what_commands_write() -> None:
    assert len(ROOT_ENTRIES) == 16


@pytest.mark.parametrize("example", EXAMPLES)
def test_rendered_python_is_linted_and_formatted_by_its_own_rules(render: Render, example: str) -> None:
    project = render(example=example, package_name="a_rather_long_name_for_a_package_of_churn")
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."],
            cwd=project,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("licence", ["proprietary", "Apache-2.0", "BSD-3-Clause", "MIT"])
def test_each_licence_is_one_file_with_its_text(render: Render, licence: str) -> None:
    text = (render(licence=licence, owner_name="Ada & Söhne") / "LICENSE").read_text(encoding="utf-8")
    first = {"proprietary": "All rights reserved", "Apache-2.0": "Apache License", "MIT": "MIT License"}
    assert first.get(licence, "BSD 3-Clause") in text
    assert ("Ada & Söhne" in text) == (licence != "Apache-2.0")


def test_two_renderings_of_the_same_answers_are_equal(template: Path, tmp_path: Path) -> None:
    import copier

    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        copier.run_copy(str(template), folder, defaults=True, quiet=True)
    assert tree(one) == tree(two)


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files(folder)}


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def visible_entries(project: Path) -> set[str]:
    return {path.name for path in project.iterdir() if not path.name.startswith(".")}


def assert_every_file_parses(project: Path) -> None:
    for path in files(project):
        if path.suffix in {".yml", ".yaml"}:
            assert yaml.safe_load(path.read_text(encoding="utf-8")) is not None, path
        elif path.suffix == ".toml":
            tomllib.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".py" and "fearless" not in path.relative_to(project).parts:
            compile(path.read_text(encoding="utf-8"), str(path), "exec")


def assert_no_jinja_is_left(project: Path) -> None:
    for path in files(project):
        name = path.relative_to(project).as_posix()
        assert not re.search(r"[{}%]|\.jinja$", name), name
        if not name.startswith(("fearless/", ".github/workflows/")):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"\{\{|\{%|%\}", text), name


def assert_storage_is(project: Path, remote: str) -> None:
    config = configparser.ConfigParser()
    config.read(project / ".dvc" / "config", encoding="utf-8")
    storage = config["'remote \"storage\"'"]
    schemes = {"local": "../.storage", "webdav": "webdavs://"}
    assert storage["url"].startswith(schemes.get(remote, f"{remote}://"))
    assert storage["verify"] == "true"
    assert config["core"]["remote"] == "storage"
    dependencies = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
    extras = "tested" if remote == "local" else f"{remote},tested-{remote}"
    assert dependencies == [f"fearless[{extras}]"]


def assert_question_fits(project: Path, example: str, profile: str) -> None:
    question = front_matter(project / "QUESTION.md")
    assert question["version"] == 1
    assert question["owners"] == [{"name": "Data Team", "email": "data-team@example.com"}]
    assert question["review"]
    asked = ("question", "decision", "decision_maker", "label", "horizon", "unit", "do_nothing")
    assert all((question[key] == "TODO") == (example == "none") for key in asked)
    strict = {"purpose", "legal_basis", "retention", "personal_data"}
    assert strict & set(question) == (strict if profile == "regulated" else set())


def front_matter(path: Path) -> dict[str, Any]:
    _, head, _ = path.read_text(encoding="utf-8").split("---\n", 2)
    loaded: dict[str, Any] = yaml.safe_load(head)
    return loaded
