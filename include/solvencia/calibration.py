"""Platt's calibration: a straight line between raw log-odds and the log-odds that came true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solvencia import logistic

type Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """Calibrated log-odds = slope x raw log-odds + intercept; a useful slope is above 0."""

    slope: float
    intercept: float

    def apply[T: (float, Numbers)](self, raw: T) -> T:
        """Return the calibrated log-odds."""
        return self.slope * raw + self.intercept


def fit(raw: Numbers, outcome: Numbers) -> Line:
    """Return the line that fits best by likelihood, unpenalised (Platt, 1999)."""
    slopes, intercept = logistic.fit(raw.reshape(-1, 1), outcome, ridge=0.0)
    return Line(float(slopes[0]), intercept)
