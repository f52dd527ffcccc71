"""Inner folds that respect time: train on older applications, judge on newer ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

type Mask = npt.NDArray[np.bool_]
type Fold = tuple[Mask, Mask]  # older, newer

FEW_ROWS = 5_000
# Shares of the rows where judged spans start, and the last one ends.
MANY, FEW = (0.5, 0.75, 1.0), (0.4, 0.55, 0.7, 0.85, 1.0)


def cut(dates: npt.NDArray[Any], outcome: npt.NDArray[Any]) -> list[Fold]:
    """Return folds in time's order: each judges a span on models of everything before it.

    Many rows are judged in two spans, the newest quarters; few in four, one after the other
    (Bergmeir and Benitez, "On the use of cross-validation for time series predictor evaluation",
    2012). No day is cut in two. Where the days are too few to leave both outcomes on both sides,
    every fourth row of each outcome is judged instead.
    """
    shares = FEW if len(dates) <= FEW_ROWS else MANY
    ordered = np.sort(dates)
    ends = [ordered[min(int(share * len(dates)), len(dates) - 1)] for share in shares[:-1]]
    ends.append(ordered[-1] + np.timedelta64(1, "D"))
    folds = [(dates < first, (first <= dates) & (dates < last)) for first, last in pairwise(ends)]
    if all(len(np.unique(outcome[side])) == 2 for fold in folds for side in fold):
        return folds
    newer = np.zeros(len(dates), dtype=bool)
    for value in np.unique(outcome):
        newer[np.flatnonzero(outcome == value)[::4]] = True
    return [(~newer, newer)]
