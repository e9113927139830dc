"""report.json: stable bytes, a schema that its reference page explains, and a room that stays light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np

from fearless.gate.findings import Check, Estimate, GoldenSet, Model, Report, Slice, Trial, Worth
from fearless.gate.policy import parse
from fearless.gate.verdict import judge

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "gate-report.md"
CONTEXT = {"toolkit": "0.1.0", "policy_sha256": "ab" * 32, "champion": None}


def report() -> Report:
    draw = np.random.default_rng(0)
    chance = draw.random(500)
    y = (draw.random(500) < chance).astype(np.float64)
    policy = parse(
        {"version": 1, "checks": [{"metric": "primary", "min_skill": 0.05}], "baselines": ["constant"]}
    )
    described = {"constant": "always says 0.5"}
    baselines = {"constant": np.full(500, 0.5)}
    return judge(policy, "binary", y, chance, None, baselines, descriptions=described, context=CONTEXT)


def said_by(code: str) -> str:
    """What a fresh interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "template" / "fearless" / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()


def test_the_same_judgement_gives_the_same_bytes() -> None:
    first, second = report().to_json(), report().to_json()
    assert first == second
    assert first.endswith("}\n")
    assert "\r" not in first
    assert json.dumps(json.loads(first), sort_keys=True) == json.dumps(json.loads(first))


def test_the_report_holds_who_judged_what_and_the_policy_as_understood() -> None:
    content = report().to_dict()
    assert content["schema"] == 1
    assert content["context"] == CONTEXT
    assert content["policy"]["confidence"] == 0.95
    assert content["golden"]["rows"] == 500
    assert content["models"][1]["description"] == "always says 0.5"
    assert "NaN" not in report().to_json()


def test_the_reference_explains_every_field() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    for shape in (Report, Check, Model, Estimate, Slice, Worth, GoldenSet, Trial):
        for each in fields(shape):
            assert f"`{each.name}`" in text, f"{shape.__name__}.{each.name} is not in {REFERENCE.name}"


def test_judging_imports_nothing_heavier_than_numpy_and_pydantic() -> None:
    code = (
        "import sys, fearless.gate.verdict, fearless.gate.baselines, fearless.report.text\n"
        "heavy = {'polars', 'scipy', 'sklearn', 'rich', 'onnxruntime', 'pandas', 'dvc'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    assert said_by(code) == ""


def test_reports_import_no_room() -> None:
    code = (
        "import sys, fearless.report.text, fearless.report.markdown\n"
        "print(*sorted(name for name in sys.modules if name.startswith('fearless.gate') or name == 'numpy'))"
    )
    assert said_by(code) == ""
