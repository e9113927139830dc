"""The guard of QUESTION.md: its head can be read and answers every key that was promised."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from jinja2 import Environment

from fearless.core.errors import FearlessError
from fearless.guard.question import (
    KEYS,
    REGULATED_KEYS,
    do_nothing,
    read_question,
    unanswered,
    unreadable,
)

from .conftest import Tree

ROOT = Path(__file__).parents[2]


def head(*left_out: str, **changed: str) -> str:
    """A QUESTION.md with an answer to every key but those left out."""
    answers = {"version": "1", **dict.fromkeys((*KEYS, *REGULATED_KEYS), "TODO"), **changed}
    lines = [f"{key}: {value}\n" for key, value in answers.items() if key not in left_out]
    return f"---\n{''.join(lines)}---\n\n# The question\n"


def asked(tree: Tree, text: str) -> list[str]:
    (tree.root / "QUESTION.md").write_bytes(text.encode())
    return [finding.what for finding in unreadable(tree.project)]


def test_a_question_with_every_key_passes_and_todo_is_an_answer(tree: Tree) -> None:
    assert asked(tree, head()) == []
    assert asked(tree, "\ufeff" + head(review="2027-02-30").replace("\n", "\r\n")) == []


def test_keys_of_a_question_that_are_missing_or_empty_are_each_named(tree: Tree) -> None:
    assert asked(tree, head("decision", horizon="", owners="[]")) == [
        "QUESTION.md: the key `decision` is missing.",
        "QUESTION.md: `horizon` is empty.",
        "QUESTION.md: `owners` is empty.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (head(do_nothing="Nobody is  called"), "Nobody is called"),
        (head(), ""),
        (head(do_nothing="TODO         # what happens without a model"), ""),
        (head("do_nothing"), ""),
        (head(do_nothing=""), ""),
        ("# no head\n", ""),
        ("---\n: {\n---\n", ""),
    ],
)
def test_what_is_done_without_a_model_is_taken_from_the_head_or_left_out(
    tree: Tree, text: str, said: str
) -> None:
    tree.write("QUESTION.md", text)
    assert do_nothing(tree.project) == said
    (tree.root / "QUESTION.md").unlink()
    assert do_nothing(tree.project) == ""


def test_only_a_regulated_repository_is_asked_for_purpose_and_legal_basis(tree: Tree) -> None:
    text = head("purpose", "legal_basis")
    assert asked(tree, text) == []
    tree.write(".copier-answers.yml", "package_name: shop\nci: github\nprofile: regulated\n")
    assert asked(tree, text) == [
        "QUESTION.md: the key `purpose` is missing.",
        "QUESTION.md: the key `legal_basis` is missing.",
    ]
    assert asked(tree, head()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "QUESTION.md has no head"),
        ("# The question\n", "QUESTION.md has no head"),
        ("---\nversion: 1\n", "QUESTION.md has no head"),
        ("---\n- one\n---\n", "QUESTION.md holds a list, not `key: value` lines"),
        ("---\nversion: 1\nquestion: who: when\n---\n", "QUESTION.md line 3, column 14 is not valid YAML"),
        (head("version"), "QUESTION.md: `version` is missing"),
        (head(version="2"), "QUESTION.md: `version` is 2, and this toolkit reads version 1."),
    ],
)
def test_a_question_that_cannot_be_read_is_refused(tree: Tree, text: str, said: str) -> None:
    with pytest.raises(FearlessError) as caught:
        asked(tree, text)
    assert str(caught.value).startswith(said)
    assert caught.value.fix or "list" in said


def test_a_missing_question_is_refused(tree: Tree) -> None:
    with pytest.raises(FearlessError, match=r"QUESTION\.md is missing"):
        unreadable(tree.project)


@pytest.mark.parametrize("example", ["churn", "travel-delay", "none"])
@pytest.mark.parametrize("profile", ["light", "regulated"])
def test_the_rendered_question_is_read(tree: Tree, example: str, profile: str) -> None:
    environment = Environment(trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)  # noqa: S701
    environment.filters["to_json"] = lambda value, **_: f'"{value}"'
    source = (ROOT / "template" / "QUESTION.md.jinja").read_text(encoding="utf-8")
    # Its first three lines compute the day of the review with filters that only Copier has.
    text = "{% set review = '2027-01-31' %}\n" + source.split("\n", 3)[3]
    answers = {"example": example, "profile": profile, "owner_name": "Ada", "owner_email": "a@example.com"}
    tree.write(".copier-answers.yml", f"package_name: shop\nci: github\nprofile: {profile}\n")
    assert asked(tree, environment.from_string(text).render(**answers)) == []


def test_the_page_of_frozen_names_lists_the_keys_of_the_question() -> None:
    page = (ROOT / "docs" / "reference" / "frozen-surface.md").read_text(encoding="utf-8")
    assert f"`{' '.join(KEYS)}`; with `regulated` also `{' '.join(REGULATED_KEYS)}`" in page


COMPLETE = """\
---
version: 1
question: Who leaves?
decision: We call them
decision_maker: Grace
label: left is yes after 90 days
horizon: 90 days
unit: one customer
do_nothing: Nobody is called
costs: {currency: EUR, false_positive: 5, false_negative: 060}
owners:
  - name: Ada
    email: ada@example.com
review: 2027-01-31
---

# The question

In words. TODO is fine down here.
"""


def test_the_question_is_data_for_whoever_tells_of_the_model(tree: Tree) -> None:
    tree.write("QUESTION.md", COMPLETE)
    found = read_question(tree.project)
    assert (found.answer("question"), found.answer("decision_maker")) == ("Who leaves?", "Grace")
    assert found.answer("purpose") == ""
    assert found.costs == {"currency": "EUR", "false_positive": "5", "false_negative": "060"}
    assert found.owners == [{"name": "Ada", "email": "ada@example.com"}]
    assert found.review == date(2027, 1, 31)
    assert found.text == "# The question\n\nIn words. TODO is fine down here."
    assert unanswered(tree.project) == []


@pytest.mark.parametrize("review", ["soon", "2027-02-30", "[]"])
def test_a_review_that_is_no_day_is_none(tree: Tree, review: str) -> None:
    tree.write("QUESTION.md", COMPLETE.replace("2027-01-31", review))
    assert read_question(tree.project).review is None


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("decision: We call them", "decision: TODO", "decision"),
        ("decision: We call them", "decision: todo", "decision"),
        ("decision: We call them", "decision: We call them, TODO who", "decision"),
        ("decision_maker: Grace", "decision_maker: tbd", "decision_maker"),
        ("false_positive: 5", "false_positive: TODO", "costs"),
        ("email: ada@example.com", "email: '?'", "owners"),
    ],
)
def test_an_answer_that_is_open_however_deep_is_named(tree: Tree, old: str, new: str, key: str) -> None:
    tree.write("QUESTION.md", COMPLETE.replace(old, new))
    assert [finding.what for finding in unanswered(tree.project)] == [
        f"QUESTION.md: `{key}` is not answered yet."
    ]


def test_a_key_that_is_missing_is_not_answered_either(tree: Tree) -> None:
    tree.write("QUESTION.md", COMPLETE.replace("horizon: 90 days\n", ""))
    assert [finding.what for finding in unanswered(tree.project)] == [
        "QUESTION.md: the key `horizon` is missing."
    ]
