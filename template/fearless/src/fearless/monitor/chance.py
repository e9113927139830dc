"""How far two samples of one population lie apart by luck: the PSI, its chance floor and its limit.

The population stability index of reference shares p and window shares q is the sum of (q - p) ln(q / p), the
symmetric Kullback-Leibler divergence. Where both samples come from one population, PSI / (1/n + 1/m) follows
about a chi-squared distribution with cells - 1 degrees of freedom (n and m rows). Where the true PSI is a small
d, it follows about a noncentral one with noncentrality d / (1/n + 1/m).

Sources: Kullback, Information Theory and Statistics, chapter 6 (the divergence and its distribution);
Yurdakul, Statistical Properties of Population Stability Index, Western Michigan University (2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
# Siddiqi, Credit Risk Scorecards (2006): below 0.1 nothing of note has changed, above 0.25 much has.
LIMIT = 0.1
# Half of it: a change that is real and small is shown, and is no alarm.
NOTICEABLE = LIMIT / 2
# How often a whole run may raise a false alarm, shared among all that it compares.
LEVEL = 0.01
FEWEST_EXPECTED = 5.0


@dataclass(frozen=True)
class Shift:
    """How far a window's distribution lies from the reference.

    `psi` is measured; `chance` is what luck alone explains; above `limit` it is proven that the true PSI
    exceeds LIMIT. `excess` is `psi` less what luck shows on average, an estimate of the true PSI.
    """

    psi: float
    chance: float
    limit: float
    excess: float

    @property
    def state(self) -> str:
        """`moved`: proven to be more than LIMIT; `changed`: real and noticeable; else `steady`."""
        if self.psi > self.limit:
            return "moved"
        return "changed" if self.psi > self.chance and self.excess >= NOTICEABLE else "steady"


def shift(reference: Counts, window: Counts, *, ordered: bool, comparisons: int) -> Shift:
    """Compare two (cells,) counts of rows; both have rows.

    The last cell holds the missing values and stays a cell of its own. `ordered` cells merge with their
    neighbours where they are too small to be compared, others with each other. `comparisons` is how many the
    run makes: each has LEVEL / comparisons for its false alarms (Bonferroni).
    """
    reference, window = merged(reference, window, ordered=ordered)
    rows, served = int(reference.sum()), int(window.sum())
    luck = 1.0 / rows + 1.0 / served
    degrees = max(len(reference) - 1, 1)
    level = LEVEL / max(comparisons, 1)
    measured = psi(reference, window)
    return Shift(
        measured,
        luck * chi_squared_quantile(1.0 - level, degrees),
        luck * chi_squared_quantile(1.0 - level, degrees, LIMIT / luck),
        max(measured - luck * degrees, 0.0),
    )


def psi(reference: Counts, window: Counts) -> float:
    """The sum of (q - p) ln(q / p) over cells, with half a row added to each so that an empty one has a share."""
    p = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    q = (window + 0.5) / (window.sum() + 0.5 * len(window))
    return float(np.sum((q - p) * np.log(q / p)))


def merged(reference: Counts, window: Counts, *, ordered: bool) -> tuple[Counts, Counts]:
    """Both counts over fewer cells, so that FEWEST_EXPECTED rows are expected in each; the last stays alone.

    What is expected is told by the reference, and by the pooled rows where the reference has none.
    """
    values, served = reference[:-1], window[:-1]
    total = max(int(reference.sum()), 1)
    smaller = min(total, int(window.sum()))
    expected = values / total * smaller
    groups = _neighbours(expected) if ordered else _rare_together(expected)
    count = int(groups.max()) + 1 if len(groups) else 0
    first = np.bincount(groups, values, count).astype(np.int64)
    second = np.bincount(groups, served, count).astype(np.int64)
    used = first + second > 0
    first, second = first[used], second[used]
    if reference[-1] + window[-1]:
        first, second = np.append(first, reference[-1]), np.append(second, window[-1])
    return first, second


def chi_squared_quantile(probability: float, degrees: float, noncentrality: float = 0.0) -> float:
    """A quantile of the (noncentral) chi-squared distribution.

    Central: Wilson and Hilferty, PNAS 17 (1931). Noncentral: a scaled central one with the same mean and
    variance (Patnaik, Biometrika 36, 1949). From the 0.99 quantile on never more than 1 % below the exact one, and
    above it by 20 % at most, where there is one degree of freedom: it errs on the careful side.
    """
    scale = (degrees + 2.0 * noncentrality) / (degrees + noncentrality)
    central = (degrees + noncentrality) ** 2 / (degrees + 2.0 * noncentrality)
    z = NormalDist().inv_cdf(probability)
    spread = 2.0 / (9.0 * central)
    return scale * central * (1.0 - spread + z * math.sqrt(spread)) ** 3


def _neighbours(expected: NDArray[np.float64]) -> NDArray[np.intp]:
    """A group for each cell, from left to right; what is left over at the end joins the last group."""
    groups = np.zeros(len(expected), dtype=np.intp)
    group, held = 0, 0.0
    for at, rows in enumerate(expected):
        groups[at] = group
        held += rows
        if held >= FEWEST_EXPECTED:
            group, held = group + 1, 0.0
    if group:
        groups[groups == group] = group - 1
    return groups


def _rare_together(expected: NDArray[np.float64]) -> NDArray[np.intp]:
    """A group for each cell: the frequent ones alone, the rare ones in one."""
    groups = np.zeros(len(expected), dtype=np.intp)
    frequent = np.flatnonzero(expected >= FEWEST_EXPECTED)
    groups[frequent] = np.arange(1, len(frequent) + 1)
    return groups
