"""YAML files of the user: read safely, with errors that name the file and the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fearless.core.errors import FearlessError


def read_mapping(path: Path, name: str) -> dict[str, Any]:
    """Read the YAML mapping at `path`; `name` is how messages call it.

    Raises FearlessError when the file is missing, not UTF-8, not YAML, or not a mapping.
    """
    import yaml

    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys.loader())
    except FileNotFoundError:
        raise FearlessError(
            f"{name} is missing.", fix=f"Bring it back with `git checkout -- {name}` or write it anew."
        ) from None
    except UnicodeDecodeError as error:
        raise FearlessError(f"{name} is not UTF-8: {error.reason}.", fix="Save it as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FearlessError(
            f"{name}{place} is not valid YAML: {error.problem or error.context}.",
            fix="Mend that line; indentation and a missing colon or quote are the usual causes.",
        ) from None
    except yaml.YAMLError as error:
        raise FearlessError(f"{name} is not valid YAML: {error}.", fix="Mend that place.") from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise FearlessError(f"{name} holds a {type(content).__name__}, not `key: value` lines.")
    return content


class _UniqueKeys:
    """A safe loader that refuses a key written twice: the second would silently win."""

    _loader: Any = None

    @classmethod
    def loader(cls) -> Any:
        if cls._loader is not None:
            return cls._loader
        import yaml

        base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

        class Loader(base):  # type: ignore[misc]
            def construct_mapping(self, node: Any, deep: bool = False) -> Any:
                seen: set[str] = set()
                for key_node, _ in node.value:
                    key = str(getattr(key_node, "value", ""))
                    if key in seen and key_node.tag != "tag:yaml.org,2002:merge":
                        raise yaml.MarkedYAMLError(
                            problem=f"the key `{key}` is there twice", problem_mark=key_node.start_mark
                        )
                    seen.add(key)
                return super().construct_mapping(node, deep=deep)

        cls._loader = Loader
        return Loader
