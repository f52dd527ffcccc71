"""How well a score ranks, beyond the AUC: H-measure, gains and lift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia.evaluate import trace_roc

type Numbers = npt.NDArray[np.float64]

DEPTHS = 10
_CHAINED_MAX = 100


@dataclass(frozen=True)
class Gain:
    """What lies in the riskiest `depth` of all applications, and `lift` against a random pick."""

    depth: float
    pd_min: float
    bads_captured: float
    goods_captured: float
    bad_rate: float
    lift: float


def h_measure(outcome: npt.NDArray[Any], pd: Numbers) -> float:
    """Return the H-measure, 0 for a constant score and 1 for a perfect one.

    Hand, "Measuring classifier performance: a coherent alternative to the area under the ROC
    curve" (Machine Learning 77, 2009), with his default severity ratio: the cost share c of a
    missed bad follows beta(2, 2), whatever the bad rate. (The later default of Hand and
    Anagnostopoulos, 2014, centres c on the bad rate; figures of the two do not compare.)
    H = 1 - L / L0: L is the least expected loss over all cut-offs, L0 that without a score.
    """
    is_bad = outcome.astype(bool)
    return h_of_curve(*trace_roc(is_bad, pd)[:2], float(is_bad.mean()))


def h_of_curve(false_rate: Numbers, true_rate: Numbers, bad_share: float) -> float:
    """Return the H-measure of a ROC curve, whose points are distinct, from (0, 0) to (1, 1)."""
    good_share = 1 - bad_share
    false_rate, true_rate = _upper_hull(false_rate, true_rate)
    rise = good_share * np.diff(false_rate)
    # Between two corners of the hull the loss is equal at this cost share; it grows to the right.
    turns = rise / (rise + bad_share * np.diff(true_rate))
    low, high = np.concatenate([[0.0], turns]), np.concatenate([turns, [1.0]])
    missed = bad_share * (1 - true_rate) * (_cost_moment(high) - _cost_moment(low))
    refused = good_share * false_rate * (_rest_moment(high) - _rest_moment(low))
    turn = np.array([good_share])
    blind = bad_share * _cost_moment(turn) + good_share * (0.5 - _rest_moment(turn))
    return float(1 - (missed + refused).sum() / blind[0])


def tabulate_gains(outcome: npt.NDArray[Any], pd: Numbers) -> list[Gain]:
    """Return the cumulative gains of the riskiest 10 %, 20 % … 100 % of all applications.

    Equal PDs that a depth cuts through count in proportion, so no order of the rows matters.
    Lift is the bad rate down to a depth over the bad rate of all (Siddiqi, "Credit Risk
    Scorecards", 2006); its value at 0.1 is the lift at 10 %.
    """
    is_bad = outcome.astype(bool)
    false_rate, true_rate, thresholds = trace_roc(is_bad, pd)
    bad_share = float(is_bad.mean())
    reached = false_rate * (1 - bad_share) + true_rate * bad_share
    gains = []
    for place in range(1, DEPTHS + 1):
        depth = place / DEPTHS
        bads = float(np.interp(depth, reached, true_rate))
        last = min(int(np.searchsorted(reached, depth - 1e-12)), len(thresholds) - 1)
        gains.append(
            Gain(
                depth=depth,
                pd_min=float(thresholds[last]),
                bads_captured=bads,
                goods_captured=float(np.interp(depth, reached, false_rate)),
                bad_rate=bads * bad_share / depth,
                lift=bads / depth,
            )
        )
    return gains


def _upper_hull(false_rate: Numbers, true_rate: Numbers) -> tuple[Numbers, Numbers]:
    """Return the corners of the ROC curve's concave hull (Andrew's monotone chain, 1979).

    Points that lie below the chord of their neighbours are no corners, and go first, at once.
    """
    while len(false_rate) > _CHAINED_MAX:
        x, y = false_rate, true_rate
        is_above = (x[1:-1] - x[:-2]) * (y[2:] - y[:-2]) < (y[1:-1] - y[:-2]) * (x[2:] - x[:-2])
        if is_above.all():
            break
        kept = np.concatenate([[True], is_above, [True]])
        false_rate, true_rate = x[kept], y[kept]
    corners: list[tuple[float, float]] = []
    for x, y in zip(false_rate.tolist(), true_rate.tolist(), strict=True):
        while len(corners) > 1:
            (x0, y0), (x1, y1) = corners[-2:]
            if (x1 - x0) * (y - y0) < (y1 - y0) * (x - x0):
                break
            corners.pop()
        corners.append((x, y))
    found = np.array(corners)
    return found[:, 0], found[:, 1]


def _cost_moment(cost: Numbers) -> Numbers:
    """Integral of c x 6c(1 - c) from 0 to `cost`."""
    return np.asarray(2 * cost**3 - 1.5 * cost**4)


def _rest_moment(cost: Numbers) -> Numbers:
    """Integral of (1 - c) x 6c(1 - c) from 0 to `cost`."""
    return np.asarray(3 * cost**2 - 4 * cost**3 + 1.5 * cost**4)
