"""What Prometheus reads at /metrics. Labels are words of ours: never an id, a column of a request or a value."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

from fearless.ledger.record import Provenance

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Counters:
    """Counts since the service started; `text` gives them in Prometheus' text format, version 0.0.4."""

    def __init__(self) -> None:
        self.predictions: Counter[tuple[str, str]] = Counter()  # by model version and channel
        self.refused: Counter[str] = Counter()  # by reason
        self.repeated = 0
        self.ledger_errors = 0
        self.batches = 0
        self.durations = [0] * (len(BOUNDS_S) + 1)
        self.duration_s = 0.0

    def took(self, seconds: float) -> None:
        """Count a request that was answered with a prediction."""
        self.durations[bisect_left(BOUNDS_S, seconds)] += 1
        self.duration_s += seconds

    def text(self, model: Provenance, *, ready: bool, behind: bool = False) -> str:
        """All counters, with the model that answers now, whether the service is ready, and whether it is `behind`."""
        return "\n".join(self._lines(model, ready, behind)) + "\n"

    def _lines(self, model: Provenance, ready: bool, behind: bool) -> Iterator[str]:
        yield from _head("ml_predictions_total", "counter", "Rows that were predicted and recorded.")
        for (version, channel), count in sorted(self.predictions.items()):
            yield f'ml_predictions_total{{model="{model.model_name}",version="{version}",channel="{channel}"}} {count}'
        yield from _head(
            "ml_requests_refused_total", "counter", "Requests that were not answered, by reason."
        )
        for reason, count in sorted(self.refused.items()):
            yield f'ml_requests_refused_total{{reason="{reason}"}} {count}'
        yield from _head(
            "ml_requests_repeated_total", "counter", "Requests answered from the ledger by their key."
        )
        yield f"ml_requests_repeated_total {self.repeated}"
        yield from _head("ml_ledger_errors_total", "counter", "Batches that the ledger did not take.")
        yield f"ml_ledger_errors_total {self.ledger_errors}"
        yield from _head("ml_batches_total", "counter", "Batches; each is one synced commit.")
        yield f"ml_batches_total {self.batches}"
        name = "ml_prediction_duration_seconds"
        yield from _head(name, "histogram", "From the request read to the prediction recorded.")
        below = 0
        for bound, count in zip((*BOUNDS_S, "+Inf"), self.durations, strict=True):
            below += count
            yield f'{name}_bucket{{le="{bound}"}} {below}'
        yield f"{name}_sum {self.duration_s:.6f}"
        yield f"{name}_count {below}"
        yield from _head("ml_ready", "gauge", "1 while the service answers predictions.")
        yield f"ml_ready {int(ready)}"
        yield from _head(
            "ml_behind", "gauge", "1 while another model was deployed than the one that answers."
        )
        yield f"ml_behind {int(behind)}"
        yield from _head("ml_model_info", "gauge", "The model that answers now.")
        labels = {
            "model": model.model_name,
            "role": model.model_role,
            "version": model.model_version,
            "sha256": model.model_sha256,
        }
        told = ",".join(f'{key}="{value}"' for key, value in labels.items())
        yield f"ml_model_info{{{told}}} 1"


def _head(name: str, kind: str, told: str) -> Iterator[str]:
    yield f"# HELP {name} {told}"
    yield f"# TYPE {name} {kind}"
