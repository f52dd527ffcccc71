"""How well a model ranks and how well it is calibrated, on applications it never saw."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia.faults import PermanentFault

type Numbers = npt.NDArray[np.float64]

BINS = 10
_Z95 = 1.959963984540054


class UnmeasurableData(PermanentFault):
    """There is nothing to measure: no row, or one outcome only."""


@dataclass(frozen=True)
class Metrics:
    """Out-of-time metrics; `auc_low` and `auc_high` bound a 95 % interval (DeLong)."""

    auc: float
    auc_low: float
    auc_high: float
    gini: float
    ks: float
    brier: float
    ece: float
    rows: int
    bads: int

    def as_dict(self) -> dict[str, Any]:
        """Return the metrics by name, as metrics.json holds them."""
        return asdict(self)


def measure(outcome: npt.NDArray[Any], pd: Numbers) -> Metrics:
    """Return the metrics of predicted probabilities against outcomes (1 is bad)."""
    is_bad = outcome.astype(bool)
    rows, bads = len(is_bad), int(is_bad.sum())
    if bads in (0, rows):
        raise UnmeasurableData(
            f"{rows} test applications with {bads} bad ones: metrics need both outcomes, "
            "so bring more history or raise split.test_months"
        )
    auc, error = _auc_with_error(is_bad, pd)
    false_rate, true_rate, _ = trace_roc(is_bad, pd)
    return Metrics(
        auc=auc,
        auc_low=max(0.0, auc - _Z95 * error),
        auc_high=min(1.0, auc + _Z95 * error),
        gini=2 * auc - 1,
        ks=float(np.max(np.abs(true_rate - false_rate))),
        brier=float(np.mean((pd - is_bad) ** 2)),
        ece=calibration_error(is_bad, pd),
        rows=rows,
        bads=bads,
    )


def measure_auc(outcome: npt.NDArray[Any], score: Numbers) -> float:
    """Return the AUC of any score against outcomes with both kinds; infinite scores count."""
    is_bad = outcome.astype(bool)
    ranks = _mid_ranks(score)
    bads, goods = int(is_bad.sum()), int((~is_bad).sum())
    return float((ranks[is_bad].sum() - bads * (bads + 1) / 2) / (bads * goods))


def trace_roc(outcome: npt.NDArray[Any], pd: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return false-positive rates, true-positive rates and thresholds, one for each distinct PD.

    Starts at (0, 0) with an infinite threshold; equal PDs move together.
    """
    is_bad = outcome.astype(bool)
    order = np.argsort(-pd, kind="stable")
    ordered = pd[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    caught = np.cumsum(is_bad[order])[ends]
    false_rate = (ends + 1 - caught) / (~is_bad).sum()
    true_rate = caught / is_bad.sum()
    return (
        np.concatenate([[0.0], false_rate]),
        np.concatenate([[0.0], true_rate]),
        np.concatenate([[np.inf], ordered[ends]]),
    )


def bin_by_mass(outcome: npt.NDArray[Any], pd: Numbers) -> list[tuple[float, float, int]]:
    """Return (mean PD, bad rate, rows) of ten bins of equal size, in ascending PD."""
    order = np.argsort(pd, kind="stable")
    return [
        (float(pd[each].mean()), float(outcome[each].mean()), len(each))
        for each in np.array_split(order, BINS)
        if len(each)
    ]


def calibration_error(outcome: npt.NDArray[Any], pd: Numbers) -> float:
    """Return the ECE: the mean gap between PD and bad rate over ten bins of equal size."""
    bins = bin_by_mass(outcome.astype(np.float64), pd)
    return sum(rows * abs(mean - rate) for mean, rate, rows in bins) / len(pd)


def _auc_with_error(is_bad: npt.NDArray[Any], pd: Numbers) -> tuple[float, float]:
    """Return the AUC and its standard error.

    DeLong, DeLong and Clarke-Pearson (1988), from mid-ranks as in Sun and Xu (2014).
    """
    bad, good = pd[is_bad], pd[~is_bad]
    together = _mid_ranks(np.concatenate([bad, good]))
    bad_share = (together[: len(bad)] - _mid_ranks(bad)) / len(good)
    good_share = 1 - (together[len(bad) :] - _mid_ranks(good)) / len(bad)
    variance = _variance(bad_share) / len(bad) + _variance(good_share) / len(good)
    return float(bad_share.mean()), float(np.sqrt(variance))


def _mid_ranks(values: Numbers) -> Numbers:
    """Return ranks from 1; equal values share their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], dtype=np.float64)


def _variance(values: Numbers) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0
