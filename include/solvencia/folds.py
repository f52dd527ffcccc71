"""Inner folds that respect time: train on older vintages, judge on newer ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

type Mask = npt.NDArray[np.bool_]

NEWER_SHARE = 0.25


def find_newer(dates: npt.NDArray[Any], outcome: npt.NDArray[Any]) -> Mask:
    """Tell which rows belong to the newest vintages, about a quarter of all.

    Whole months only. Where the vintages are too few to leave both outcomes on both sides, every
    fourth row is taken instead, of each outcome apart.
    """
    months = dates.astype("datetime64[M]")
    vintages, counts = np.unique(months, return_counts=True)
    reached = np.cumsum(counts[::-1])[::-1] / max(len(months), 1)
    newest = vintages[reached <= NEWER_SHARE * 1.2]
    is_newer = np.isin(months, newest)
    sides = (outcome[is_newer], outcome[~is_newer])
    if is_newer.mean() > NEWER_SHARE / 2 and all(len(np.unique(each)) == 2 for each in sides):
        return is_newer
    is_newer = np.zeros(len(months), dtype=bool)
    for value in np.unique(outcome):
        is_newer[np.flatnonzero(outcome == value)[::4]] = True
    return is_newer
