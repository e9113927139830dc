"""Plain words for what the gate measures, for readers who do not write code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fearless.report.deciding import MARGINS

# What a metric is called, and what it tells.
METRICS = {
    "log_loss": ("log loss", "how well the stated probabilities fit what happened; lower is better"),
    "roc_auc": (
        "ROC AUC",
        "how often a positive case is ranked above a negative one; 0.5 is guessing, 1 perfect",
    ),
    "average_precision": ("average precision", "how pure the top of the ranking is; higher is better"),
    "brier": ("Brier score", "the mean squared error of the probabilities; lower is better"),
    "accuracy": ("accuracy", "the share of rows that are decided rightly"),
    "balanced_accuracy": ("balanced accuracy", "accuracy with both classes counted alike"),
    "f1": ("F1", "one number for precision and recall together"),
    "macro_f1": ("macro F1", "the mean of the F1 of each class, so that rare classes count as much"),
    "precision": ("precision", "the share of flagged rows that are positive"),
    "recall": ("recall", "the share of positive rows that are flagged"),
    "specificity": ("specificity", "the share of negative rows that are left alone"),
    "mcc": ("Matthews correlation", "agreement of decision and truth; 0 is chance, 1 perfect"),
    "ece": (
        "calibration error",
        "how far stated probabilities are from the shares that came true; lower is better",
    ),
    "mse": ("mean squared error", "the mean of the squared errors; lower is better"),
    "rmse": (
        "root mean squared error",
        "a typical size of the errors, in the target's unit; lower is better",
    ),
    "mae": ("mean absolute error", "the mean size of the errors, in the target's unit; lower is better"),
    "r2": ("R2", "the share of the target's variance that is explained; 1 is perfect"),
    "value": ("worth", "what the decisions earn and cost"),
}
TERMS = {
    "golden data": "rows that judge every model and train none",
    "candidate": "the model that is judged here",
    "champion": "the model that was released last; both are measured on the same rows",
    "baseline": "a very simple model that a real one must beat",
    "skill": "how far the model goes from knowing nothing (0) to perfect (1)",
    "bounds": "how low and how high the true number may be, each with the stated confidence",
    "slice": "a part of the golden data, such as one region",
}
HEADLINES = {
    "PASS": "This model may be {}.",
    "FAIL": "This model must not be {}.",
    "INCONCLUSIVE": "It cannot be told yet whether this model is good enough.",
    "ERROR": "The model was not judged.",
}
# So many metrics of what knows nothing stand in the sentence about it; the table of models has them all.
FIGURES = 2
RESULTS = {"PASS": "Passed", "FAIL": "Failed", "INCONCLUSIVE": "Open", "ERROR": "Not judged"}
RIVALS = {
    "champion": "the champion",
    "constant": "a constant guess",
    "one_feature": "a rule on one feature",
    "linear": "a linear model",
}


def headline(report: Mapping[str, Any]) -> str:
    """What was decided, in one short sentence."""
    done = "released" if report["mode"] == "release" else "merged"
    text = HEADLINES.get(report["verdict"], HEADLINES["ERROR"]).format(done)
    return f"{text} Here this counts as a failure." if report["exit_code"] == 3 else text


def lead(report: Mapping[str, Any]) -> str:
    """What stands behind the headline: the summary, or what stopped the judgement."""
    return str(report["errors"][0] if report["errors"] else report["summary"])


def result(verdict: str) -> str:
    """A verdict on one check as a word."""
    return RESULTS.get(verdict, RESULTS["ERROR"])


def metric(name: str) -> str:
    """What a metric is called in a sentence."""
    of, _, threshold = name.partition("@")
    if of not in METRICS:
        return name
    return f"{METRICS[of][0]} at {threshold}" if threshold else METRICS[of][0]


def rival(name: str) -> str:
    """What another model is called in a sentence."""
    return RIVALS.get(name, name)


def title(check: Mapping[str, Any]) -> str:
    """What a check is about, in a few words; for a rule of a later toolkit its id."""
    return f"{_title(check)}, on the base's golden data" if check.get("golden") == "base" else _title(check)


def without_model(report: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is done without a model, and what that comes to beside the candidate; None where nothing says it."""
    models = {model["name"]: model for model in report["models"]}
    nothing, candidate = models.get("constant"), models.get("candidate")
    if nothing is None or candidate is None:
        return None
    figures = [
        f"{metric(name)} {number(nothing['metrics'][name]['value'])}, with this model"
        f" {number(candidate['metrics'][name]['value'])}"
        for name in [report["primary"], *sorted(nothing["metrics"].keys() - {report["primary"], "value"})]
        if name in nothing["metrics"] and name in candidate["metrics"]
    ][:FIGURES]
    worth = report.get("value")
    if worth and worth.get("constant"):
        figures.insert(
            0,
            f"worth {number(worth['constant']['value'])} {worth['currency']} per {worth['per']}, with this model"
            f" {number(worth['candidate']['value'])}",
        )
    said = report.get("do_nothing") or ""
    return (said.rstrip(".") + "." if said else "", f"A constant guess: {'; '.join(figures)}.")


def _title(check: Mapping[str, Any]) -> str:
    rule, of = check["rule"], metric(check["metric"])
    if rule in MARGINS:
        return f"No worse than the champion in {of}{' skill' if check['of'] == 'skill' else ''}"
    if rule == "beats":
        return f"Better than {rival(check['against'])}"
    if rule == "slices":
        return f"No part of {check['id'].rpartition('.')[2]} is worse off ({of})"
    titles = {
        "min_skill": f"Knows more than nothing ({of})",
        "floor": f"{of[:1].upper()}{of[1:]} is high enough",
        "ceiling": f"{of[:1].upper()}{of[1:]} is low enough",
        "too_good": "Not too good to be true",
        "ece_max": "Probabilities mean what they say",
        "p95_ms_ratio": "Answers fast enough",
        "model_mb": "Small enough",
        "alone": f"What changes {check['metric']} changes nothing else",
        "unedited": f"The {check['metric']} is unedited",
        "unproven": f"The {check['metric']} is proven unedited",
        "champion": "The champion stays",
        "told": f"{check['metric']} changes",
        "untrained_rows": "Enough rows that the candidate was not trained on",
    }
    return titles.get(rule, str(check["id"]))


def number(value: float, signed: bool = False) -> str:
    """Four significant digits as a person writes them: 0.0123, 12.35, 1,234,568."""
    sign = "+" if signed else ""
    if abs(value) >= 1e12 or 0 < abs(value) < 1e-6:
        return f"{value:{sign}.4g}"
    if abs(value) >= 1000:
        return f"{value:{sign},.0f}"
    text = f"{float(f'{value:.4g}'):{sign}.10f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "+0", "0") else text


def span(estimate: Mapping[str, float], signed: bool = False) -> str:
    """The two bounds of an estimate."""
    return f"{number(estimate['lower'], signed)} to {number(estimate['upper'], signed)}"


def between(estimate: Mapping[str, float], signed: bool = False) -> str:
    """The two bounds of an estimate behind the word `between`."""
    return f"{number(estimate['lower'], signed)} and {number(estimate['upper'], signed)}"
