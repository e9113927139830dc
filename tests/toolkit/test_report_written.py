"""The folder of reports: all of them or none, also when the writer is killed, and cheap."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fearless.cli.gate import write_reports
from screenshots import ROOT, examples

FILES = {"report.json", "report.html", "report.md", "junit.xml"}
SOURCE = ROOT / "template" / "fearless" / "src"
# The writer dies when the page and the comment are written and the rest is not.
KILLED = """
import json, os, sys
from pathlib import Path
import fearless.cli.gate as gate

gate.junit = lambda report: os._exit(9)
text = Path(sys.argv[1]).read_text(encoding="utf-8")
gate.write_reports(Path(sys.argv[2]), json.loads(text), text)
"""


def text_of(name: str) -> str:
    return json.dumps(examples()[name], indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_every_form_is_written_and_report_json_is_what_was_given(tmp_path: Path) -> None:
    text = text_of("fail")
    write_reports(tmp_path / "gate", json.loads(text), text)
    assert {file.name for file in (tmp_path / "gate").iterdir()} == FILES
    assert (tmp_path / "gate" / "report.json").read_text(encoding="utf-8") == text
    assert all(b"\r" not in file.read_bytes() for file in (tmp_path / "gate").iterdir())


def test_a_report_replaces_the_whole_folder_of_the_one_before(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "report.html").write_text("PASS of yesterday", encoding="utf-8")
    (folder / "more.html").write_text("PASS of yesterday", encoding="utf-8")
    text = text_of("error")
    write_reports(folder, json.loads(text), text)
    assert {file.name for file in folder.iterdir()} == FILES
    assert not any("yesterday" in file.read_text(encoding="utf-8") for file in folder.iterdir())


def test_a_killed_writer_leaves_no_report_and_the_next_one_clears_up(tmp_path: Path) -> None:
    text, folder = text_of("pass"), tmp_path / "scratch" / "gate"
    (tmp_path / "given.json").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "given.json"), str(folder)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 9, done.stderr
    assert not folder.exists()
    write_reports(folder, json.loads(text), text)
    assert [each.name for each in folder.parent.iterdir()] == ["gate"]


def test_a_report_that_cannot_be_drawn_leaves_nothing(tmp_path: Path) -> None:
    report = examples()["pass"]
    del report["checks"][0]["verdict"]
    with pytest.raises(KeyError):
        write_reports(tmp_path / "gate", report, "{}")
    assert list(tmp_path.iterdir()) == []


def test_the_reports_need_no_room_and_nothing_heavy() -> None:
    code = (
        "import sys, fearless.report.html, fearless.report.junit, fearless.report.annotations\n"
        "heavy = {'numpy', 'urllib.request', 'rich', 'polars', 'xml.sax'}\n"
        "rooms = {name for name in sys.modules if name.startswith('fearless.gate')}\n"
        "print(*sorted(heavy & set(sys.modules) | rooms))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == ""
