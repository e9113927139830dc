"""Which live rows are proposed as golden: by their key alone, whatever came out; thin levels get some more."""

from __future__ import annotations

import json

import polars as pl

from fearless.golden import grown
from fearless.golden.freeze import freeze, row_names
from fearless.golden.frozen import open_golden
from fearless.pipeline.eligible import NAME
from fearless.pipeline.grow import THIN, _chosen, _harmless, share_wrong

from .conftest import Tree
from .watched import drawn


def found(tree: Tree, count: int = 1000, seed: int = 7) -> pl.DataFrame:
    rows = drawn(count, seed)
    return rows.with_columns(
        rows["customer"].alias("id"),
        row_names(rows, tree.dictionary).alias(NAME),
        rows["left"].cast(pl.Float64).alias("truth"),
        pl.Series("score", [at % 100 / 100 for at in range(count)]),
    )


def test_what_came_out_and_what_was_answered_play_no_part_in_the_choice(tree: Tree) -> None:
    rows, golden = found(tree), drawn(500, 2)
    chosen, why = _chosen(rows, golden, tree.dictionary, 200)
    assert (chosen.height, set(why)) == (200, {"by chance"})
    other = rows.with_columns(pl.col("truth") * -1 + 1, pl.col("score") * -1 + 1).sample(
        fraction=1.0, shuffle=True, seed=3
    )
    again, _ = _chosen(other, golden, tree.dictionary, 200)
    assert again["id"].to_list() == chosen["id"].to_list()
    assert abs(share_wrong(chosen, tree.dictionary) - share_wrong(rows, tree.dictionary)) < 0.1


def test_a_level_with_few_golden_rows_gets_more_and_at_most_a_fifth(tree: Tree) -> None:
    golden = drawn(500, 2)
    thin = golden.filter(pl.col("plan") == "plus").vstack(golden.filter(pl.col("plan") == "basic").head(5))
    chosen, why = _chosen(found(tree), thin, tree.dictionary, 100)
    more = [each for each in why if each != "by chance"]
    assert (chosen.height, len(more)) == (100, 20)
    assert set(more) == {"few golden rows have plan basic (5)"}
    assert set(chosen.filter(pl.Series(why) != "by chance")["plan"]) == {"basic"}
    _, enough = _chosen(found(tree), golden, tree.dictionary, 100)
    assert golden.filter(pl.col("plan") == "basic").height >= THIN
    assert set(enough) == {"by chance"}


def test_a_text_from_outside_is_no_formula_in_a_spreadsheet() -> None:
    texts = pl.Series(["=1+1", "+49", "-5", "@x", "a=b", None])
    assert _harmless(texts).to_list() == ["'=1+1", "'+49", "'-5", "'@x", "a=b", None]
    assert _harmless(pl.Series([-5])).to_list() == [-5]


def test_grown_rows_are_told_apart_by_their_key_wherever_they_stand(tree: Tree) -> None:
    freeze(drawn(400, 1), tree.dictionary, tree.project)
    before = open_golden(tree.project)
    new = drawn(30, 9).with_columns(pl.lit(None, dtype=pl.Int64).alias("all_calls"))
    for part in (new[:10], new[10:]):
        grown.add(tree.project, open_golden(tree.project), part, tree.dictionary, {"at": "2026-11-23"})
    golden = open_golden(tree.project)
    assert golden.record.rows == before.rows.height + 30
    assert grown.count_grown(golden.record) == 30
    assert grown.grown_rows(golden, tree.dictionary).equals(new.select(golden.rows.columns))
    assert grown.without_grown(golden, tree.dictionary).rows.equals(before.rows)
    assert grown.check_golden(golden, tree.dictionary) == []
    record = json.loads((tree.project.golden / "golden.json").read_text(encoding="utf-8"))
    assert (record["version"], [len(each["rows"]) for each in record["grown"]]) == (1, [10, 20])
    assert grown.without_grown(before, tree.dictionary).rows.equals(before.rows)  # a record without the key


def test_a_grown_row_that_columns_yaml_forbids_is_named(tree: Tree) -> None:
    freeze(drawn(400, 1), tree.dictionary, tree.project)
    odd = drawn(30, 9).with_columns(pl.lit(99, dtype=pl.Int64).alias("calls"))
    grown.add(tree.project, open_golden(tree.project), odd, tree.dictionary, {"at": "2026-11-23"})
    (found_one,) = grown.check_golden(open_golden(tree.project), tree.dictionary)
    assert found_one == "The golden data that grew: `calls` is 99 in a row, outside its range [0, 60]"
