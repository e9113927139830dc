"""Sample data: made from a seed, and equal byte for byte on every platform and every Python."""

from __future__ import annotations

from pathlib import Path

from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError

# sha256 of the file that `write` makes for each example. A change of one byte makes `dvc.lock` stale in every
# project that stands on the sample, so the generators below stay as they are.
DIGESTS: dict[str, str] = {
    "churn": "3bb3228fd48285915c62f5996b36845e9e58a813831bfd723031635524d6f59d",
    "travel-delay": "a22668482e76a9cb41a62992791d956cbf87feba9286d5721ef8b4526f49384e",
}


def write(example: str, folder: Path) -> list[Path]:
    """Write the raw data of `example` (`churn`, `travel-delay`) into `folder` and return the files.

    `churn` becomes customers.csv, `travel-delay` flights.csv: 20,000 rows, UTF-8, LF. The folder is made
    where it is missing, and a file that is there is replaced, whole or not at all. Raises FearlessError for
    an example without sample data and OSError where the disk refuses.
    """
    if example == "churn":
        from fearless.sample import churn

        path, lines = folder / "customers.csv", [churn.HEADER, *churn.rows()]
    elif example == "travel-delay":
        from fearless.sample import flights

        path, lines = folder / "flights.csv", [flights.HEADER, *flights.rows()]
    else:
        raise FearlessError(
            f"There is no sample data for the example `{example}`.",
            fix=f"Take {' or '.join(DIGESTS)}, or put your own CSV into data/raw/.",
        )
    write_text(path, "\n".join(lines) + "\n")
    return [path]
