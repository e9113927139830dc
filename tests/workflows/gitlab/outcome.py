"""What it means for a pipeline to be red: which job, and its one sentence at the end of that job's log."""

from __future__ import annotations

from .pipeline import Job, Pipeline

GATE, CHECK, COMMENT, RELEASE = "fearless", "fearless:check", "fearless:comment", "fearless:release"


def assert_red(run: Pipeline, *names: str) -> None:
    """The pipeline is red because of these jobs and of no other."""
    red = {name for name, job in run.jobs.items() if job.result == "failed"}
    assert red == set(names), run.log
    assert not run.green


def sentence(job: Job) -> str:
    """The last line that the job's script has printed: where GitLab's page of the job ends."""
    said = job.log.split("$ test ! -f ops/ci/after.sh")[0].splitlines()
    return said[-1]
