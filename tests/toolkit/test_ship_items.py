"""The items say all that a person needs, and the page that describes them says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fearless.ship.items import EVERYTHING, Item, built_in, own

from .conftest import Tree

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "checklist.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("item", built_in(), ids=[item.id for item in built_in()])
def test_an_item_says_what_why_by_whom_and_how(item: Item) -> None:
    assert all([item.title, item.why, item.proof, item.who, item.mend])
    assert item.signed == bool(item.bound)


@pytest.mark.parametrize("item", built_in(), ids=[item.id for item in built_in()])
def test_the_page_says_what_an_item_is_bound_to_and_for_how_long(item: Item) -> None:
    rows = re.findall(rf"^\| {item.id} (?!to )(.*)\|$", PAGE, re.MULTILINE)
    if not item.signed:
        assert len(rows) == 1
        return
    (row,) = rows
    files = ["ops/", "docs/", "README.md", "LICENSE"] if item.bound == EVERYTHING else item.bound
    assert all(f"`{name.replace('{package}', '<package>')}`" in row for name in files)
    assert (f"{item.days} days" in row) if item.days else ("days" not in row)


def test_a_team_s_items_are_those_of_ops_checklist(tree: Tree) -> None:
    assert own(tree.project) == []
    tree.write(
        "ops/checklist.yaml", "version: 1\nitems:\n  - {id: T01, title: Prices, run: [make, prices]}\n"
    )
    (item,) = own(tree.project)
    assert (item.id, item.title, item.signed) == ("T01", "Prices", False)
    assert "`make prices`" in item.proof
