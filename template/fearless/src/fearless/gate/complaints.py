"""Pydantic's complaints about gate.yaml, each as one sentence: where, what, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel


def sentence(problem: Mapping[str, Any], model: type[BaseModel]) -> str:
    """One complaint about content for `model`, with the nearest valid name for a name that is not known."""
    place: tuple[int | str, ...] = problem["loc"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return f"{where}: this key is not known. {nearest(str(place[-1]), _names_beside(place, model))}"
    if kind == "missing":
        return f"{where}: is missing. Add that line."
    if kind == "literal_error":
        expected = problem["ctx"]["expected"].replace("'", "")
        hint = nearest(str(given), expected.replace(" or ", ", ").split(", "))
        return f"{where}: must be {expected}, not {shown(given)}. {hint}".rstrip()
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{where or 'the file'}: must hold `key: value` lines, not {shown(given)}."
    text = problem["msg"].replace("Input should be", "must be").replace("Input should", "must")
    return f"{where}: {text[0].lower()}{text[1:]}, not {shown(given)}."


def shown(given: object) -> str:
    """A value of the file as a message quotes it."""
    if given is None:
        return "empty"
    try:
        text = f"the text '{given}'" if isinstance(given, str) else str(given)
    except (RecursionError, ValueError):  # brackets within brackets, or more digits than Python writes out
        text = f"that {type(given).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def nearest(name: str, valid: Sequence[str]) -> str:
    """The valid name that was probably meant, or all of them."""
    by_small = {each.lower(): each for each in valid}
    near = difflib.get_close_matches(name.lower(), by_small, n=1, cutoff=0.7)
    return f"Did you mean `{by_small[near[0]]}`?" if near else f"Valid: {', '.join(valid)}."


def _names_beside(place: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys that are valid where the last one of `place` stands."""
    for part in place[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models_in(model.model_fields[part].annotation), model)
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
