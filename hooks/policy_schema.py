"""Write template/fearless/gate.schema.json: gate.yaml as a JSON Schema, so that an editor completes and checks it.

    python hooks/policy_schema.py            write it
    python hooks/policy_schema.py --check    write nothing; exit 1 when it is out of date

It is made from the toolkit's own types. What no schema can say (a metric's range, a rule that does not fit its
direction) the toolkit says when it reads the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "template" / "fearless" / "src"))

from fearless.gate.metrics import METRICS, MULTICLASS  # noqa: E402
from fearless.gate.own import NAME  # noqa: E402
from fearless.gate.policy import Policy  # noqa: E402
from fearless.gate.value import NAME as VALUE  # noqa: E402

SCHEMA = ROOT / "template" / "fearless" / "gate.schema.json"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 when something would change"
    )
    options = parser.parse_args(arguments)
    wanted = text()
    present = SCHEMA.read_text(encoding="utf-8") if SCHEMA.exists() else ""
    if options.check and wanted != present:
        print(f"{SCHEMA.relative_to(ROOT).as_posix()} is out of date. Run: python hooks/policy_schema.py")
        return 1
    if wanted != present:
        SCHEMA.write_text(wanted, encoding="utf-8", newline="\n")
    return 0


def text() -> str:
    """The schema as it stands in the file."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """Draft 2020-12, with the names of the metrics."""
    found = Policy.model_json_schema()
    found["$defs"]["CheckLine"]["properties"]["metric"] = {
        "anyOf": [
            {"enum": list(dict.fromkeys(["primary", *METRICS, *MULTICLASS, VALUE]))},
            {"type": "string", "pattern": f"^{NAME.pattern}$"},
        ],
        "title": "Metric",
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "gate.yaml"}


if __name__ == "__main__":
    sys.exit(main())
