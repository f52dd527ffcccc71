"""Bounds with room beyond what was observed: a new applicant is not refused for being new."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

ROOM = 2.0  # times the largest observed
STEPS = (1, 2, 5, 10)


def choose(values: npt.NDArray[np.float64], codes: dict[float, str]) -> tuple[float, float]:
    """Return minimum and maximum for a column without its codes: round, and wide.

    Not below 0 where nothing was; a column of 0 and 1 keeps to them. A code stays outside where
    the observed values leave the room.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if {*np.unique(known).tolist()} <= {0.0, 1.0}:
        return 0.0, 1.0
    minimum = 0.0 if low >= 0 else -round_up(ROOM * -low)
    maximum = 0.0 if high <= 0 < -low else round_up(ROOM * high) if high > 0 else 1.0
    above = [each for each in codes if each > high]
    if above and maximum >= min(above):
        closer = round_up(high)
        maximum = closer if closer < min(above) else high
    return minimum, maximum


def round_up(value: float) -> float:
    """Return the least of 1, 2, 5, 10, 20, 50 … (or 0.1, 0.2, 0.5 …) that is not below."""
    scale = 10.0 ** math.floor(math.log10(value))
    step = next(each for each in STEPS if each * scale >= value * (1 - 1e-12))
    return float(f"{step * scale:.12g}")
