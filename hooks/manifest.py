"""Write template/fearless/MANIFEST: a line `sha256  path` for each file that belongs to the template.

    python hooks/manifest.py            write it
    python hooks/manifest.py --check    write nothing; exit 1 and name the files whose line is out of date

`fearless check` compares a project's files with it. The workflows of both CI systems are listed; a project
has one of them.
"""

from __future__ import annotations

import argparse
import hashlib
import sys

from ownership import ROOT, TEMPLATE, classes_of, rendered_files, yours

MANIFEST = TEMPLATE / "fearless" / "MANIFEST"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 when something would change"
    )
    options = parser.parse_args(arguments)
    wanted = manifest()
    present = MANIFEST.read_text(encoding="utf-8") if MANIFEST.exists() else ""
    if options.check and wanted != present:
        changed = {line.partition("  ")[2] for line in set(wanted.splitlines()) ^ set(present.splitlines())}
        print(f"{MANIFEST.relative_to(ROOT).as_posix()} is out of date for {', '.join(sorted(changed))}.")
        print("Run: python hooks/manifest.py")
        return 1
    if wanted != present:
        MANIFEST.write_text(wanted, encoding="utf-8", newline="\n")
    return 0


def manifest() -> str:
    """The text of the manifest, sorted by path. Carriage returns are refused, git would change them."""
    skipped, _ = yours()
    digests: dict[str, str] = {}
    for source, path in rendered_files():
        if source == MANIFEST or classes_of(path, skipped) != ["template"]:
            continue
        content = source.read_bytes()
        if b"\r" in content:
            sys.exit(
                f"{source.relative_to(ROOT).as_posix()} has Windows line ends; save it with line feeds only."
            )
        digests[path] = hashlib.sha256(content).hexdigest()
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))


if __name__ == "__main__":
    sys.exit(main())
