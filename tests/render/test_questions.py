"""The questions: at most twelve, all with a default; a wrong answer teaches and writes nothing."""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from .conftest import ROOT, Render
from .test_combinations import front_matter

FROZEN_CHOICES = {
    "example": ["churn", "travel-delay", "none"],
    "ci": ["github", "gitlab"],
    "dvc_remote": ["local", "s3", "gs", "azure", "ssh", "webdav"],
    "profile": ["light", "regulated"],
    "licence": ["proprietary", "Apache-2.0", "BSD-3-Clause", "MIT"],
}
QUESTIONS = [
    "project_name",
    "package_name",
    "description",
    "owner_name",
    "owner_email",
    "example",
    "target_column",
    "ci",
    "dvc_remote",
    "dvc_remote_url",
    "profile",
    "licence",
]


def settings() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    return loaded


def test_the_questions_and_their_choices_are_the_frozen_ones() -> None:
    questions = {name: value for name, value in settings().items() if not name.startswith("_")}
    assert list(questions) == QUESTIONS
    assert {
        name: list(question["choices"].values())
        for name, question in questions.items()
        if "choices" in question
    } == FROZEN_CHOICES


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_asks_explains_and_proposes(name: str) -> None:
    question = settings()[name]
    assert "?" in question["help"]
    assert "default" in question
    assert "choices" in question or (question["placeholder"] and question["validator"])


def test_nothing_in_the_settings_asks_for_trust() -> None:
    assert not {"_tasks", "_jinja_extensions", "_migrations", "_secret_questions"} & set(settings())


WRONG = [
    ({"project_name": "  "}, "The project name is empty."),
    ({"project_name": "two\nlines"}, "one line of at most 80 printable"),
    ({"package_name": "class"}, "'class' is taken"),
    ({"package_name": "match"}, "'match' is taken"),
    ({"package_name": "fearless"}, "for example: fearless_model."),
    ({"package_name": "json"}, "'json' is taken"),
    ({"package_name": "dvc"}, "'dvc' is taken"),
    ({"package_name": "scikit_learn"}, "'scikit_learn' is taken"),
    ({"package_name": "Churn"}, "lower-case letters, digits and underscores"),
    ({"package_name": "my-churn"}, "lower-case letters, digits and underscores"),
    ({"package_name": "2churn"}, "starts with a letter"),
    ({"package_name": "größe"}, "lower-case letters, digits and underscores"),
    ({"package_name": "churn_"}, "must not start or end with an underscore"),
    ({"package_name": "../churn"}, "lower-case letters, digits and underscores"),
    ({"description": ""}, "Say in one line what the model predicts"),
    ({"description": "a\tb"}, "one line of at most 200 printable"),
    ({"owner_name": "Ada <root>"}, "without < and >"),
    ({"owner_email": "ada.example.com"}, "is not an e-mail address. It needs a name, an @ and a domain"),
    ({"owner_email": "ada@"}, "is not an e-mail address"),
    ({"owner_email": "a b@example.com"}, "is not an e-mail address"),
    ({"example": "iris"}, "Invalid choice"),
    ({"example": "none", "target_column": " "}, "exactly as it stands in the first line of your file"),
    ({"dvc_remote": "s3", "dvc_remote_url": "gs://bucket/x"}, "does not fit the storage 's3'"),
    ({"dvc_remote": "webdav", "dvc_remote_url": "https://example.com/x"}, "starts with webdavs://"),
    ({"dvc_remote": "s3", "dvc_remote_url": "s3://"}, "names no bucket after s3://"),
    ({"dvc_remote": "s3", "dvc_remote_url": "s3://key:secret@bucket/x"}, "holds credentials"),
    ({"dvc_remote": "ssh", "dvc_remote_url": "ssh://me:pass@example.com/x"}, "holds credentials"),
    ({"dvc_remote": "azure", "dvc_remote_url": "azure://box/x?sig=abc"}, "holds credentials"),
    ({"dvc_remote": "gs", "dvc_remote_url": "gs://bucket/my data"}, "may hold letters, digits and"),
]


@pytest.mark.parametrize(("answers", "lesson"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_answer_teaches_and_writes_nothing(
    template: Path, tmp_path: Path, answers: dict[str, str], lesson: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(lesson)):
        copier.run_copy(str(template), tmp_path / "project", data=answers, defaults=True, quiet=True)
    assert not (tmp_path / "project").exists()


def test_the_command_line_ends_with_the_lesson_and_a_code_other_than_zero(
    template: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "copier",
            "copy",
            "--defaults",
            "-d",
            "package_name=class",
            str(template),
            "project",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode != 0
    assert done.stderr.rstrip().endswith("Add a word to it, for example: class_model.")
    assert not (tmp_path / "project").exists()


def test_no_word_of_python_or_its_library_passes_as_a_package_name() -> None:
    taken = set((ROOT / "hooks" / "taken-names.txt").read_text(encoding="utf-8").split())
    words = {*keyword.kwlist, *keyword.softkwlist, *sys.stdlib_module_names}
    assert not {word for word in words if word.islower() and not word.startswith("_")} - taken


def test_no_library_of_the_first_release_passes_as_a_package_name() -> None:
    taken = set((ROOT / "hooks" / "taken-names.txt").read_text(encoding="utf-8").split())
    project = tomllib.loads((ROOT / "template/fearless/pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    direct = [line.split(">")[0].replace("-", "_") for line in project["dependencies"]]
    assert {"fearless", "tests", "test", "src", *direct} <= taken


@pytest.mark.parametrize(
    ("project_name", "package"),
    [
        ("Churn of Customers", "churn_of_customers"),
        ("  Über-Größe 2!  ", "ber_gr_e_2"),
        ("2nd try", "model_2nd_try"),
        ("予測", "model"),
        ("Class", "class_model"),
        ("Fearless", "fearless_model"),
        ("x" * 80, "x" * 50),
    ],
)
def test_a_package_name_is_proposed_that_is_right(render: Render, project_name: str, package: str) -> None:
    assert (render(project_name=project_name) / "src" / package / "model.py").is_file()


ODD = [
    'It\'s "quoted" \\ and: #1 — {{ braces }} {% raw',
    "ünï çødé 🚀 & <b> $HOME %s",
    "- [x] * `key`: |",
    "'",
    "null",
    "2026",
]


@pytest.mark.parametrize("text", ODD)
def test_any_printable_text_survives_in_every_file(render: Render, text: str) -> None:
    owner = text.replace("<", "").replace(">", "")
    project = render(description=text, project_name=text, owner_name=owner, package_name="odd")
    described = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert described["description"] == text
    assert described["authors"] == [{"name": owner, "email": "data-team@example.com"}]
    assert front_matter(project / "QUESTION.md")["owners"][0]["name"] == owner
    assert text in (project / "README.md").read_text(encoding="utf-8")
    answers = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert (answers["description"], answers["owner_name"], answers["project_name"]) == (text, owner, text)


@pytest.mark.parametrize("target", ["churned", "Überfällig: ja/nein", 'the "label" #1', "yes"])
def test_a_target_column_of_any_name_reaches_the_dictionary(render: Render, target: str) -> None:
    project = render(example="none", target_column=target)
    assert yaml.safe_load((project / "columns.yaml").read_text(encoding="utf-8"))["target"] == target


def test_an_existing_destination_keeps_what_it_holds(template: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    mine = {project / "README.md": "mine\n", project / "src" / "notes.txt": "mine too\n"}
    for path, text in mine.items():
        path.write_text(text, encoding="utf-8")
    copier.run_copy(str(template), project, defaults=True, quiet=True, data={"package_name": "churn"})
    assert all(path.read_text(encoding="utf-8") == text for path, text in mine.items())


def test_a_file_of_yours_in_the_template_s_place_is_not_overwritten_unasked(
    template: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "project" / "fearless" / "ruff.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--defaults", str(template), "project"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    assert done.returncode != 0
    assert mine.read_text(encoding="utf-8") == "mine\n"


def test_the_first_message_names_the_next_two_commands(template: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--defaults", str(template), "project"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert 'cd "project"' in done.stderr.replace(str(tmp_path) + "/", "")
    assert "uv run fearless start" in done.stderr
