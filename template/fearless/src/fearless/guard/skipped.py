"""Which tests a change switches off: marks that skip, hooks that leave out, settings that choose other tests."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping

SKIPS = {"skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure", "importorskip"}
IGNORES = {"collect_ignore", "collect_ignore_glob"}
# Hooks of pytest that decide nothing of which tests run and how they end; every other one may.
HARMLESS = {"pytest_addoption", "pytest_configure", "pytest_generate_tests", "pytest_report_header"}
# The settings of pytest that decide which tests run, and the options in `addopts` that do.
CHOOSING = {"addopts", "testpaths", "norecursedirs", "python_files", "python_classes", "python_functions"}
OPTIONS = ("-k", "-m", "-p", "--ignore", "--deselect", "--co", "--lf", "--last-failed", "--sw", "--stepwise")
SECTIONS = ("[pytest]", "[tool:pytest]")
WHOLE = "all of it"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def skipped(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What runs in `before` and is switched off in `after`, as texts such as `tests/test_a.py: test_b`.

    Both map the path of a Python file of tests to its text. A test is known by its name, so one that moves to
    another file is the same, and one that is new may skip as it likes. A file that cannot be parsed says nothing:
    pytest fails on it.
    """
    running = {name for text in before.values() for name in _running(text)}
    still = {name for text in after.values() for name in _running(text)}
    found: list[str] = []
    for path, text in after.items():
        off = _off(text)
        if WHOLE in off and WHOLE not in _off(before.get(path, "")):
            lost = {name for name, _, _ in _tests(text)} & running - still
            if lost or not list(_tests(text)):
                found.append(f"{path}: {WHOLE}")
                continue
        found += [f"{path}: {name}" for name in sorted(off & running - still)]
    return found


def fewer(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    """How many tests fewer `after` defines than `before`, 0 where there are as many or more."""
    count = [sum(len(list(_tests(text))) for text in side.values()) for side in (before, after)]
    return max(count[0] - count[1], 0)


def settings(before: str, after: str) -> list[str]:
    """The settings in pyproject.toml that choose which tests run and are not what they were."""
    old, new = _options(before), _options(after)
    return [
        f"pyproject.toml: {name} of pytest" for name in sorted(CHOOSING) if old.get(name) != new.get(name)
    ]


def has_settings(name: str, text: str) -> bool:
    """Whether another file than pyproject.toml brings settings of pytest, which then win over those there."""
    return "pytest" in name or any(section in text for section in SECTIONS)


def _options(text: str) -> Mapping[str, object]:
    try:
        tool = tomllib.loads(text).get("tool", {}).get("pytest", {})
    except tomllib.TOMLDecodeError:
        return {}
    found = {**tool, **tool.get("ini_options", {})}
    if options := found.pop("addopts", None):
        words = options.split() if isinstance(options, str) else [str(word) for word in options]
        if any(word.startswith(OPTIONS) for word in words):
            found["addopts"] = words
    return found


def _running(text: str) -> set[str]:
    """The tests of a file that nothing switches off."""
    off = _off(text)
    return set() if WHOLE in off else {name for name, _, _ in _tests(text)} - off


def _off(text: str) -> set[str]:
    tree = _parsed(text)
    names = {name for name, function, marks in _tests(text) if marks or _calls_skip(function)}
    for node in tree.body:
        targets = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        module_mark = isinstance(node, ast.Assign) and "pytestmark" in targets and _skips(node.value)
        hook = isinstance(node, ast.Assign) and bool(IGNORES & targets)
        hook = hook or (
            isinstance(node, Function) and node.name.startswith("pytest_") and node.name not in HARMLESS
        )
        call = isinstance(node, ast.Expr | ast.Assign) and _skips(node.value) and "pytestmark" not in targets
        if module_mark or hook or call:
            names.add(WHOLE)
    return names


def _tests(text: str) -> Iterator[tuple[str, Function, bool]]:
    """Each test with its name and whether it, or its class, has a mark that skips."""
    for node in _parsed(text).body:
        if isinstance(node, Function) and node.name.startswith("test"):
            yield node.name, node, _marked(node)
        elif isinstance(node, ast.ClassDef):
            own = [each for each in node.body if isinstance(each, ast.Assign) and _skips(each.value)]
            for each in node.body:
                if isinstance(each, Function) and each.name.startswith("test"):
                    yield f"{node.name}.{each.name}", each, bool(own) or _marked(node) or _marked(each)


def _marked(node: Function | ast.ClassDef) -> bool:
    return any(_skips(each) for each in node.decorator_list)


def _calls_skip(function: Function) -> bool:
    calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
    return any(_last_name(call.func) in SKIPS for call in calls)


def _skips(node: ast.expr) -> bool:
    return any(
        _last_name(each) in SKIPS for each in ast.walk(node) if isinstance(each, ast.Attribute | ast.Name)
    )


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
