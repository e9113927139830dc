"""The page of frozen names says what the files say."""

from __future__ import annotations

import re

import yaml

from .conftest import ROOT
from .test_questions import FROZEN_CHOICES, QUESTIONS

PAGE = (ROOT / "docs" / "reference" / "frozen-surface.md").read_text(encoding="utf-8")


def test_the_page_names_every_question_and_choice() -> None:
    for word in [*QUESTIONS, *(choice for choices in FROZEN_CHOICES.values() for choice in choices)]:
        assert f"`{word}`" in PAGE, word


def test_the_team_s_code_may_import_what_the_page_names_and_at_most_eight_names() -> None:
    from fearless import api

    listed = re.search(r"at most eight names: (.*)\.\n", PAGE)
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == set(api.__all__)
    assert len(api.__all__) <= 8
    assert api.MODEL_API == 1


def test_secrets_have_the_same_names_in_ci_in_the_example_and_on_the_page() -> None:
    workflow = next((ROOT / "template").rglob("fearless-pull-request.yml")).read_text(encoding="utf-8")
    secrets = set(re.findall(r"secrets\.(\w+)", workflow))
    example = (ROOT / "template" / ".env.example").read_text(encoding="utf-8")
    script = (ROOT / "template" / "fearless" / "ci" / "pull.sh").read_text(encoding="utf-8")
    for name in secrets:
        assert name in example, name
        assert name in script, name
        assert f"`{name}`" in PAGE, name
    assert set(re.findall(r"^#(\w+)=", example, re.MULTILINE)) <= secrets | {"GOOGLE_APPLICATION_CREDENTIALS"}


def test_the_stages_and_outputs_are_the_frozen_ones() -> None:
    text = (ROOT / "template" / "dvc.yaml.jinja").read_text(encoding="utf-8")
    pipeline = yaml.safe_load(text.replace("{{ package_name }}", "package"))
    outputs = [
        out if isinstance(out, str) else next(iter(out))
        for s in pipeline["stages"].values()
        for out in s["outs"]
    ]
    assert outputs == ["data/prepared", "models/candidate", "ops/reports"]
    assert all(
        f"`{name}`" in PAGE for name in [*outputs, *(stage["cmd"] for stage in pipeline["stages"].values())]
    )
