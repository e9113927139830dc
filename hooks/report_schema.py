"""docs/reference/report.schema.json, made from the types that the gate writes report.json with.

python hooks/report_schema.py            writes it
python hooks/report_schema.py --check    says whether it is current
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "template" / "fearless" / "src"))

from pydantic import TypeAdapter  # noqa: E402

from fearless.gate.findings import SCHEMA, Report  # noqa: E402

FILE = ROOT / "docs" / "reference" / "report.schema.json"


def schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12): what 0.1.0 wrote is required, later keys may be missing, others may be there."""
    made: dict[str, Any] = TypeAdapter(Report).json_schema(mode="serialization")
    for shape in (made, *made["$defs"].values()):
        shape.pop(
            "description", None
        )  # the docstrings speak to programmers; the reference page explains the fields
        shape.pop("title", None)
        for field in shape.get("properties", {}).values():
            field.pop("title", None)
            field.pop("default", None)
    made["properties"]["schema"] = {"const": SCHEMA}
    made["required"] = sorted({*made["required"], "schema", "checks", "models", "policy", "context"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "report.json of the Fearless gate, schema 1",
        **made,
    }


def text() -> str:
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        if not FILE.is_file() or FILE.read_text(encoding="utf-8") != text():
            sys.exit(f"{FILE.relative_to(ROOT)} is not current: python hooks/report_schema.py")
    else:
        FILE.write_text(text(), encoding="utf-8", newline="\n")
