"""The commands in groups, so that a newcomer meets seven of them first."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

GROUPS = {
    "Each day": ("start", "check", "train", "gate", "serve", "release", "rollback", "update"),
    "To production": ("ci", "rehearse", "checklist", "sign", "concern", "deploy", "history"),
    "In production": ("monitor", "truth", "simulate", "trace", "audit"),
    "Data": ("columns", "golden"),
}
REST = "For pipelines"


class Grouped(TyperGroup):
    """Lists the commands below a title for each group; what is in none stands below the last one."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the groups."""
        listed = {name for names in GROUPS.values() for name in names}
        rest = tuple(name for name in self.list_commands(ctx) if name not in listed)
        for title, names in {**GROUPS, REST: rest}.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, command.get_short_help_str(60)) for name, command in found if command]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows, col_max=12)
