"""Which version of the toolkit runs: the one these files are, which need not be the one that is installed."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path


@cache
def toolkit_version() -> str:
    """The version in the pyproject.toml beside these files, or of the installed package where there is none.

    A pull request is judged by the base's toolkit, from a work tree, in an environment that holds the change's.
    """
    beside = Path(__file__).resolve().parents[3] / "pyproject.toml"
    if not beside.is_file():
        return metadata.version("fearless")
    return str(tomllib.loads(beside.read_text(encoding="utf-8"))["project"]["version"])
