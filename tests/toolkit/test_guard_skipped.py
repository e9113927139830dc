"""Tests that a change switches off are named; tests that it adds or rewrites are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearless.guard.skipped import fewer, has_settings, settings, skipped

BEFORE = """\
import pytest


def test_a():
    assert 1


class TestB:
    def test_c(self):
        assert 1
"""
FILE = "tests/test_model_code.py"


def off(after: str, before: str = BEFORE) -> list[str]:
    return skipped({FILE: before}, {FILE: after})


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("def test_a", "@pytest.mark.skip\ndef test_a", "test_a"),
        ("def test_a", '@pytest.mark.skip(reason="later")\ndef test_a', "test_a"),
        ("def test_a", '@pytest.mark.skipif(True, reason="later")\ndef test_a', "test_a"),
        ("def test_a", "@pytest.mark.xfail\ndef test_a", "test_a"),
        ("def test_a", "@unittest.skip('later')\ndef test_a", "test_a"),
        ("():\n    assert 1", "():\n    pytest.skip('later')\n    assert 1", "test_a"),
        ("():\n    assert 1", "():\n    if True:\n        pytest.xfail('later')", "test_a"),
        ("():\n    assert 1", "():\n    pytest.importorskip('torch')", "test_a"),
        ("class TestB", "@pytest.mark.skip\nclass TestB", "TestB.test_c"),
        ("class TestB:", "class TestB:\n    pytestmark = pytest.mark.skip\n", "TestB.test_c"),
        ("    def test_c", "    @pytest.mark.skip\n    def test_c", "TestB.test_c"),
        ("import pytest", "import pytest\npytestmark = [pytest.mark.skip]", "all of it"),
        ("import pytest", "import pytest\npytest.skip('x', allow_module_level=True)", "all of it"),
        ("import pytest", "import pytest\ntorch = pytest.importorskip('torch')", "all of it"),
        ("import pytest", "import pytest\ncollect_ignore = ['test_b.py']", "all of it"),
        ("import pytest", "def pytest_collection_modifyitems(items):\n    items.clear()", "all of it"),
    ],
)
def test_each_way_to_switch_a_test_off_is_named(old: str, new: str, named: str) -> None:
    assert BEFORE.count(old) == 1
    assert off(BEFORE.replace(old, new)) == [f"{FILE}: {named}"]


def test_what_was_off_before_is_not_named_again() -> None:
    already = BEFORE.replace("def test_a", "@pytest.mark.skip\ndef test_a")
    assert off(already.replace("assert 1\n\n\nclass", "assert 2\n\n\nclass"), already) == []


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        BEFORE.replace("test_a", "test_another"),
        BEFORE + "\n\ndef test_new():\n    assert 1\n",
        BEFORE + "\n\ndef skip_header(rows):\n    return rows\n",
        BEFORE.replace("assert 1", "assert skipped_rows([1]) == 0"),
        "def broken(:",
        "",
    ],
)
def test_what_adds_or_rewrites_tests_switches_none_off(after: str) -> None:
    assert off(after) == []


def test_a_new_test_may_skip_and_a_test_that_moves_stays_the_same() -> None:
    new = BEFORE + "\n\n@pytest.mark.skipif(True, reason='x')\ndef test_new():\n    assert 1\n"
    assert off(new) == []
    marked = BEFORE.replace("def test_a", "@pytest.mark.skip\ndef test_a")
    moved = "tests/test_moved.py"
    assert skipped({FILE: marked}, {moved: marked}) == []
    assert skipped({FILE: BEFORE}, {moved: BEFORE}) == []
    assert skipped({FILE: BEFORE}, {moved: marked}) == [f"{moved}: test_a"]


@pytest.mark.parametrize("hook", ["pytest_pyfunc_call(pyfuncitem)", "pytest_runtest_makereport(item)"])
def test_a_hook_that_can_decide_how_a_test_ends_is_named_and_a_harmless_one_is_not(hook: str) -> None:
    conftest = f"def {hook}:\n    return True\n"
    assert skipped({}, {"conftest.py": conftest}) == ["conftest.py: all of it"]
    assert skipped({"conftest.py": conftest}, {"conftest.py": conftest}) == []
    assert skipped({}, {"conftest.py": "def pytest_addoption(parser):\n    pass\n"}) == []


def test_only_files_with_settings_of_pytest_count() -> None:
    assert has_settings("setup.cfg", "[tool:pytest]\naddopts = -k x\n")
    assert has_settings("pytest.ini", "")
    assert not has_settings("setup.cfg", "[flake8]\nmax-line-length = 100\n")


def test_a_new_file_that_skips_is_named_as_well() -> None:
    conftest = "def pytest_ignore_collect():\n    return True\n"
    assert skipped({}, {"tests/conftest.py": conftest}) == ["tests/conftest.py: all of it"]


def test_fewer_tests_are_counted_over_all_files() -> None:
    assert fewer({FILE: BEFORE}, {}) == 2
    assert fewer({FILE: BEFORE}, {"tests/test_moved.py": BEFORE}) == 0
    assert fewer({FILE: BEFORE}, {FILE: BEFORE.replace("def test_a", "def helper_a")}) == 1


@pytest.mark.parametrize(
    ("after", "named"),
    [
        ('[tool.pytest.ini_options]\ntestpaths = ["src"]\n', ["pyproject.toml: testpaths of pytest"]),
        (
            '[tool.pytest.ini_options]\ntestpaths = ["tests"]\naddopts = ["-k", "not slow"]\n',
            ["pyproject.toml: addopts of pytest"],
        ),
        ("", ["pyproject.toml: testpaths of pytest"]),
        (
            '[tool.pytest.ini_options]\ntestpaths = ["tests"]\naddopts = "--strict-markers -q"\n',
            [],
        ),
        ('[tool.pytest.ini_options]\ntestpaths = ["tests"]\nfilterwarnings = ["error"]\n', []),
        ('[project]\nname = "a"\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n', []),
    ],
)
def test_settings_that_choose_other_tests_are_named(after: str, named: list[str]) -> None:
    assert settings('[tool.pytest.ini_options]\ntestpaths = ["tests"]\n', after) == named


@given(st.text())
def test_no_text_can_stop_it(text: str) -> None:
    assert skipped({"a.py": text}, {"a.py": text}) == []
    assert fewer({"a.py": text}, {"a.py": text}) == 0
