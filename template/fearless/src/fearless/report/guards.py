"""What guards found, as Markdown for a job summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fearless.report.markdown import safe


def markdown(guards: Sequence[Mapping[str, Any]]) -> str:
    """The `guards` of `fearless check --json` as Markdown: what found something, then the rest folded away."""
    failed = [guard for guard in guards if not guard["ok"]]
    if not failed:
        title = f"## ✅ Check: all {len(guards)} guards are content"
    else:
        title = f"## ❌ Check: {len(failed)} of {len(guards)} guards found something"
    lines = [title, ""]
    for guard in failed:
        lines.append(f"- ❌ {safe(guard['guard'])}")
        for finding in guard["findings"]:
            mend = f" *{safe(finding['fix'])}*" if finding["fix"] else ""
            lines.append(f"  - {safe(finding['what'])}{mend}")
    content = [f"- ✅ {safe(guard['guard'])}" for guard in guards if guard["ok"]]
    if content:
        lines += [
            "",
            "<details>",
            f"<summary>{len(content)} content</summary>",
            "",
            *content,
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"
