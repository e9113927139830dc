"""Answers in combination, really started: each pair of example, CI, profile and remote stands in one rendering.

One rendering for each storage is started with uv, which installs that storage's client; the others use that
environment. Nothing here talks to anything but the closed port 9 of this machine.
"""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .conftest import Rendered, Repo, run

EXAMPLES = ("churn", "travel-delay", "none")
CLOSED = "127.0.0.1:9"
ADDRESSES = {
    "local": "",
    "s3": "s3://bucket/models",
    "gs": "gs://bucket/models",
    "azure": "azure://container/models",
    "ssh": f"ssh://{CLOSED}/srv/models",
    "webdav": f"webdav://{CLOSED}/models",
}
NOWHERE = {
    "AWS_ENDPOINT_URL": f"http://{CLOSED}",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "STORAGE_EMULATOR_HOST": f"http://{CLOSED}",
    "NO_GCE_CHECK": "true",
    "GCE_METADATA_HOST": CLOSED,
    "GCE_METADATA_IP": CLOSED,
    "AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=none;AccountKey=bm9uZQ==;"
    f"BlobEndpoint=http://{CLOSED}/none;",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}
Row = tuple[str, str, str, str]


def pairwise() -> list[Row]:
    """Eighteen rows, the fewest there can be, with every pair of values of example, CI, profile and remote."""
    ci, profile = ("github", "gitlab"), ("light", "regulated")
    return [
        (example, ci[(at + number) % 2], profile[((at + 1) // 2 + number // 2) % 2], remote)
        for number, remote in enumerate(ADDRESSES)
        for at, example in enumerate(EXAMPLES)
    ]


def test_the_selection_holds_every_pair() -> None:
    rows = pairwise()
    assert len(rows) == len(set(rows)) == 18
    values = [sorted({row[at] for row in rows}) for at in range(4)]
    assert [len(each) for each in values] == [3, 2, 2, 6]
    for one, other in itertools.combinations(range(4), 2):
        assert {(row[one], row[other]) for row in rows} == set(itertools.product(values[one], values[other]))


def test_each_selected_rendering_starts_says_what_its_storage_lacks_and_works_locally(
    rendered: Rendered, surroundings: dict[str, str]
) -> None:
    by_remote = [[row for row in pairwise() if row[3] == remote] for remote in ADDRESSES]
    homes = {
        row: rendered(example=row[0], ci=row[1], profile=row[2], dvc_remote=row[3])
        if row[3] == "local"
        else rendered(
            example=row[0], ci=row[1], profile=row[2], dvc_remote=row[3], dvc_remote_url=ADDRESSES[row[3]]
        )
        for row in itertools.chain(*by_remote)
    }
    # Some clients wait and try again for most of a minute: let the others work meanwhile.
    order = sorted(by_remote, key=lambda rows: rows[0][3] not in ("azure", "gs"))
    with ThreadPoolExecutor(4) as pool:
        wrong = [
            each
            for found in pool.map(lambda rows: _started(rows, homes, surroundings), order)
            for each in found
        ]
    assert wrong == []


def _started(rows: list[Row], homes: dict[Row, Path], surroundings: dict[str, str]) -> list[str]:
    """Start the rows of one remote one after another; returns what went wrong."""
    environment = {**surroundings, **NOWHERE}
    with_uv = next(row for row in rows if row[0] != "none")
    python = homes[with_uv] / ".venv" / "bin" / "python"
    wrong: list[str] = []
    for row in sorted(rows, key=lambda row: row != with_uv):
        repo = Repo(homes[row], python, environment)
        if row[0] == "none":
            _bring_data(repo)
        if row == with_uv:
            result = run(["uv", "run", "fearless", "start"], repo.root, environment)
        else:
            result = repo.fearless("start")
        wrong += [
            f"{row}: {fault}" for fault in _faults(row, repo, result.returncode, result.stdout, result.stderr)
        ]
    return wrong


def _faults(row: Row, repo: Repo, code: int, said: str, errors: str) -> list[str]:
    found = [] if code == 0 else [f"exit code {code}: {said}{errors}"]
    if row[3] == "local":
        found += [] if "pushed to .storage" in said else ["was not pushed"]
        checked = repo.fearless("check")
        found += [] if checked.returncode == 0 else [f"check: {checked.stdout}{checked.stderr}"]
    else:
        lines = said.splitlines()
        at = next((n for n, line in enumerate(lines) if line.startswith("      not pushed")), None)
        told = "\n".join(lines[at : at + 2]) if at is not None else ""
        if ADDRESSES[row[3]] not in told or "uv run dvc push" not in told:
            found.append(f"does not say what is missing: {told or said}")
        if "Having any troubles" in told:
            found.append(f"gives no reason: {told}")
    if "Traceback" in said + errors:
        found.append("a traceback")
    if code == 0:
        found += [f"not committed: {line}" for line in repo.changes()]
        if repo.report()["verdict"] != "PASS":
            found.append(f"gate: {repo.report()['summary']}")
    return found


def _bring_data(repo: Repo) -> None:
    """A small table whose target follows two of its columns in steps, which no straight line follows."""
    (repo.root / "data" / "raw").mkdir(parents=True)
    lines = ["code,size,weight,target"]
    for number in range(600):
        size, weight = number * 37 % 101, number * 53 % 89
        lines.append(
            f"{number},{size},{weight},{size // 10 % 3 * 40 + (weight > 44) * 60 + number * number % 47}"
        )
    repo.write("data/raw/parcels.csv", "\n".join(lines) + "\n")
    described = "".join(
        f"  {name}: {{type: integer, description: Taken from the label of the parcel,"
        f" known_at_prediction: {'false' if name == 'target' else 'true'}}}\n"
        for name in ("code", "size", "weight", "target")
    )
    repo.write(
        "columns.yaml",
        f"version: 1\ntask: regression\ntarget: target\nkey: [code]\ncolumns:\n{described}",
    )
