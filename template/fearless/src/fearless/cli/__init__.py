"""The command line: parse, call, print. A command imports what it uses when it runs, so `--help` stays cheap."""

from __future__ import annotations

import contextlib
import gc
import os
import sys

LONGEST = 2000
INTERRUPTED = 130


def main() -> None:
    """Run the command in `sys.argv`; what a user can mend is told in a sentence, never as a traceback."""
    # Imports make half a million objects that live until the end: looking through them for garbage costs a
    # tenth of a short command. What runs for long (the team's training) switches it on again.
    gc.disable()
    from fearless.core.errors import FearlessError

    _speak_utf8()
    try:
        # Each `dvc repro` calls this three times: no parser.
        if len(sys.argv) == 3 and sys.argv[1] == "stage" and not sys.argv[2].startswith("-"):
            from fearless.pipeline.run import run_stage

            run_stage(sys.argv[2])
            return
        from fearless.cli.app import app_of

        app_of(sys.argv[1:])()
    except FearlessError as error:
        _tell(error.what, error.fix)
        raise SystemExit(error.code) from None
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        _tell(
            f"{error.strerror or error}{where}.",
            "Mend that and run the command again: it goes on where it stopped.",
        )
        raise SystemExit(2) from None
    except (KeyboardInterrupt, SystemExit) as ended:
        # typer ends a command that was interrupted with this number, and says nothing
        if isinstance(ended, SystemExit) and ended.code != INTERRUPTED:
            raise
        _tell("Stopped.", "Run the command again: it goes on where it stopped.")
        raise SystemExit(INTERRUPTED) from None
    except (ImportError, SyntaxError) as error:
        # The team's own code is imported where its errors become sentences: this is a library, or the toolkit.
        _tell(
            f"A library is missing or damaged: {type(error).__name__}: {error}.",
            "Install them again with `uv sync --reinstall --refresh`; in CI, remove the cache first.",
        )
        raise SystemExit(2) from None
    except Exception as error:
        # polars and SQLite tell what the system refused, a full disk say, in classes of their own
        if any(sign in str(error) for sign in ("(os error ", "disk is full", "No space left")):
            said = " ".join(str(error).split())
            _tell(f"{said}.", "Mend that and run the command again: it goes on where it stopped.")
            raise SystemExit(2) from None
        _tell(
            f"This is a fault of the toolkit: {type(error).__name__}: {error}.",
            f"Please report {_record(error)}.",
        )
        raise SystemExit(2) from None
    finally:
        gc.freeze()  # Python looks for garbage once more when it ends, among all that ends with it


def _tell(what: str, fix: str) -> None:
    from fearless.report.visible import visible_lines

    # Names of people, branches and files, and a team's data, stand in here: a terminal or a CI system obeys what it is
    # sent.
    what, fix = visible_lines(what), visible_lines(fix)
    print(f"fearless: {what}" + (f"\n  -> {fix}" if fix else ""), file=sys.stderr)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):  # where a person looks first for why a job is red
        from fearless.report.markdown import safe

        what, fix = safe(what, LONGEST), safe(fix, LONGEST)
        with contextlib.suppress(OSError), open(summary, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(f"⛔ **Not judged.** {what} {fix}\n")


def _record(error: BaseException) -> str:
    """Keep the traceback in a file for the report; returns what to call it."""
    import traceback

    from fearless.core.project import Project

    text = "".join(traceback.format_exception(error))
    try:
        path = Project.find().scratch / "fault.txt"
        path.write_text(text, encoding="utf-8")
    except Exception:
        return "it, with the command you ran"
    return str(path)


def _speak_utf8() -> None:
    """Windows terminals and pipes may have another encoding, and a name outside it must not end a command."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
