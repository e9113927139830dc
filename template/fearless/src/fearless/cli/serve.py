"""`fearless serve`: the service, with every thread pool at one thread."""

from __future__ import annotations

import os

from fearless.core.project import Project

# With more than one thread the pools of the libraries fight each other and the service's own thread.
POOLS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def serve_model(project: Project, host: str, port: int, role: str) -> None:
    """Answer predictions until the process is told to stop."""
    for pool in POOLS:  # read when polars and numpy are imported, which nothing has done yet
        os.environ.setdefault(pool, "1")
    from fearless.serve.run import run

    run(project, host, port, role)
