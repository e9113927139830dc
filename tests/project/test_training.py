"""What training promises: the same inputs give the same bytes, whatever the machine's threads and hash seed."""

from __future__ import annotations

from .conftest import Copied


def test_training_again_gives_the_same_bytes(copied: Copied) -> None:
    repo = copied()
    before = repo.snapshot("models/candidate")
    for seed, threads in (("5", "2"), ("77", "1")):
        result = repo.fearless("stage", "train", PYTHONHASHSEED=seed, OMP_NUM_THREADS=threads)
        assert result.returncode == 0, result.stdout + result.stderr
        assert repo.snapshot("models/candidate") == before
