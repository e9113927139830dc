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


def test_again_runs_every_stage_of_a_current_lock_and_changes_nothing_else(copied: Copied) -> None:
    repo = copied()
    before = repo.snapshot("models/candidate")
    calm = repo.fearless("train")
    assert "dvc.lock is current: " in calm.stdout
    assert "train: " not in calm.stdout
    result = repo.fearless("train", "--again")
    assert result.returncode == 0, result.stdout + result.stderr
    assert all(f"{stage}: " in result.stdout for stage in ("prepare", "train", "evaluate"))
    assert repo.snapshot("models/candidate") == before
    assert repo.changes() == []
