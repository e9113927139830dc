"""Which of the team's own files a module is made of: its own, and those that it imports, however far."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

SOURCE = "src"


def files_of(module: str, read: Callable[[str], str | None]) -> list[str]:
    """The files below src/ that `module` and what it imports of its own package stand in, its own first.

    `read` gives the text of a file by its path in the project, None where there is none. What is imported by a name
    that is only known when the code runs is not seen.
    """
    package = module.partition(".")[0]
    found: list[str] = []
    waiting = [module]
    while waiting:
        name = waiting.pop()
        place = f"{SOURCE}/{name.replace('.', '/')}"
        for file, around in ((f"{place}.py", name.rpartition(".")[0]), (f"{place}/__init__.py", name)):
            text = None if file in found else read(file)
            if text is None:
                continue
            found.append(file)
            waiting += [each for each in _imports(text, around) if each.partition(".")[0] == package]
    return found


def _imports(text: str, around: str) -> Iterator[str]:
    """The modules that are imported, and each name that is imported from one, since it may be a module too.

    `around` is the package that relative imports start from.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return  # what does not parse measures nothing either
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = around.split(".")[: -(node.level - 1) or None] if node.level else []
            start = ".".join([*up, *([node.module] if node.module else [])])
            yield start
            yield from (f"{start}.{each.name}" for each in node.names)
