"""YAML files of the user: read safely, with errors that name the file and the line."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fearless.core.errors import FearlessError

MERGE = "tag:yaml.org,2002:merge"


def read_mapping(path: Path, name: str, *, as_text: bool = False) -> dict[str, Any]:
    """Read the YAML mapping at `path`; `name` is how messages call it.

    With `as_text` every value is the text that stands in the file: `yes`, `01` and `1.50` stay what they are
    instead of becoming a truth value and numbers. Raises FearlessError when the file is missing, not UTF-8,
    not YAML, or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FearlessError(
            f"{name} is missing.", fix=f"Bring it back with `git checkout -- {name}` or write it anew."
        ) from None
    except UnicodeDecodeError as error:
        raise FearlessError(f"{name} is not UTF-8: {error.reason}.", fix="Save it as UTF-8.") from None
    return parse_mapping(text, name, as_text=as_text)


def parse_mapping(text: str, name: str, *, as_text: bool = False) -> dict[str, Any]:
    """The YAML mapping in `text`; otherwise as `read_mapping`."""
    import yaml

    try:
        # Both loaders are safe ones: they build no objects.
        content = yaml.load(text, Loader=_loader(as_text))  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FearlessError(
            f"{name}{place} is not valid YAML: {error.problem or error.context}.",
            fix="Mend that line; indentation and a missing colon or quote are the usual causes.",
        ) from None
    except (yaml.YAMLError, ValueError) as error:  # a day such as 2026-13-45 is a ValueError of its own
        raise FearlessError(f"{name} is not valid YAML: {error}.", fix="Mend that place.") from None
    except RecursionError:
        raise FearlessError(
            f"{name} is nested too deeply to be read.", fix="Take brackets out of each other."
        ) from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise FearlessError(f"{name} holds a {type(content).__name__}, not `key: value` lines.")
    return content


@cache
def _loader(as_text: bool) -> Any:
    """A safe loader that refuses a key written twice: the second would silently win."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key_node, _ in node.value:
                key = str(getattr(key_node, "value", ""))
                if key in seen and key_node.tag != MERGE:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key `{key}` is there twice", problem_mark=key_node.start_mark
                    )
                seen.add(key)
            return super().construct_mapping(node, deep=deep)

    if as_text:
        resolvers = base.yaml_implicit_resolvers["<"]
        Loader.yaml_implicit_resolvers = {"<": [pair for pair in resolvers if pair[0] == MERGE]}
    return Loader
