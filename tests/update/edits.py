"""What a team does to its files within a year: each is edited or deleted, and all is still valid."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

Edit = Callable[[str], str]

# What a team had no use for: it keeps its hooks elsewhere and lets another bot look after its libraries.
DELETED = {
    ".env.example",
    ".pre-commit-config.yaml",
    "ops/README.md",
    "ops/ci/after.sh",
    ".github/dependabot.yml",
    ".github/pull_request_template.md",
    ".gitlab/merge_request_templates/default.md",
}


def add(text: str) -> Edit:
    """Add `text` at the end."""
    return lambda before: before + text


def swap(place: str, text: str) -> Edit:
    """Replace the first match of the pattern `place`; it must be there."""

    def edit(before: str) -> str:
        after, count = re.subn(place, text, before, count=1, flags=re.MULTILINE)
        assert count == 1, f"no place like {place}"
        return after

    return edit


def all_of(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(before: str) -> str:
        for each in edits:
            before = each(before)
        return before

    return edit


def edits(package: str) -> dict[str, Edit]:
    """What is done to each file that is kept, by path."""
    source = f"src/{package}"
    return {
        "README.md": all_of(
            swap(r"^# .*$", "# Our model"), swap(r"## Commands", "## What to type"), add("\nAsk Ada.\n")
        ),
        "QUESTION.md": all_of(
            swap(r"^decision_maker: .*$", "decision_maker: Ada Lovelace"), add("\nWe asked twice.\n")
        ),
        "LICENSE": add("\nExcept for the folder data/, which belongs to our customers.\n"),
        "columns.yaml": swap(r"^(    description: .*)$", r"\1, as the data catalogue says"),
        "gate.yaml": all_of(
            swap(r"^confidence: .*$", "confidence: 0.9"), swap(r"min_skill: [0-9.]+", "min_skill: 0.11")
        ),
        "params.yaml": all_of(swap(r"max_iter: \d+ ", "max_iter: 40 "), add("window_days: 90\n")),
        "dvc.yaml": all_of(
            add("# The holidays come from the calendar team.\n"),
            swap(r"^      - data/raw$", "      - data/raw\n      - data/holidays.csv"),
        ),
        "pyproject.toml": all_of(
            swap(r'^dependencies = \["(fearless[^"]*)"\]', r'dependencies = ["\1", "more-itertools>=10"]'),
            swap(r"^extend-select = \[\]", 'extend-select = ["C90", "RET"]'),
            add('addopts = ["--strict-markers"]\n'),
        ),
        f"{source}/__init__.py": add('\n__version__ = "1.4.0"\n'),
        f"{source}/data.py": swap(
            r"^    return (read\(.*\))$", r"    rows = \1\n    assert rows.height\n    return rows"
        ),
        f"{source}/features.py": all_of(
            swap(r"^import polars as pl\n", "import polars as pl\n"),
            swap(
                r"^from fearless\.api import Frame\n",
                "from fearless.api import Frame\nfrom more_itertools import unique_everseen\n",
            ),
            swap(r"for column in NUMBERS\]", "for column in unique_everseen(NUMBERS)]"),
        ),
        f"{source}/model.py": add(
            '\n\ndef window(params: dict[str, int]) -> int:\n    return params["window_days"]\n'
        ),
        "tests/test_model_code.py": add("\n\ndef test_there_are_numbers():\n    assert features\n"),
        "data/.gitignore": add("/scratch\n"),
        "models/.gitignore": add("/tried\n"),
        "ops/checklist.yaml": swap(
            r"^items: \[\]",
            "items:\n  - {id: T01, title: Holidays are kept, run: [git, cat-file, -e, 'HEAD:data']}",
        ),
        "ops/ci/apt.txt": add("libgomp1\n"),
        "ops/ci/before.sh": add("echo before\n"),
        ".dvc/config": add("    jobs = 2\n"),
        ".dvc/.gitignore": add("/experiments\n"),
        ".dvcignore": add("/notes\n"),
        ".gitattributes": add("*.csv -text\n"),
        ".gitignore": add("/notes/\n"),
        ".github/CODEOWNERS": add("/params.yaml ada@example.com\n"),
        ".gitlab-ci.yml": add("\nours:\n  stage: test\n  script: [echo ours]\n"),
        ".gitlab/CODEOWNERS": add("/params.yaml ada@example.com\n"),
    }


def work_on(project: Path, package: str) -> None:
    """Make all edits and deletions in `project`, and add two files that only the team has."""
    for name, edit in edits(package).items():
        path = project / name
        if path.is_file():  # of the two CI systems a project has one
            before = path.read_text(encoding="utf-8")
            path.write_text(edit(before), encoding="utf-8", newline="\n")
    for name in DELETED:
        (project / name).unlink(missing_ok=True)
    (project / "data" / "holidays.csv").write_text("day\n2024-12-25\n", encoding="utf-8", newline="\n")
    (project / "src" / package / "calendar.py").write_text(
        '"""Days on which nobody works."""\n\nDAYS = 11\n', encoding="utf-8", newline="\n"
    )
