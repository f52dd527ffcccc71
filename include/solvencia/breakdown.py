"""One evaluation, cut by month of application, by predicted risk and by score band."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import evaluate
from solvencia.portfolio import Scaling

type Numbers = npt.NDArray[np.float64]

_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Month:
    """Applications of one month; the AUC is None where only one outcome occurred."""

    month: str
    rows: int
    bads: int
    bad_rate: float
    mean_pd: float
    auc: float | None
    auc_low: float | None
    auc_high: float | None


@dataclass(frozen=True)
class Tenth:
    """A tenth of the applications by predicted risk; `low` and `high` bound its bad rate."""

    rows: int
    pd_min: float
    pd_max: float
    mean_pd: float
    bad_rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Band:
    """Scores from `points_from` to `points_to`, and what approving from here upwards means."""

    points_from: int
    points_to: int
    rows: int
    bads: int
    bad_rate: float | None
    mean_pd: float | None
    share: float
    share_approved: float
    bad_rate_approved: float | None


def by_month(outcome: npt.NDArray[Any], pd: Numbers, dates: npt.NDArray[Any]) -> list[Month]:
    """Return the figures of each month of application, oldest first."""
    months = dates.astype("datetime64[M]")
    found = []
    for month in np.unique(months):
        chosen = months == month
        bads, rows = int(outcome[chosen].sum()), int(chosen.sum())
        auc = low = high = None
        if 0 < bads < rows:
            measured = evaluate.measure(outcome[chosen], pd[chosen])
            auc, low, high = measured.auc, measured.auc_low, measured.auc_high
        mean = float(pd[chosen].mean())
        found.append(Month(str(month), rows, bads, bads / rows, mean, auc, low, high))
    return found


def by_tenth(outcome: npt.NDArray[Any], pd: Numbers) -> list[Tenth]:
    """Return ten bins of equal size in ascending PD, as the calibration error uses them.

    The bad rate's 95 % interval is Wilson's (JASA 22, 1927): it holds for few bads too.
    """
    order = np.argsort(pd, kind="stable")
    ordered = pd[order]
    found = []
    start = 0
    for mean, rate, rows in evaluate.bin_by_mass(outcome, pd):
        low, high = wilson(rate, rows)
        first, last = float(ordered[start]), float(ordered[start + rows - 1])
        found.append(Tenth(rows, first, last, mean, rate, low, high))
        start += rows
    return found


def by_band(
    outcome: npt.NDArray[Any], pd: Numbers, points: npt.NDArray[np.int64], scaling: Scaling
) -> list[Band]:
    """Return score bands as wide as the points that double the odds, highest first.

    `scaling.points` starts a band, so that all periods have the same bands.
    """
    width = max(1, round(scaling.pdo))
    start = round(scaling.points)
    places = (points - start) // width
    found = []
    for place in range(int(places.max()), int(places.min()) - 1, -1):
        chosen, above = places == place, places >= place
        rows, bads = int(chosen.sum()), int(outcome[chosen].sum())
        found.append(
            Band(
                points_from=start + place * width,
                points_to=start + (place + 1) * width - 1,
                rows=rows,
                bads=bads,
                bad_rate=bads / rows if rows else None,
                mean_pd=float(pd[chosen].mean()) if rows else None,
                share=rows / len(pd),
                share_approved=float(above.mean()),
                bad_rate_approved=float(outcome[above].mean()),
            )
        )
    return found


def wilson(rate: float, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate (Wilson, 1927)."""
    squared = _Z95**2 / rows
    centre = rate + squared / 2
    margin = _Z95 * math.sqrt(rate * (1 - rate) / rows + squared / (4 * rows))
    return max(0.0, (centre - margin) / (1 + squared)), min(1.0, (centre + margin) / (1 + squared))
