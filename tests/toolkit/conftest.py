"""Small generated repositories, made inline: what the toolkit needs of one, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import polars as pl
import pytest

from fearless.columns import dictionary as dictionaries
from fearless.columns.dictionary import Dictionary
from fearless.core.project import Project
from fearless.model.contract import Team

COLUMNS = """\
version: 1
task: binary
target: left
key: [customer]
time: day
columns:
  customer:
    type: string
    description: Number of the customer
    known_at_prediction: true
  day:
    type: date
    description: The day of prediction
    known_at_prediction: true
  calls:
    type: integer
    description: Service calls in the 90 days before
    known_at_prediction: true
    missing: true
    range: [0, 60]
  fee:
    type: number
    description: The monthly fee
    known_at_prediction: true
  plan:
    type: category
    description: The tariff
    known_at_prediction: true
    levels: [basic, plus]
  loyal:
    type: boolean
    description: Whether a customer for two years or more
    known_at_prediction: true
  all_calls:
    type: integer
    description: All service calls of the year
    known_at_prediction: false
    reason: it counts the call that cancels
  left:
    type: boolean
    description: Whether the contract was cancelled
    known_at_prediction: false
"""
CODE = {
    "data.py": """\
        from fearless.api import read

        def load(raw):
            return read(raw)
        """,
    "features.py": """\
        from fearless.api import plain

        def features(rows):
            return plain(rows)
        """,
    "model.py": """\
        from sklearn.ensemble import HistGradientBoostingClassifier

        def train(data):
            model = HistGradientBoostingClassifier(max_iter=5, random_state=data.seed)
            return model.fit(data.x, data.y)
        """,
}


@dataclass(frozen=True)
class Tree:
    """A folder with the files of a generated repository."""

    root: Path

    @property
    def project(self) -> Project:
        return Project(self.root)

    @property
    def dictionary(self) -> Dictionary:
        return dictionaries.load(self.root)

    @property
    def team(self) -> Team:
        return Team.of(self.project, self.dictionary)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8", newline="\n")
        return path

    def code(self, name: str, text: str) -> Tree:
        """Replace one file of the team's package."""
        self.write(f"src/shop/{name}", text)
        return self

    def columns(self, old: str, new: str) -> Tree:
        """Change one place of columns.yaml."""
        path = self.root / "columns.yaml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")
        return self


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A repository for a package `shop`; it is the working directory of the test."""
    made = Tree(tmp_path / "repository")
    made.write("columns.yaml", COLUMNS)
    made.write("fearless/STAGES", "1\n")
    made.write(".copier-answers.yml", "package_name: shop\nci: github\n")
    made.write("src/shop/__init__.py", "")
    for name, text in CODE.items():
        made.code(name, text)
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def rows() -> pl.DataFrame:
    """200 rows as COLUMNS describes them, two a day."""
    return make_rows(200)


def make_rows(count: int, **columns: Any) -> pl.DataFrame:
    """`count` rows as COLUMNS describes them; `columns` replaces some."""
    numbers = range(count)
    made: dict[str, Any] = {
        "customer": [f"c{number:05}" for number in numbers],
        "day": [date(2024, 1, 1) + timedelta(days=number // 2) for number in numbers],
        "calls": [number * 7 % 13 for number in numbers],
        "fee": [10 + number * 0.25 for number in numbers],
        "plan": ["plus" if number % 3 else "basic" for number in numbers],
        "loyal": [number % 4 == 0 for number in numbers],
        "all_calls": [number * 7 % 13 + number % 2 for number in numbers],
        "left": [number * 7 % 13 > 6 for number in numbers],
    }
    return pl.DataFrame({**made, **columns})
