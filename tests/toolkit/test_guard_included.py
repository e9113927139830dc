"""GitLab runs what .gitlab-ci.yml says: the template's pipeline must be in it, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.guard.included import included

PIPELINE = "fearless:\n  script: [fearless gate]\nfearless:check:\n  script: [fearless check]\n.hidden:\n  image: x\n"


def project(root: Path, own: str | None, ci: str = "gitlab") -> Project:
    (root / ".gitlab" / "fearless").mkdir(parents=True)
    (root / ".gitlab" / "fearless" / "pipeline.yml").write_text(PIPELINE, "utf-8")
    (root / ".copier-answers.yml").write_text(f"ci: {ci}\n", "utf-8")
    if own is not None:
        (root / ".gitlab-ci.yml").write_text(own, "utf-8")
    return Project(root)


@pytest.mark.parametrize(
    "own",
    [
        "include:\n  - local: /.gitlab/fearless/pipeline.yml\n",
        "include: /.gitlab/fearless/pipeline.yml\n",
        "include: [{local: .gitlab/fearless/pipeline.yml}]\n",
        "include:\n  - local: [/ours.yml, /.gitlab/fearless/pipeline.yml]\nown:\n  script: [date]\n",
        "include: [{local: /.gitlab/fearless/pipeline.yml}]\nfearless:\n  tags: [gpu]\n  image: python:3.13\n",
        "include: [{local: /.gitlab/fearless/pipeline.yml}]\nown:\n  script:\n    - !reference [.hidden, script]\n",
    ],
)
def test_a_pipeline_that_is_taken_in_whole_is_content(tmp_path: Path, own: str) -> None:
    assert included(project(tmp_path, own)) == []


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ("own:\n  script: [date]\n", "does not include /.gitlab/fearless/pipeline.yml"),
        ("", "does not include"),
        ("include: [{local: /.gitlab/fearless/pipeline.yml, rules: [{if: $A}]}]\n", "does not include"),
        (
            "include: [{local: /.gitlab/fearless/pipeline.yml}]\nfearless: {script: ['true']}\n",
            "replaces `script` of the template's job `fearless`",
        ),
        (
            "include: /.gitlab/fearless/pipeline.yml\nfearless:check: {allow_failure: true}\n",
            "replaces `allow_failure` of the template's job `fearless:check`",
        ),
        (
            "include: /.gitlab/fearless/pipeline.yml\nfearless: {rules: [{when: never}], tags: [a]}\n",
            "replaces `rules`",
        ),
        ("include: /.gitlab/fearless/pipeline.yml\nfearless:\n", "replaces `everything`"),
        (
            "include: /.gitlab/fearless/pipeline.yml\n.hidden: {allow_failure: true}\n",
            "replaces `allow_failure` of the template's job `.hidden`",
        ),
        (
            "include: /.gitlab/fearless/pipeline.yml\nvariables: {CI_MERGE_REQUEST_IID: ''}\n",
            "sets `CI_MERGE_REQUEST_IID` for all jobs",
        ),
        (
            "include: /.gitlab/fearless/pipeline.yml\nfearless: {variables: {PYTHONPATH: x}}\n",
            "sets `PYTHONPATH` for `fearless`",
        ),
    ],
)
def test_what_keeps_the_template_s_jobs_from_running_is_named(tmp_path: Path, own: str, named: str) -> None:
    (finding,) = included(project(tmp_path, own))
    assert named in finding.what


@pytest.mark.parametrize("pattern", ["/ci/ours.yml", "ci/*.yml", "/ci/**.yml", "**/*.yml"])
def test_a_file_of_the_repository_that_is_included_as_well_is_looked_at(tmp_path: Path, pattern: str) -> None:
    own = f"include: [/.gitlab/fearless/pipeline.yml, {{local: '{pattern}'}}, 'https://example.com/a.yml']\n"
    here = project(tmp_path, own)
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "ours.yml").write_text("include: /ci/more.yml\nown: {script: [date]}\n", "utf-8")
    assert included(here) == []
    (tmp_path / "ci" / "more.yml").write_text("fearless: {script: ['true']}\n", "utf-8")
    assert [finding.what for finding in included(here)] == [
        "ci/more.yml replaces `script` of the template's job `fearless`."
    ]


def test_a_missing_file_is_a_sentence_and_github_has_none(tmp_path: Path) -> None:
    with pytest.raises(FearlessError, match=r"\.gitlab-ci\.yml is missing: nothing judges a change"):
        included(project(tmp_path / "a", None))
    assert included(project(tmp_path / "b", None, ci="github")) == []
