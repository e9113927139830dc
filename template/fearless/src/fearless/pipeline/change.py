"""What a change does to its own judges: the bar, the golden rows, the pipeline, the toolkit, the tests.

What weakens one of them must not arrive together with the model that it would judge. The template's files change with
a release of the template and in no other way. None of this needs data, so it is said of a fork's change too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.project import Project
from fearless.core.yaml_file import parse_mapping
from fearless.gate.findings import Check, Verdict
from fearless.gate.loosened import loosened
from fearless.gate.own import is_own
from fearless.gate.policy import FILE, load
from fearless.guard import own_items, skipped
from fearless.guard.imported import files_of
from fearless.guard.included import FILE as GITLAB
from fearless.guard.included import parse_pipeline
from fearless.guard.ownership import MANIFEST, unedited
from fearless.guard.weakened import weakened
from fearless.pipeline.base import Base

POINTER = "data/golden.dvc"
# What makes another model: what weakens a judge must not arrive together with any of it.
MODEL = ("src/", "params.yaml", "columns.yaml", "dvc.yaml", "dvc.lock", "uv.lock", "data/", "models/")
CHAMPION = "models/champion.dvc"
COLUMNS = "columns.yaml"
# What decides on which rows and in which groups the gate judges; dvc.lock follows columns.yaml and may.
MEASURE = ("task", "target", "positive", "group")
# What must not arrive together with other golden data. dvc.lock follows the golden data and may.
BESIDE_GOLDEN = (
    "src/",
    "params.yaml",
    "columns.yaml",
    "dvc.yaml",
    "gate.yaml",
    "data/raw.dvc",
    "models/champion.dvc",
)
TEMPLATE = ("fearless/", ".github/workflows/fearless-", ".gitlab/fearless/")
PIPELINES = (".github/workflows/", ".gitlab/")
ANSWERS = ".copier-answers.yml"
TESTS = "tests/"
OTHER_SETTINGS = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg")
REACHING = ("workflow", "default", "before_script", "after_script", "variables", "stages")
SHOWN = 3
HOLDS, USED = "holds a metric of gate.yaml", "is used by a metric of gate.yaml"


@dataclass(frozen=True)
class _Change:
    """The work tree beside its base."""

    project: Project
    base: Base
    touched: list[str]

    def before(self, name: str) -> str | None:
        """The text of a file at the base, None where it was not there."""
        shown = git(["show", f"{self.base.commit}:./{name}"], self.project.root, check=False)
        return shown.stdout if shown.returncode == 0 else None

    def after(self, name: str) -> str | None:
        path = self.project.root / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None

    def together(self, with_any: tuple[str, ...]) -> list[str]:
        return [name for name in self.touched if name.startswith(with_any)]


def changes(project: Project, base: Base, task: str) -> list[Check]:
    """One check for each judge that the change touches; none where it leaves them alone.

    `task` says which numbers of gate.yaml count. Needs git, and the network only where the change is an update.
    """
    change = _Change(project, base, _touched(project, base))
    found = [
        _template(change),
        *_answers_kept(change),
        _policy(change, task),
        _golden(change),
        _champion(change),
        _columns(change),
        *_own_metrics(change),
        _tests(change),
        _items(change),
        _steps(change),
        _gitlab(change),
    ]
    return [check for check in found if check is not None]


def _template(change: _Change) -> Check | None:
    """The toolkit that judges is the template's: a change of it is that of a release, byte for byte, or refused."""
    edited = change.together(TEMPLATE)
    if not edited:
        return None
    differ = (
        f"The template's files differ from the base: {_listed([_named(change, name) for name in edited])}."
    )
    before, after = _answers(change.before(ANSWERS)), _answers(change.after(ANSWERS))
    if not before:
        return None  # the change that brings the template in
    release = str(after.get("_commit", ""))
    if str(before.get("_commit", "")) == release:
        why = f"{ANSWERS} names the same release, so this is an edit and no update."
        return _check("template.unedited", "template", "unedited", Verdict.FAIL, f"{differ} {why}")
    if older := _goes_back(before.get("_commit"), release):
        return _check("template.unedited", "template", "unedited", Verdict.FAIL, f"{differ} {older}")
    try:
        strays = _strays(change, release)
    except FearlessError as error:
        said = f"Whether the template's files are those of release {release} cannot be proven: {error.what}"
        return _check("template.unedited", "template", "unproven", Verdict.FAIL, said)
    if strays:
        said = f"The template's files are not those of release {release}: {' '.join(strays)}"
        return _check("template.unedited", "template", "unedited", Verdict.FAIL, said)
    said = f"The template's files are those of release {release}, compared with the template itself."
    return _check("template.unedited", "template", "unedited", Verdict.PASS, said)


def _strays(change: _Change, release: str) -> list[str]:
    """What differs from the manifest that the template itself has at this release, never from the one in the change.

    The template's files hold nothing that answers could change, so its manifest says what a rendering would be.
    """
    from fearless.core.release import fetched, release_of, source_of

    source, tag = source_of(change.project), release_of(release, ANSWERS).tag
    with fetched(source, tag) as delivered:
        strays = [finding.what for finding in unedited(change.project, delivered.manifest)]
        if change.after(MANIFEST) != delivered.read(MANIFEST).decode("utf-8"):
            strays.append(f"{MANIFEST} belongs to the template and was edited.")
    return strays


def _named(change: _Change, name: str) -> str:
    """The file, and for one of the pipeline what the edit takes out of it."""
    before = change.before(name)
    if before is None or not name.startswith(PIPELINES):
        return name
    details = weakened(before, change.after(name))
    return f"{name} ({'; '.join(details)})" if details else name


def _goes_back(before: object, after: str) -> str:
    from fearless.core.release import release_of

    try:
        old, new = release_of(before, ANSWERS), release_of(after, ANSWERS)
    except FearlessError:
        return ""  # what is no release is refused by name
    return f"{ANSWERS} goes back from {old} to {new}: an older judge asks for less." if new < old else ""


def _answers_kept(change: _Change) -> list[Check]:
    """With another `ci` nothing would ask for the present pipeline; another source would prove any toolkit."""
    before, after = _answers(change.before(ANSWERS)), _answers(change.after(ANSWERS))
    found: list[Check] = []
    if before and before.get("ci") != after.get("ci"):
        said = (
            f"{ANSWERS} says `ci: {after.get('ci')}`, the base `ci: {before.get('ci')}`: nothing would ask for"
            " the present pipeline."
        )
        found.append(_check("pipeline.kept", "pipeline", "unedited", Verdict.FAIL, said))
    if before and before.get("_src_path") != after.get("_src_path"):
        does = f"takes the template from {after.get('_src_path')}, the base from {before.get('_src_path')}"
        found.append(_alone(ANSWERS, does, [], [name for name in change.touched if name != ANSWERS]))
    return found


def _policy(change: _Change, task: str) -> Check | None:
    if change.base.policy is None:
        return None
    looser = loosened(change.base.policy, load(change.project.root / FILE), task)
    return _alone(FILE, "asks for less", looser, change.together(MODEL)) if looser else None


def _golden(change: _Change) -> Check | None:
    if POINTER not in change.touched or change.before(POINTER) is None:
        return None
    return _alone(POINTER, "names other golden data", [], change.together(BESIDE_GOLDEN))


def _champion(change: _Change) -> Check | None:
    """The champion that a change brings would judge it: it comes in a change of its own, and nothing takes it away."""
    if CHAMPION not in change.touched:
        return None
    if change.after(CHAMPION) is None:
        said = f"{CHAMPION} is gone: the candidate would be held against no model that was released."
        return _check("champion.kept", "champion", "champion", Verdict.FAIL, said)
    # DVC writes the ignore file beside the pointer.
    company = [
        name for name in change.together((*MODEL, FILE)) if name not in (CHAMPION, "models/.gitignore")
    ]
    return _alone(CHAMPION, "names another champion", [], company)


def _columns(change: _Change) -> Check | None:
    before, after = change.before(COLUMNS), change.after(COLUMNS)
    if COLUMNS not in change.touched or before is None or after is None:
        return None
    old, new = parse_mapping(before, COLUMNS), parse_mapping(after, COLUMNS)
    moved = [f"{key} {old.get(key)} -> {new.get(key)}" for key in MEASURE if old.get(key) != new.get(key)]
    company = [name for name in change.together((*MODEL, FILE)) if name not in (COLUMNS, "dvc.lock")]
    return _alone(COLUMNS, "changes what is measured", moved, company) if moved else None


def _own_metrics(change: _Change) -> list[Check]:
    """The team's own metric is a ruler: neither it nor what it uses must change together with what it measures."""
    if change.base.policy is None:
        return []
    modules = {line.metric.partition(":")[0] for line in change.base.policy.checks if is_own(line.metric)}
    does: dict[str, str] = {}
    for module in sorted(modules):
        for read in (change.before, change.after):
            for at, file in enumerate(files_of(module, read)):
                does[file] = HOLDS if at == 0 else does.get(file, USED)
    # The stages depend on the whole package, so dvc.lock follows.
    company = [name for name in change.together((*MODEL, FILE)) if name not in (*does, "dvc.lock")]
    return [_alone(file, does[file], [], company) for file in sorted(does) if file in change.touched]


def _steps(change: _Change) -> Check | None:
    """The team's own steps may change with what needs them; that they do is told."""
    touched = change.together(("ops/ci/",))
    if not touched:
        return None
    said = f"{_listed(touched)} changes, and runs on the machine that judges."
    return _check("ops/ci.told", "ops/ci", "told", Verdict.PASS, said)


def _gitlab(change: _Change) -> Check | None:
    """Keys at the top of .gitlab-ci.yml that reach into every job, or decide whether a pipeline runs at all."""
    if GITLAB not in change.touched:
        return None
    before, after = (
        parse_pipeline(text or "", GITLAB) for text in (change.before(GITLAB), change.after(GITLAB))
    )
    moved = [key for key in REACHING if before.get(key) != after.get(key)]
    if not moved:
        return None
    return _alone(GITLAB, "changes what holds for every job", moved, change.together((*MODEL, FILE)))


def _tests(change: _Change) -> Check | None:
    files = [name for name in change.touched if _holds_tests(name)]
    before = {name: text for name in files if (text := change.before(name)) is not None}
    after = {name: text for name in files if (text := change.after(name)) is not None}
    off = skipped.skipped(before, after)
    if "pyproject.toml" in change.touched:
        off += skipped.settings(change.before("pyproject.toml") or "", change.after("pyproject.toml") or "")
    off += [
        name
        for name in OTHER_SETTINGS
        if name in change.touched and skipped.has_settings(name, change.after(name) or "")
    ]
    if off:
        return _alone("tests", "switches off", off, change.together(MODEL))
    lost = skipped.fewer(before, after)
    if not lost:
        return None
    said = f"tests/ defines {lost} test{'s' * (lost > 1)} fewer than the base."
    return _check("tests.alone", "tests", "alone", Verdict.PASS, said)


def _items(change: _Change) -> Check | None:
    if own_items.FILE not in change.touched:
        return None
    before, after = (_by_id(text) for text in (change.before(own_items.FILE), change.after(own_items.FILE)))
    moved = [name for name, item in before.items() if after.get(name) != item]
    return _alone(own_items.FILE, "drops or changes items", moved, change.together(MODEL)) if moved else None


def _by_id(text: str | None) -> dict[str, object]:
    items = parse_mapping(text or "", own_items.FILE).get("items") or []
    return {str(item["id"]): item for item in items if isinstance(item, Mapping) and "id" in item}


def _holds_tests(name: str) -> bool:
    return name.endswith(".py") and (name.startswith(TESTS) or name.rpartition("/")[2] == "conftest.py")


def _answers(text: str | None) -> dict[str, object]:
    return parse_mapping(text or "", ANSWERS)


def _touched(project: Project, base: Base) -> list[str]:
    """The files that differ from the base in the work tree, committed or not, relative to the project."""
    differ = git(
        ["diff", "--name-only", "--no-renames", "-z", "--relative", base.commit, "--", "."], project.root
    ).stdout
    new = git(["ls-files", "--others", "--exclude-standard", "-z", "--", "."], project.root).stdout
    return sorted({name for name in (differ + new).split("\0") if name})


def _alone(file: str, does: str, details: list[str], company: list[str]) -> Check:
    listed = f": {'; '.join(details)}" if details else ""
    judged = " This change is judged by the base's." if file == FILE else ""
    where = f"together with {_listed(company)}" if company else "in a change of its own"
    verdict = Verdict.FAIL if company else Verdict.PASS
    shown = "tests/" if file == "tests" else file
    return _check(f"{file}.alone", file, "alone", verdict, f"{shown} {does}{listed}, {where}.{judged}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _check(name: str, of: str, rule: str, verdict: Verdict, sentence: str) -> Check:
    return Check(
        id=name,
        kind="change",
        metric=of,
        of="value",
        against=None,
        rule=rule,
        limit=0.0,
        verdict=verdict,
        sentence=sentence,
    )
