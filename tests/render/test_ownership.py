"""Each file has one owner, and what is yours is never written over."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import copier
import pytest

import manifest
import ownership
import tested

from .conftest import ROOT, Render
from .test_combinations import files, tree


def test_every_file_of_the_template_is_in_exactly_one_class() -> None:
    assert ownership.problems() == []


def test_a_file_outside_the_template_s_places_is_in_no_class_until_copier_yml_names_it() -> None:
    assert ownership.classes_of("src/helpers.py", set()) == []
    assert ownership.classes_of("src/helpers.py", {"src/helpers.py"}) == ["yours"]
    assert ownership.classes_of("fearless/src/fearless/new/module.py", set()) == ["template"]
    assert ownership.classes_of(".github/workflows/fearless-nightly.yml", set()) == ["template"]
    assert ownership.classes_of(".github/workflows/ours.yml", set()) == []


def test_both_keys_name_the_same_paths_one_entry_a_line() -> None:
    skipped, excluded = ownership.yours()
    assert skipped == excluded
    assert all("\n" not in path for path in skipped)
    assert len(skipped) == 33


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_the_readme_s_table_says_what_copier_yml_says(render: Render, ci: str) -> None:
    project = render(ci=ci, package_name=ownership.PACKAGE)
    rows = re.findall(
        r"^\| (`.*`) \| .* \| (yours|the template's|state) \|$", text(project / "README.md"), re.MULTILINE
    )
    named = {path for paths, whose in rows if whose == "yours" for path in re.findall(r"`([^`]+)`", paths)}
    skipped, _ = ownership.yours()
    other = ".gitlab" if ci == "github" else ".github"
    assert named == {path for path in skipped if not path.startswith(other)}


@pytest.mark.parametrize(("ci", "example"), [("github", "churn"), ("gitlab", "none")])
def test_what_is_rendered_is_yours_or_the_template_s_or_the_answers(
    render: Render, ci: str, example: str
) -> None:
    project = render(ci=ci, example=example, package_name=ownership.PACKAGE)
    skipped, _ = ownership.yours()
    rendered = set(tree(project))
    assert {path for path in skipped if not path.startswith((".github", ".gitlab"))} <= rendered
    assert all(len(ownership.classes_of(path, skipped)) == 1 for path in rendered)
    assert {path for path in rendered if ownership.classes_of(path, skipped) == ["state"]} == {
        ".copier-answers.yml"
    }


def test_recopy_leaves_edited_files_byte_equal_and_mends_the_template_s(
    template: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    copier.run_copy(
        str(template), project, data={"package_name": ownership.PACKAGE}, defaults=True, quiet=True
    )
    fresh = tree(project)
    skipped, _ = ownership.yours()
    for name in fresh:
        (project / name).write_bytes(
            fresh[name] + b"# edited\r\n" if name != ".copier-answers.yml" else fresh[name]
        )
    edited = tree(project)
    copier.run_recopy(project, defaults=True, overwrite=True, quiet=True)
    after = tree(project)
    assert {name for name in after if after[name] == edited[name] != fresh[name]} == skipped & set(fresh)
    assert {name for name in after if name not in skipped} == {
        name for name in after if after[name] == fresh[name]
    }


def test_the_manifest_lists_the_template_s_files_as_a_project_gets_them(
    whole_template: Path, tmp_path: Path
) -> None:
    lines = (line.split("  ") for line in manifest.manifest().splitlines())
    promised = {name: digest for digest, name in lines}
    delivered: dict[str, str] = {}
    skipped, _ = ownership.yours()
    for ci in ("github", "gitlab"):
        copier.run_copy(str(whole_template), tmp_path / ci, data={"ci": ci}, defaults=True, quiet=True)
        for path in files(tmp_path / ci):
            name = path.relative_to(tmp_path / ci).as_posix()
            if ownership.classes_of(name, skipped) == ["template"] and name != "fearless/MANIFEST":
                delivered[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert promised == delivered


def test_the_manifest_is_up_to_date() -> None:
    assert manifest.main(["--check"]) == 0, "run: python hooks/manifest.py"


def test_the_tested_versions_are_one_block_that_covers_every_storage() -> None:
    source = text(tested.PROJECT)
    found = tested.pins(source)
    assert set(found) == {"tested", *(f"tested-{remote}" for remote in tested.REMOTES)}
    everything = {
        name: ["fearless[tested]", *lines] if name != "tested" else lines for name, lines in found.items()
    }
    assert tested.with_block(source, everything) == source
    assert any(line.startswith("dvc-s3==") for line in found["tested-s3"])


def test_our_own_lock_holds_the_tested_versions() -> None:
    locked = set(re.findall(r"^([a-z0-9.\-]+==[^ ;]+)", text(ROOT / "requirements.txt"), re.MULTILINE))
    wanted = {line.split(";")[0].strip() for line in tested.pins(text(tested.PROJECT))["tested"]}
    assert wanted <= locked, "run: make lock"


def test_no_committed_text_names_a_package_index() -> None:
    for name in ("requirements.txt", "template/fearless/pyproject.toml", "template/pyproject.toml.jinja"):
        assert "index-url" not in text(ROOT / name)
        assert not re.search(r"https?://\S*(simple|pypi)", text(ROOT / name))


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
