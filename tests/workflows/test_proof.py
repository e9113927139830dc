"""The page that says how the pipelines are proven says what the tests do."""

from __future__ import annotations

import re

from .proof import PAGE, PROOFS, ROOT, jobs, page


def test_every_job_of_every_pipeline_is_in_the_table_and_no_other() -> None:
    assert sorted(jobs()) == sorted(PROOFS)


def test_every_test_that_the_table_names_is_there() -> None:
    for how, by in PROOFS.values():
        assert how in {"executed", "static only", "not provable here"}
        named = re.findall(r"`(tests/[^`]+)`", by)
        assert named, by
        assert all((ROOT / name).is_file() for name in named), by


def test_the_page_is_made_from_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "run: python tests/workflows/proof.py"
