"""What judges must have owners, as GitHub and GitLab read CODEOWNERS: the last line that fits decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from fearless.core.project import Project
from fearless.guard.owners import unowned


def project(root: Path, text: str | None, ci: str = "github") -> Project:
    (root / ".copier-answers.yml").write_text(f"ci: {ci}\n", "utf-8")
    if text is not None:
        folder = root / f".{ci}"
        folder.mkdir()
        (folder / "CODEOWNERS").write_text(text, "utf-8")
    return Project(root)


EACH = "/gate.yaml @a\n/columns.yaml @a\n/data/golden.dvc @a\n/fearless/ @a\n/.github/ @a\n"


@pytest.mark.parametrize("text", ["* @team\n", EACH, "# who\n* @team # all\n*.yaml @a @b\n", "** @team\n"])
def test_where_every_judge_has_an_owner_nothing_is_said(tmp_path: Path, text: str) -> None:
    assert unowned(project(tmp_path, text)) == []


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (EACH.replace("/gate.yaml @a\n", ""), "gate.yaml"),
        (EACH.replace("/fearless/ @a\n", ""), "fearless/MANIFEST"),
        (EACH.replace("/.github/", "/.github/workflows/"), ".github/CODEOWNERS"),
        ("* @team\n/data/\n", "data/golden.dvc"),
        ("* @team\ngolden.dvc\n", "data/golden.dvc"),
    ],
)
def test_what_has_no_owner_is_named(tmp_path: Path, text: str, bare: str) -> None:
    (finding,) = unowned(project(tmp_path, text))
    assert finding.what == f".github/CODEOWNERS names no owner for {bare}."


def test_without_the_file_nobody_need_be_asked(tmp_path: Path) -> None:
    (finding,) = unowned(project(tmp_path, None, ci="gitlab"))
    assert finding.what == "There is no CODEOWNERS: nobody need be asked."


def test_gitlab_reads_sections_and_its_own_pipeline(tmp_path: Path) -> None:
    assert unowned(project(tmp_path, "[Judges] @a\n* @team\n^[More]\n", ci="gitlab")) == []
