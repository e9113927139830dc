"""Pydantic's complaints about a YAML file as one sentence: which key of which file, what it says, what is valid."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fearless.core.errors import FearlessError

if TYPE_CHECKING:
    from pydantic import ValidationError

LONGEST = 60


def first_complaint(error: ValidationError, file: str, known: Iterable[str]) -> FearlessError:
    """The first problem in `error`; an unknown key is answered with the nearest of `known`.

    Unknown keys come first: a key that is misspelt is missing as well, and its spelling is what to mend.
    """
    problems: list[Mapping[str, Any]] = list(error.errors(include_url=False))
    problem = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    where = ".".join(str(part) for part in problem["loc"]) or "the whole file"
    if problem["type"] == "extra_forbidden":
        key = str(problem["loc"][-1])
        near = difflib.get_close_matches(key, list(known), n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Valid keys: {', '.join(sorted(set(known)))}."
        return FearlessError(f"{file}: the key `{where}` is not known.", fix=hint)
    if problem["type"] == "missing":
        return FearlessError(f"{file}: `{where}` is missing.", fix="Add that line.")
    if problem["type"] == "value_error":
        return FearlessError(f"{file}: `{where}`: {problem['msg'].removeprefix('Value error, ')}")
    if problem["type"] == "json_invalid":
        said = problem["msg"].removeprefix("Invalid JSON: ")
        return FearlessError(
            f"{file} is no JSON: {said}.", fix="Bring the file back: nobody edits it by hand."
        )
    value = repr(problem["input"])
    shown = value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
    if problem["type"] in ("bool_parsing", "bool_type"):
        return FearlessError(f"{file}: `{where}` is {shown}.", fix="Write true or false.")
    return FearlessError(f"{file}: `{where}` is {shown}: {problem['msg'].lower()}.")
