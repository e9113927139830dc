"""gate.yaml: what it accepts, and the one sentence with which it refuses the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from jinja2 import Environment

import policy_schema
from fearless.core.errors import FearlessError
from fearless.gate.metrics import METRICS
from fearless.gate.policy import (
    Budgets,
    Calibration,
    CheckLine,
    Policy,
    Slices,
    TooGood,
    Value,
    load,
    metrics_of,
    parse,
    requirements,
)
from fearless.gate.rules import Rule

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "template" / "gate.yaml.jinja"
REFERENCE = ROOT / "docs" / "reference" / "gate-policy.md"


def policy_with(**changed: Any) -> Policy:
    content: dict[str, Any] = {"version": 1, "checks": [{"metric": "log_loss", "min_skill": 0.1}]}
    return parse({**content, **changed})


def refusal(**changed: Any) -> str:
    with pytest.raises(FearlessError) as caught:
        policy_with(**changed)
    return str(caught.value)


def rendered(example: str, profile: str) -> str:
    # As Copier renders it: YAML is no HTML, and nothing in it is escaped.
    environment = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701
    text = TEMPLATE.read_text(encoding="utf-8")
    return environment.from_string(text).render(example=example, profile=profile)


def test_a_short_file_gets_every_default() -> None:
    policy = policy_with()
    assert policy.confidence == 0.95
    assert policy.floor_mode == "confident"
    assert (policy.on_inconclusive.pull_request, policy.on_inconclusive.release) == ("warn", "fail")
    assert policy.retrain == "pull_request"
    assert policy.baselines == ["constant", "one_feature", "linear"]
    assert policy.too_good is None


@pytest.mark.parametrize("example", ["churn", "travel-delay", "none"])
@pytest.mark.parametrize("profile", ["light", "regulated"])
def test_the_rendered_file_is_read(example: str, profile: str, tmp_path: Path) -> None:
    path = tmp_path / "gate.yaml"
    path.write_text(rendered(example, profile), encoding="utf-8")
    policy = load(path)
    assert policy.on_inconclusive.pull_request == ("fail" if profile == "regulated" else "warn")
    tasks = {"churn": ["binary"], "travel-delay": ["regression"], "none": ["binary", "regression"]}
    for task in tasks[example]:
        assert any(each.rule == "min_skill" for each in requirements(policy, task))


# The rendered file is the user's and stays as 0.1.0 made it; these keys came later and stand in the reference alone.
LATER = {"calibration", "slices", "value", "budgets"}


@pytest.mark.parametrize("example", ["churn", "travel-delay", "none"])
def test_the_rendered_file_shows_every_key_of_its_release_and_leaves_no_jinja(example: str) -> None:
    text = rendered(example, "light")
    assert set(yaml.safe_load(text)) == set(Policy.model_fields) - LATER
    assert "{%" not in text
    assert "{{" not in text
    assert max(len(line) for line in text.splitlines()) <= 116


def test_the_example_in_the_reference_is_read_and_names_every_key_and_metric() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    assert example is not None
    assert set(yaml.safe_load(example[1])) == set(Policy.model_fields)
    parse(yaml.safe_load(example[1]))
    sections = (Policy, CheckLine, TooGood, Calibration, Slices, Value, Budgets)
    for name in (*(name for each in sections for name in each.model_fields), *METRICS):
        assert f"`{name}`" in text


def test_primary_is_the_proper_loss_of_the_task() -> None:
    policy = policy_with(checks=[{"metric": "primary", "min_skill": 0.1, "max_skill_drop": 0.01}])
    assert [each.id for each in requirements(policy, "binary")] == [
        "log_loss.min_skill",
        "log_loss.max_skill_drop",
    ]
    assert requirements(policy, "regression")[0].metric == "mse"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"confidense": 0.9}, "gate.yaml: confidense: this key is not known. Did you mean `confidence`?"),
        ({"Calibration": {}}, "gate.yaml: Calibration: this key is not known. Did you mean `calibration`?"),
        ({"checks": [{"metric": "ROC_AUC"}]}, "`ROC_AUC` is not known. Did you mean `roc_auc`?"),
        ({"zzz": {}}, "gate.yaml: zzz: this key is not known. Valid: version, confidence,"),
        ({"slice": {}}, "gate.yaml: slice: this key is not known. Did you mean `slices`?"),
        ({"slices": {}}, "gate.yaml: slices.by: is missing. Add that line."),
        ({"slices": {"by": []}}, "gate.yaml: slices.by:"),
        ({"slices": {"by": ["a", "a"]}}, "gate.yaml: slices.by: names one of them twice."),
        (
            {"slices": {"by": ["a"], "min_row": 9}},
            "slices.min_row: this key is not known. Did you mean `min_rows`?",
        ),
        (
            {"slices": {"by": ["a"], "min_rows": 5}},
            "slices.min_rows: must be greater than or equal to 20, not 5.",
        ),
        (
            {"slices": {"by": ["a"], "correction": "none"}},
            "slices.correction: must be holm, not the text 'none'.",
        ),
        ({"calibration": {"ece_max": 3}}, "calibration.ece_max: must be less than 1, not 3."),
        ({"budgets": {}}, "gate.yaml: budgets: asks nothing. Give it one of: p95_ms_ratio, model_mb."),
        ({"budgets": {"model_mb": 0}}, "budgets.model_mb: must be greater than 0, not 0."),
        ({"value": {"per": "customer"}}, "gate.yaml: value.currency: is missing."),
        (
            {"checks": [{"metric": "value", "floor": 1}]},
            "gate.yaml: checks[0]: `value` has no worth to count with. Say under `value:`",
        ),
        (
            {"checks": [{"metric": "shop.metrics:profit", "floor": 1}]},
            "gate.yaml: checks[0].direction: is missing. Say whether `higher` or `lower` is better.",
        ),
        (
            {"checks": [{"metric": "shop.metrics:cost", "direction": "lower", "floor": 1}]},
            "checks[0].floor: lower is better for `shop.metrics:cost`. Use `ceiling`.",
        ),
        (
            {"checks": [{"metric": "shop.metrics:profit", "direction": "higher", "min_skill": 0.1}]},
            "checks[0].min_skill: `shop.metrics:profit` has no skill",
        ),
        (
            {"checks": [{"metric": "roc_auc", "direction": "higher", "floor": 0.8}]},
            "checks[0].direction: `roc_auc` has its own. Remove that key.",
        ),
        (
            {"checks": [{"metric": "log_loss", "min_skil": 0.1}]},
            "gate.yaml: checks[0].min_skil: this key is not known. Did you mean `min_skill`?",
        ),
        ({"too_good": {"skil": 0.9}}, "too_good.skil: this key is not known. Did you mean `skill`?"),
        (
            {"on_inconclusive": {"pull_requests": "warn"}},
            "on_inconclusive.pull_requests: this key is not known. Did you mean `pull_request`?",
        ),
        (
            {"checks": [{"metric": "rocauc", "floor": 0.7}]},
            "gate.yaml: checks[0].metric: `rocauc` is not known. Did you mean `roc_auc`?",
        ),
        ({"confidence": "high"}, "gate.yaml: confidence: must be a valid number, not the text 'high'."),
        ({"confidence": 95}, "gate.yaml: confidence: must be less than 1, not 95."),
        ({"confidence": float("nan")}, "gate.yaml: confidence: must be"),
        ({"confidence": None}, "gate.yaml: confidence: must be a valid number, not empty."),
        (
            {"floor_mode": "pont"},
            "floor_mode: must be confident or point, not the text 'pont'. Did you mean `point`?",
        ),
        ({"on_inconclusive": "warn"}, "on_inconclusive: must hold `key: value` lines, not the text 'warn'."),
        ({"retrain": True}, "retrain: must be never, nightly or pull_request, not True."),
        ({"checks": {"metric": "log_loss"}}, "gate.yaml: checks: must be a valid list"),
        (
            {"checks": ["log_loss"]},
            "gate.yaml: checks[0]: must hold `key: value` lines, not the text 'log_loss'.",
        ),
        ({"checks": [{"min_skill": 0.1}]}, "gate.yaml: checks[0].metric: is missing. Add that line."),
        (
            {"checks": [{"metric": "log_loss"}]},
            "gate.yaml: checks[0]: asks nothing of `log_loss`. Give it one of:",
        ),
        (
            {"checks": [{"metric": "roc_auc", "max_drop": 0.0}]},
            "checks[0].max_drop: must be above 0 and at most 1 for `roc_auc`, since with no margin even",
        ),
        (
            {"checks": [{"metric": "log_loss", "min_skill": 1.0}]},
            "checks[0].min_skill: must be at least -1 and below 1, not 1.",
        ),
        (
            {"checks": [{"metric": "log_loss", "floor": 0.3}]},
            "checks[0].floor: lower is better for `log_loss`. Use `ceiling`.",
        ),
        (
            {"checks": [{"metric": "roc_auc", "max_rise": 0.3}]},
            "checks[0].max_rise: higher is better for `roc_auc`. Use `max_drop`.",
        ),
        ({"baselines": ["linear", "lineer"]}, "baselines[1]: must be constant, one_feature or linear"),
        ({"baselines": ["linear", "linear"]}, "gate.yaml: baselines: names one of them twice."),
        ({"too_good": {"reviewed": "me"}}, "gate.yaml: too_good.skill: is missing."),
        ({"version": 2}, "gate.yaml has version 2, and this toolkit reads version 1."),
        ({"version": 0}, "gate.yaml: version: must be greater than or equal to 1, not 0."),
        ({"version": "1"}, "gate.yaml: version: must be a valid integer, not the text '1'."),
        ({"version": True}, "gate.yaml: version: must be a valid integer, not True."),
    ],
)
def test_a_mistake_is_answered_with_its_place_and_its_remedy(changed: dict[str, Any], said: str) -> None:
    assert said in refusal(**changed)


def test_each_mistake_gets_a_sentence_of_its_own() -> None:
    said = refusal(confidence="high", retrain="weekly").splitlines()
    assert [line.split(":")[1] for line in said] == [" confidence", " retrain"]


@pytest.mark.parametrize(
    ("checks", "task", "said"),
    [
        (
            [{"metric": "roc_auc", "floor": 0.7}],
            "regression",
            "`roc_auc` judges binary targets, and this is regression",
        ),
        (
            [{"metric": "primary", "min_skill": 0.1}, {"metric": "log_loss", "min_skill": 0.2}],
            "binary",
            "`log_loss` has a min_skill already",
        ),
        ([{"metric": "primary", "floor": 0.1}], "binary", "lower is better for `log_loss`. Use `ceiling`."),
    ],
)
def test_what_only_the_task_can_show_is_refused_then(
    checks: list[dict[str, Any]], task: str, said: str
) -> None:
    with pytest.raises(FearlessError, match=re.escape(said)):
        requirements(policy_with(checks=checks), task)


def test_a_metric_of_another_task_is_a_sentence_whoever_asks_first() -> None:
    with pytest.raises(FearlessError, match=re.escape("`roc_auc` judges binary targets")):
        metrics_of(policy_with(checks=[{"metric": "roc_auc", "floor": 0.7}]), "regression")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1\nchecks: " + "[" * 900 + "]" * 900, "gate.yaml: checks[0]: must hold"),
        ("version: 1\nchecks: " + "[" * 9000 + "]" * 9000, "gate.yaml"),
        ("version: 1\nchecks:\n- {metric: mse, max_rise: " + "9" * 5000 + "}", "gate.yaml is not valid YAML"),
        ("version: 1\nconfidence: 2026-13-45\nchecks: []", "gate.yaml is not valid YAML: month must be in"),
    ],
)
def test_what_yaml_itself_cannot_hold_is_a_sentence_too(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "gate.yaml").write_text(text)
    with pytest.raises(FearlessError, match=re.escape(said)):
        load(tmp_path / "gate.yaml")


def test_every_rule_is_a_key_of_a_check() -> None:
    assert {"metric", "threshold", "direction", *get_args(Rule)} == set(CheckLine.model_fields)


def test_a_threshold_makes_a_metric_of_its_own_beside_the_one_at_one_half() -> None:
    policy = policy_with(
        checks=[
            {"metric": "f1", "floor": 0.5},
            {"metric": "f1", "threshold": 0.3, "floor": 0.6, "max_drop": 0.02},
            {"metric": "recall", "threshold": 0.5, "floor": 0.5},
        ]
    )
    assert [each.id for each in requirements(policy, "binary")] == [
        "f1.floor",
        "f1@0.3.floor",
        "f1@0.3.max_drop",
        "recall.floor",
    ]
    assert set(metrics_of(policy, "binary")) == {"f1", "f1@0.3", "recall"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"metric": "primary", "min_skill": -1.5}, "min_skill: must be at least -1 and below 1, not -1.5."),
        ({"metric": "mse", "min_skill": 35}, "min_skill: must be at least -1 and below 1, not 35."),
        ({"metric": "mae", "max_skill_drop": 50}, "max_skill_drop: must be above 0 and at most 1, not 50."),
        (
            {"metric": "roc_auc", "floor": -5},
            "floor: must be at least 0 and at most 1 for `roc_auc`, not -5.",
        ),
        (
            {"metric": "roc_auc", "floor": 85},
            "floor: must be at least 0 and at most 1 for `roc_auc`, not 85.",
        ),
        (
            {"metric": "roc_auc", "max_drop": 99},
            "max_drop: must be above 0 and at most 1 for `roc_auc`, not 99.",
        ),
        (
            {"metric": "brier", "ceiling": 1.2},
            "ceiling: must be at least 0 and at most 1 for `brier`, not 1.2.",
        ),
        ({"metric": "log_loss", "ceiling": -0.1}, "ceiling: must be at least 0 for `log_loss`, not -0.1."),
        ({"metric": "primary", "ceiling": -0.1}, "ceiling: must be at least 0 for `primary`, not -0.1."),
        (
            {"metric": "rmse", "max_rise": 0},
            "max_rise: must be above 0 for `rmse`, since with no margin even",
        ),
        (
            {"metric": "f1", "min_skill": 0.3},
            "min_skill: `f1` has no skill, since saying the same of every row may reach any value. Use `floor`.",
        ),
        ({"metric": "recall", "max_skill_drop": 0.3}, "max_skill_drop: `recall` has no skill"),
        ({"metric": "roc_auc", "threshold": 0.3, "floor": 0.8}, "threshold: `roc_auc` has none."),
        ({"metric": "f1", "threshold": 1.3, "floor": 0.8}, "threshold: must be less than 1, not 1.3."),
        ({"metric": "mcc", "floor": -1.5}, "floor: must be at least -1 and at most 1 for `mcc`, not -1.5."),
        ({"metric": "r2", "floor": 1.00000001}, "floor: must be at most 1 for `r2`, not 1.00000001."),
    ],
)
def test_a_number_that_the_metric_cannot_have_is_refused_with_its_range(
    line: dict[str, Any], said: str
) -> None:
    assert f"gate.yaml: checks[0].{said}" in refusal(checks=[line])


@pytest.mark.parametrize(
    "line",
    [
        {"metric": "primary", "min_skill": -1, "max_skill_drop": 1, "ceiling": 0},
        {"metric": "roc_auc", "floor": 1, "max_drop": 1},
        {"metric": "log_loss", "ceiling": 20, "max_rise": 3},
        {"metric": "mae", "ceiling": 1e6, "max_rise": 1e5},
        {"metric": "r2", "floor": -3, "max_drop": 2},
    ],
)
def test_the_ends_of_a_range_are_in_it(line: dict[str, Any]) -> None:
    assert policy_with(checks=[line]).checks[0].metric == line["metric"]


@pytest.mark.parametrize("given", ["", "  "])
def test_a_review_that_says_nothing_is_refused(given: str) -> None:
    said = refusal(too_good={"skill": 0.98, "reviewed": given})
    assert said.startswith("gate.yaml: too_good.reviewed: must say who looked for the leak")
    assert f"not the text '{given}'." in said
    assert policy_with(too_good={"skill": 0.98, "reviewed": "Ada, in May, a sure rule"}).too_good


ANSWERS = {"true_positive": 40, "false_positive": -5, "false_negative": -60, "true_negative": 0}


@pytest.mark.parametrize(
    ("task", "given", "fits"),
    [
        ("binary", ANSWERS, True),
        ("binary", {**ANSWERS, "threshold": 0.2}, True),
        ("binary", {name: ANSWERS[name] for name in list(ANSWERS)[:3]}, False),
        ("binary", {**ANSWERS, "per_unit_error": -3}, False),
        ("regression", {"per_unit_error": -3}, True),
        ("regression", ANSWERS, False),
    ],
)
def test_the_worth_of_an_answer_needs_what_its_task_has(task: str, given: dict[str, Any], fits: bool) -> None:
    policy = policy_with(
        checks=[{"metric": "primary", "min_skill": 0.1}, {"metric": "value", "floor": 2.5, "max_drop": 9}],
        value={"currency": "EUR", "per": "customer", **given},
    )
    if fits:
        assert [each.id for each in requirements(policy, task)][1:] == ["value.floor", "value.max_drop"]
    else:
        with pytest.raises(FearlessError, match=f"value: a {task} target needs"):
            requirements(policy, task)


def test_the_schema_for_editors_is_made_from_the_types() -> None:
    assert policy_schema.SCHEMA.read_text(encoding="utf-8") == policy_schema.text(), (
        "run hooks/policy_schema.py"
    )


@pytest.mark.parametrize("example", ["churn", "travel-delay", "none"])
def test_the_schema_takes_what_the_toolkit_takes(example: str) -> None:
    checked = jsonschema.Draft202012Validator(policy_schema.schema())
    reference = re.search(r"```yaml\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert reference is not None
    for text in (rendered(example, "regulated"), reference[1]):
        checked.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "changed",
    [
        {"confidense": 0.9},
        {"confidence": 95},
        {"checks": [{"metric": "rocauc", "floor": 0.7}]},
        {"checks": [{"metric": "shop.metrics", "floor": 0.7}]},
        {"slices": {"by": []}},
        {"budgets": {"model_mb": 0}},
        {"version": 2},
    ],
)
def test_the_schema_refuses_what_the_toolkit_refuses(changed: dict[str, Any]) -> None:
    content = {"version": 1, "checks": [{"metric": "log_loss", "min_skill": 0.1}], **changed}
    assert not jsonschema.Draft202012Validator(policy_schema.schema()).is_valid(content)
    assert refusal(**changed)
