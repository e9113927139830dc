"""The process of the service: it binds its address, answers until it is told to stop, and finishes what it took."""

from __future__ import annotations

import gc
import signal
import socket

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.store import open_ledger
from fearless.serve.scoring import chosen_role, put_in_place

PATIENCE_S = 30  # how long requests under way are waited for when the service stops

GARBAGE = 20_000  # objects between two searches for garbage: a request leaves none, and 700 are searched twice a batch


def run(project: Project, host: str, port: int, role: str) -> None:
    """Serve models/<role> (default: the champion, else the candidate) until SIGTERM or SIGINT.

    Prints one line when requests are answered. Raises FearlessError where the model, the address or the packages of
    the extra `serve` cannot be had.
    """
    try:
        import uvicorn

        from fearless.serve.app import Served
    except ModuleNotFoundError as error:
        raise FearlessError(
            f"The service needs the package {error.name}, which is not installed.",
            fix="Add the toolkit's extra: `uv add 'fearless[serve]'`.",
        ) from None
    chosen = chosen_role(project, role)
    ready = put_in_place(project, chosen)
    ledger = open_ledger(project)
    served = Served(ready, ledger)
    bound = _bound(host, port)
    config = uvicorn.Config(
        served.app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=PATIENCE_S,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # Also before uvicorn takes the signals over; it raises them again once it has finished.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    gc.collect()
    gc.freeze()  # what the imports and the model made stays
    gc.set_threshold(GARBAGE)
    gc.enable()
    if not role and chosen == "candidate":
        print("There is no champion yet: models/candidate answers, which nobody released.", flush=True)
    shown = f"[{host}]" if ":" in host else host
    origin = ready.provenance
    print(
        f"{origin.model_name} {origin.model_version} ({chosen}) on http://{shown}:{bound.getsockname()[1]}/v1/predict"
        f", recorded in {ledger.address}",
        flush=True,
    )
    server.run(sockets=[bound])
    print("Stopped; every answered prediction is recorded.", flush=True)


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens already, so that the printed line is true for whoever reads it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise FearlessError(
            f"The service cannot listen on {host} port {port}: {said}.",
            fix="Stop what listens there, or choose another --port.",
        ) from None
    return bound
