"""columns.yaml: what is accepted, and every gap told by name with the way to close it."""

from __future__ import annotations

from typing import Any

import pytest

from fearless.columns import dictionary as dictionaries
from fearless.columns.dictionary import Dictionary, gaps, parse, says_nothing
from fearless.core.errors import FearlessError

from .conftest import Tree


def refusal(tree: Tree) -> str:
    with pytest.raises(FearlessError) as caught:
        dictionaries.load(tree.root)
    return str(caught.value)


def test_a_complete_dictionary_has_no_gap(tree: Tree) -> None:
    assert gaps(tree.dictionary) == []
    assert tree.dictionary.known == ["customer", "day", "calls", "fee", "plan", "loyal"]


def test_the_target_is_not_known_even_where_the_file_says_so() -> None:
    column = {"type": "boolean", "description": "Cancelled", "known_at_prediction": True}
    other = {"type": "integer", "description": "Service calls", "known_at_prediction": True}
    read = parse(
        {"version": 1, "task": "binary", "target": "left", "columns": {"left": column, "calls": other}}
    )
    assert read.known == ["calls"]
    assert read.why_not_known("left") == "it is what the model predicts"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("target: left", "target: gone", "names `gone` as its target, and there is no such column"),
        ("time: day", "time: moment", "names `moment` as its time"),
        ("time: day", "time: day\ngroup: household", "names `household` as its group"),
        ("key: [customer]", "key: [customer, shop]", "names `shop` in its key"),
        ("time: day", "time: calls", "`calls` is the time and must be a date or datetime"),
        ("Number of the customer", "TODO say what", "`customer` has no meaningful description"),
        ("The tariff", "plan", "`plan` has no meaningful description"),
        ("The monthly fee", '""', "`fee` has no meaningful description"),
        (
            "    reason: it counts the call that cancels\n",
            "",
            "`all_calls` is not known at prediction time and gives no",
        ),
        (
            "reason: it counts the call that cancels",
            "reason: tbd",
            "`all_calls` is not known at prediction time",
        ),
        ("    levels: [basic, plus]\n", "", "`plan` is a category without levels"),
        ("levels: [basic, plus]", "levels: [basic, basic]", "`plan` names a level twice"),
        ("range: [0, 60]", "range: [60, 0]", "`calls` has an empty range [60.0, 0.0]"),
        (
            "levels: [basic, plus]",
            "levels: [basic, plus]\n    range: [0, 1]",
            "`plan` has a range but is a category",
        ),
        ("range: [0, 60]", "levels: [a, b]", "`calls` has levels but is a integer"),
        (
            "Number of the customer",
            "Number of the customer\n    missing: true",
            "`customer` is part of the key",
        ),
        ("key: [customer]", "key: [customer, left]", "`left` is the target and cannot be the key too"),
        ("time: day", "time: day\ngroup: left", "`left` is the target and cannot be the group too"),
        (
            "time: day",
            'time: day\npositive: "no"',
            "`left` is a boolean, and only a text target has a `positive:`",
        ),
        ("task: binary", "task: regression", "`left` is a boolean, and a regression needs a number"),
        (
            "was cancelled\n    known_at_prediction: false",
            "was cancelled\n    known_at_prediction: true",
            "`left` is the target and cannot be known at prediction time",
        ),
    ],
)
def test_a_gap_is_named_with_its_column(tree: Tree, old: str, new: str, sentence: str) -> None:
    tree.columns(old, new)
    said = refusal(tree)
    assert sentence in said
    assert said.startswith("columns.yaml: ")


def test_every_gap_tells_how_to_close_it(tree: Tree) -> None:
    tree.columns("target: left", "target: gone").columns("The tariff", '"?"').columns(
        "range: [0, 60]", "range: [9, 1]"
    )
    found = gaps(dictionaries.read_open(tree.root))
    assert len(found) >= 3
    assert all(gap.fix for gap in found)
    assert f"({len(found) - 1} more of this kind.)" in refusal(tree)


def test_a_dictionary_without_a_single_known_column_is_refused(tree: Tree) -> None:
    path = tree.root / "columns.yaml"
    text = path.read_text(encoding="utf-8").replace("known_at_prediction: true", "known_at_prediction: false")
    path.write_text(
        text.replace("known_at_prediction: false\n", "known_at_prediction: false\n    reason: later\n")
    )
    path.write_text(path.read_text(encoding="utf-8").replace("    reason: later\n    reason:", "    reason:"))
    assert "marks no column but the target as known" in refusal(tree)


@pytest.mark.parametrize(
    ("positive", "levels", "is_fine"),
    [
        ('"yes"', '["no", "yes"]', True),
        ("yes", "[no, yes]", True),  # without quotes they are the same words, not truth values
        ("1", "[1, 2]", True),
        ("maybe", "[no, yes]", False),
        ("yes", "[no, yes, maybe]", False),
        ("yes", "[yes]", False),
    ],
)
def test_a_text_target_needs_two_levels_and_one_to_predict(
    tree: Tree, positive: str, levels: str, is_fine: bool
) -> None:
    tree.columns("target: left", f"target: left\npositive: {positive}")
    tree.columns(
        "type: boolean\n    description: Whether the contract",
        f"type: category\n    levels: {levels}\n    description: Whether the contract",
    )
    if is_fine:
        assert tree.dictionary.positive == positive.strip('"')
    else:
        said = refusal(tree)
        two = "Write there which of its two levels is predicted: `no` or `yes`."
        assert (two if positive == "maybe" else "Give it two `levels`") in said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("\n", "`left` is text, and `positive:` at the top is missing. Write there which"),
        (
            "\npositive: TODO which of no and yes is predicted\n",
            "`positive:` at the top says `TODO which of no and yes is predicted`. Write there which of its two levels",
        ),
    ],
)
def test_a_positive_that_nobody_chose_is_asked_for(tree: Tree, line: str, sentence: str) -> None:
    tree.columns("target: left\n", f"target: left{line}")
    tree.columns(
        "type: boolean\n    description: Whether the contract",
        "type: category\n    levels: [no, yes]\n    description: Whether the contract",
    )
    assert sentence in refusal(tree)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[no, yes]", ("no", "yes")),
        ("[on, off]", ("on", "off")),
        ("[01, 1]", ("01", "1")),
        ("[1.50, 1e3]", ("1.50", "1e3")),
        ("[2024-01-01, null]", ("2024-01-01", "null")),
        ('["a, b", "#1"]', ("a, b", "#1")),
    ],
)
def test_levels_are_the_text_that_stands_in_the_file(tree: Tree, written: str, read: tuple[str, ...]) -> None:
    tree.columns("[basic, plus]", written)
    assert tree.dictionary.columns["plan"].levels == read


@pytest.mark.parametrize("name", ["yes", "null", "2024", "1.5", "on"])
def test_a_column_may_be_called_like_a_yaml_constant(tree: Tree, name: str) -> None:
    tree.columns("  customer:\n", f"  {name}:\n").columns("key: [customer]", f"key: {name}")
    assert tree.dictionary.key == (name,)
    assert name in tree.dictionary.columns


@pytest.mark.parametrize(("word", "truth"), [("true", True), ("yes", True), ("False", False), ("no", False)])
def test_the_truth_values_of_yaml_are_understood(tree: Tree, word: str, truth: bool) -> None:
    tree.columns("missing: true", f"missing: {word}")
    assert tree.dictionary.columns["calls"].missing is truth


def test_a_range_may_be_open_on_one_side(tree: Tree) -> None:
    tree.columns("range: [0, 60]", "range: [-.inf, 60.5]")
    assert tree.dictionary.columns["calls"].range == (float("-inf"), 60.5)


def test_empty_roles_mean_none(tree: Tree) -> None:
    tree.columns("key: [customer]", "key:").columns("time: day", "time:")
    assert (tree.dictionary.key, tree.dictionary.time) == ((), "")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("    missing: true", "    mising: true", "Did you mean `missing`?"),
        ("target: left", "targt: left", "Did you mean `target`?"),
        ("    missing: true", "    shade: red", "Valid keys: "),
        ("version: 1", "version: 2", "`version` is 2"),
        ("version: 1\n", "", "`version` is missing"),
        ("type: category", "type: categorical", "`columns.plan.type` is 'categorical'"),
        (
            "missing: true",
            "missing: sometimes",
            "`columns.calls.missing` is 'sometimes'. Write true or false.",
        ),
        ("range: [0, 60]", "range: [0, many]", "`columns.calls.range.1` is 'many'"),
        ("range: [0, 60]", "range: 60", "`columns.calls.range` is '60'"),
        ("    description: The tariff\n", "", "`columns.plan.description` is missing"),
        (
            "version: 1",
            "version: 1\nversion: 1",
            "line 2, column 1 is not valid YAML: the key `version` is there twice",
        ),
        ("  fee:\n", "  calls:\n", "the key `calls` is there twice"),
    ],
)
def test_a_wrong_line_is_answered_with_what_would_be_right(
    tree: Tree, old: str, new: str, sentence: str
) -> None:
    tree.columns(old, new)
    assert sentence in refusal(tree)


def test_a_dictionary_without_columns_names_the_command_that_drafts_one(tree: Tree) -> None:
    tree.write("columns.yaml", "version: 1\ntask: binary\ntarget: left\ncolumns:\n")
    assert "uv run fearless columns draft" in refusal(tree)


def test_a_change_is_seen_at_once(tree: Tree) -> None:
    assert tree.dictionary.columns["plan"].description == "The tariff"
    tree.columns(
        "The tariff", "The faring"
    )  # of the same length, in the same tick of the file system's clock
    assert tree.dictionary.columns["plan"].description == "The faring"


@pytest.mark.parametrize(
    "text", ["", "  ", "TODO", "todo: ask Ann", "TBD", "-", "n/a", "ab", "Monthly Fee", "monthly_fee"]
)
def test_placeholders_say_nothing(text: str) -> None:
    assert says_nothing(text, "monthly_fee")


@pytest.mark.parametrize("text", ["The fee", "Age in years", "Nonexistent addresses"])
def test_sentences_say_something(text: str) -> None:
    assert not says_nothing(text, "monthly_fee")


def test_why_not_known_is_the_reason_in_the_file(tree: Tree) -> None:
    read: Dictionary = tree.dictionary
    answers: dict[str, Any] = {name: read.why_not_known(name) for name in ("calls", "all_calls", "no_such")}
    assert answers == {"calls": None, "all_calls": "it counts the call that cancels", "no_such": None}
