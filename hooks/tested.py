"""Write the versions that are tested together into the toolkit's extras `tested` and `tested-<remote>`.

    python hooks/tested.py              add what is missing, keep every version that still fits
    python hooks/tested.py --upgrade    take the newest versions that hooks/tested-constraints.txt allows
    python hooks/tested.py --check      write nothing; exit 1 when the block is out of step with the ranges

A generated project asks for `fearless[tested]` at its first lock only. uv keeps versions that are locked, so
the extra works as a preference: once it is dropped, a team may ask for other versions and gets them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "template" / "fearless" / "pyproject.toml"
CONSTRAINTS = ROOT / "hooks" / "tested-constraints.txt"
REMOTES = ("s3", "gs", "azure", "ssh", "webdav")
BEGIN = "# The tested versions: written by the template's hooks/tested.py. Do not edit.\n"
END = "# End of the tested versions.\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 when something would change"
    )
    parser.add_argument("--upgrade", action="store_true", help="forget the present versions")
    options = parser.parse_args(arguments)
    text = PROJECT.read_text(encoding="utf-8")
    present = {} if options.upgrade else pins(text)
    wanted = with_block(text, resolve(present))
    if wanted == text:
        return 0
    if options.check:
        print("The tested versions of the toolkit do not follow its ranges. Run: python hooks/tested.py")
        return 1
    PROJECT.write_text(wanted, encoding="utf-8", newline="\n")
    print(f"{PROJECT.relative_to(ROOT)} is written. Run `python hooks/manifest.py` and `make lock` next.")
    return 0


def pins(text: str) -> dict[str, list[str]]:
    """The extras `tested` and `tested-<remote>`, without the reference of one to the other."""
    extras: dict[str, list[str]] = tomllib.loads(text)["project"]["optional-dependencies"]
    return {
        name: [line for line in lines if "==" in line]
        for name, lines in extras.items()
        if name.startswith("tested")
    }


def resolve(present: dict[str, list[str]]) -> dict[str, list[str]]:
    """The closure of the core with `dev`, and what each remote adds to it, as requirement lines with markers."""
    core = compile_closure(["--extra", "dev"], present.get("tested", []), [])
    found = {"tested": core}
    for remote in REMOTES:
        closure = compile_closure(
            ["--extra", "dev", "--extra", remote], core + present.get(f"tested-{remote}", []), core
        )
        found[f"tested-{remote}"] = ["fearless[tested]", *(line for line in closure if line not in core)]
    return found


def compile_closure(extra: list[str], preferred: list[str], fixed: list[str]) -> list[str]:
    """Resolve the ranges for all platforms, with `preferred` versions where they fit and all `fixed` ones."""
    with tempfile.TemporaryDirectory() as folder:
        out, held = Path(folder) / "out.txt", Path(folder) / "held.txt"
        out.write_text("\n".join(preferred) + "\n", encoding="utf-8")
        held.write_text("\n".join(fixed) + "\n", encoding="utf-8")
        command = ["uv", "pip", "compile", str(PROJECT), *extra, "--universal", "--python-version", "3.11"]
        command += [
            "--no-emit-index-url",
            "--no-annotate",
            "--no-header",
            "--quiet",
            "--output-file",
            str(out),
        ]
        done = subprocess.run(
            [*command, "--constraints", str(CONSTRAINTS), "--constraints", str(held)],
            text=True,
            encoding="utf-8",
            capture_output=True,
        )
        if done.returncode:
            sys.exit(f"uv could not resolve the toolkit's ranges {' '.join(extra)}:\n{done.stderr}")
        return [line for line in out.read_text(encoding="utf-8").splitlines() if line.strip()]


def with_block(text: str, found: dict[str, list[str]]) -> str:
    """`text` with its block of tested versions replaced, or added behind the other extras."""
    lines = [BEGIN]
    for name, requirements in found.items():
        lines += [
            f"{name} = [\n",
            *(f'    "{line.replace(chr(34), chr(39))}",\n' for line in requirements),
            "]\n",
        ]
    block = "".join([*lines, END])
    if BEGIN in text:
        head, rest = text.split(BEGIN)
        return head + block + rest.split(END)[1]
    head, scripts, rest = text.partition("\n[project.scripts]\n")
    return head + block + scripts + rest


if __name__ == "__main__":
    sys.exit(main())
