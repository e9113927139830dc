"""The files that a module of the team's is made of, found by reading and not by running them."""

from __future__ import annotations

import pytest

from fearless.guard.imported import files_of

FILES = {
    "src/churn/__init__.py": "RATE = 2\n",
    "src/churn/metrics.py": "import numpy as np\nfrom churn.worth import GAIN\n",
    "src/churn/worth.py": "def late():\n    from . import prices\n",
    "src/churn/prices.py": "from churn import metrics, RATE\n",
    "src/churn/other.py": "",
    "src/churn/deep/__init__.py": "from .inner import x\n",
    "src/churn/deep/inner.py": "from ..prices import y\nfrom ... import z\n",
    "src/churn/broken.py": "def (:\n",
}


@pytest.mark.parametrize(
    ("module", "found"),
    [
        ("churn.metrics", ["metrics", "worth", "prices", "__init__"]),
        ("churn.deep", ["deep/__init__", "deep/inner", "prices", "__init__", "metrics", "worth"]),
        ("churn.other", ["other"]),
        ("churn.broken", ["broken"]),
        ("churn.nowhere", []),
    ],
)
def test_what_is_imported_is_found_however_it_is_written_and_however_far(
    module: str, found: list[str]
) -> None:
    files = files_of(module, FILES.get)
    assert sorted(files) == sorted(f"src/churn/{each}.py" for each in found)
    assert files[:1] == [f"src/churn/{each}.py" for each in found[:1]]
