"""`fearless check`: every guard, one line each."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from fearless.columns import dictionary as dictionaries
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.gate import policy
from fearless.gate.findings import Check
from fearless.gate.wording import MEND
from fearless.guard import question, repository
from fearless.guard.finding import Finding
from fearless.guard.included import included
from fearless.guard.own_items import read_items, run_item
from fearless.guard.ownership import unedited
from fearless.guard.storage import pushed
from fearless.guard.toolkit_source import toolkit_source
from fearless.report.guards import markdown

if TYPE_CHECKING:
    import polars as pl

    from fearless.golden.frozen import Golden
    from fearless.pipeline.base import Base

Guard = Callable[[], list[Finding]]


def run_guards(guards: list[tuple[str, Guard]], *, as_json: bool = False, summary: str = "") -> int:
    """Run the guards and print a line for each; returns 1 when one found something.

    `summary` names a file that the result is added to as Markdown.
    """
    results: list[tuple[str, list[Finding]]] = []
    told: set[Finding] = set()
    for name, guard in guards:
        found = _run(guard)
        results.append((name, found))
        if not as_json:
            print(f"{'FAIL' if found else 'ok  '}  {name}", flush=True)
            _tell(found, told)
    failed = [name for name, found in results if found]
    plain = [
        {"guard": name, "ok": not found, "findings": [{"what": f.what, "fix": f.fix} for f in found]}
        for name, found in results
    ]
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown(plain) + "\n")
    if as_json:
        print(json.dumps({"version": 1, "ok": not failed, "guards": plain}, indent=2, ensure_ascii=False))
    elif failed:
        print(f"\n{len(failed)} of {len(results)} guards found something.")
    else:
        print(f"\nAll {len(results)} guards are content.")
    return 1 if failed else 0


def _tell(found: list[Finding], told: set[Finding]) -> None:
    """Print what one guard found; what another guard said already is not said again."""
    for finding in found:
        if finding not in told:
            print(
                f"        {finding.what}" + (f"\n        -> {finding.fix}" if finding.fix else ""), flush=True
            )
    if not told.isdisjoint(found):
        print("        (as above)", flush=True)
    told.update(found)


def _run(guard: Guard) -> list[Finding]:
    try:
        return guard()
    except FearlessError as error:
        return [Finding(error.what, error.fix)]


def all_guards(project: Project, base: str = "") -> list[tuple[str, Guard]]:
    """Every guard that is cheap. `base` names what the change is compared with (see `find_base`)."""
    rows = _Rows(project)
    started_from = _base(project, base)
    guards: list[tuple[str, Guard]] = [
        ("every column is described (columns.yaml)", lambda: _columns(project)),
        ("the policy can be read (gate.yaml)", lambda: _policy(project)),
        ("the question can be read (QUESTION.md)", lambda: question.unreadable(project)),
        ("the data is as columns.yaml says", rows.schema),
        ("features use only what is known at prediction time", rows.availability),
        ("features of a row depend on that row alone", rows.row_by_row),
        ("golden data equals its pointer (data/golden.dvc)", rows.pointer),
        ("what git names lies in the storage (.storage)", lambda: pushed(project)),
        ("no golden row is in the training data", rows.overlap),
        ("no group is on both sides", rows.groups),
        ("training data ends before the golden data begins", rows.order),
        ("the template's files equal fearless/MANIFEST", lambda: unedited(project)),
        *_toolkit_guards(project),
        ("this change weakens none of its judges", lambda: _weakening(project, started_from)),
        ("what this change releases was judged and agreed", lambda: _releases(project, started_from)),
        (
            "no conflict markers, large files or secrets in git",
            lambda: repository.unfit(repository.tracked_files(project), project),
        ),
        ("lint (ruff)", lambda: repository.lint(project)),
        ("tests (pytest)", lambda: repository.tests(project)),
    ]
    try:
        items = read_items(project)
    except FearlessError as error:
        finding = Finding(error.what, error.fix)
        return [*guards, ("the team's own items (ops/checklist.yaml)", lambda: [finding])]
    return [*guards, *((f"{item.id} {item.title}", partial(run_item, item, project)) for item in items)]


def change_guards(project: Project, base: str = "") -> list[tuple[str, Guard]]:
    """What the change does to its own judges, a line for each that it touches; none of it needs data."""
    started_from = _base(project, base)
    found = _changes(project, started_from)
    guards: list[tuple[str, Guard]] = [(check.sentence, partial(_mend, check)) for check in found or []]
    if found is None:
        guards = [("there is no base to compare with: this is no change of another branch", list)]
    elif not found:
        guards = [("this change touches none of its judges", list)]
    if _touches_releases(project, started_from):
        judged = ("what this change releases was judged and agreed", lambda: _releases(project, started_from))
        guards.append(judged)
    return [*_toolkit_guards(project), *guards]


def staged_guards(project: Project) -> list[tuple[str, Guard]]:
    """What the next commit changes."""
    files = repository.staged_content(project)
    code = [file for file in files if file.name.endswith(".py") and not file.name.startswith("fearless/")]
    guards: list[tuple[str, Guard]] = [
        ("no conflict markers, large files or secrets", lambda: repository.unfit_staged(files)),
        ("every column is described (columns.yaml)", lambda: _columns(project)),
        ("the policy can be read (gate.yaml)", lambda: _policy(project)),
        ("the question can be read (QUESTION.md)", lambda: question.unreadable(project)),
        ("the template's files equal fearless/MANIFEST", lambda: unedited(project)),
    ]
    return [*guards, ("lint (ruff)", lambda: repository.lint_staged(project, code))] if code else guards


def _toolkit_guards(project: Project) -> list[tuple[str, Guard]]:
    guards: list[tuple[str, Guard]] = [
        ("the toolkit that runs is the one in fearless/", lambda: toolkit_source(project))
    ]
    if (
        project.answers.get("ci") == "gitlab"
    ):  # GitHub runs each workflow by itself: nothing can leave one out
        guards.append(
            ("the template's pipeline is included, whole (.gitlab-ci.yml)", lambda: included(project))
        )
    return guards


def _base(project: Project, base: str) -> Callable[[], Base | None]:
    """`find_base` for all guards of one check: git is asked once, and again only where the answer is an error."""
    from fearless.pipeline.base import find_base

    return cache(partial(find_base, project, base))


def _weakening(project: Project, started_from: Callable[[], Base | None]) -> list[Finding]:
    failed = [check for check in _changes(project, started_from) or [] if check.verdict != "PASS"]
    return [Finding(check.sentence, MEND.get(check.rule, "")) for check in failed]


def _releases(project: Project, started_from: Callable[[], Base | None]) -> list[Finding]:
    from fearless.ship.released import release_findings

    base = started_from()
    return release_findings(project, base.commit) if base else []


def _touches_releases(project: Project, started_from: Callable[[], Base | None]) -> bool:
    from fearless.ship.released import touched_releases

    base = started_from()
    return base is not None and bool(touched_releases(project, base.commit))


def _changes(project: Project, started_from: Callable[[], Base | None]) -> list[Check] | None:
    """What the change does to its judges; None where there is no base."""
    from fearless.pipeline.change import changes

    base = started_from()
    if base is None:
        return None
    return changes(project, base, dictionaries.read_open(project.root).task)


def _mend(check: Check) -> list[Finding]:
    """What to do about a check whose sentence is the guard's own line."""
    return [Finding(MEND.get(check.rule, "It is refused."))] if check.verdict != "PASS" else []


def _columns(project: Project) -> list[Finding]:
    dictionary = dictionaries.read_open(project.root)
    return [
        Finding(
            f"{f'the column `{gap.column}` ' if gap.column else dictionaries.FILE + ' '}{gap.what}.", gap.fix
        )
        for gap in dictionaries.gaps(dictionary)
    ]


def _policy(project: Project) -> list[Finding]:
    policy.load(project.root / policy.FILE)
    return []


class _Rows:
    """The guards that look at rows; the frames are read once, by the first that needs them."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._read: tuple[pl.DataFrame, Golden, dictionaries.Dictionary] | None = None

    def schema(self) -> list[Finding]:
        from fearless.columns.frame import check_rows
        from fearless.golden.grown import check_golden

        train, golden, dictionary = self._frames()
        found = check_rows(train, dictionary, "The training data")
        found += check_golden(golden, dictionary)
        return [Finding(f"{what}.", "Mend the data, or what columns.yaml says of it.") for what in found]

    def availability(self) -> list[Finding]:
        from fearless.model.contract import Team

        _, golden, dictionary = self._frames()
        Team.of(self.project, dictionary).features(golden.rows)
        return []

    def row_by_row(self) -> list[Finding]:
        from fearless.guard.row_by_row import row_by_row
        from fearless.model.contract import Team

        _, golden, dictionary = self._frames()
        try:
            return row_by_row(Team.of(self.project, dictionary).features, golden.rows)
        except FearlessError:
            return []  # features that cannot be made at all are told by the guard before

    def pointer(self) -> list[Finding]:
        from fearless.golden.frozen import equals_pointer, read_record

        read_record(self.project)
        if equals_pointer(self.project):
            return []
        return [
            Finding(
                "data/golden is not what data/golden.dvc names: someone changed the rows that judge.",
                "Bring them back with `uv run dvc checkout data/golden.dvc`; a wanted change goes through"
                " `uv run fearless golden freeze --again`.",
            )
        ]

    def overlap(self) -> list[Finding]:
        from fearless.guard.leakage import overlap

        return overlap(*self._frames())

    def groups(self) -> list[Finding]:
        from fearless.guard.leakage import groups

        return groups(*self._frames())

    def order(self) -> list[Finding]:
        from fearless.guard.leakage import order

        return order(*self._frames())

    def _frames(self) -> tuple[pl.DataFrame, Golden, dictionaries.Dictionary]:
        from fearless.golden.frozen import open_golden
        from fearless.pipeline.prepare import open_train

        if self._read is None:
            golden = open_golden(self.project)
            self._read = open_train(self.project), golden, dictionaries.load(self.project.root)
        return self._read
