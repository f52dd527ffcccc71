"""Calibration: a straight line between raw log-odds and the log-odds that came true."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from solvencia import logistic

type Numbers = npt.NDArray[np.float64]

_Z95 = 1.959963984540054
_ROUNDS = 60


@dataclass(frozen=True)
class Line:
    """Calibrated log-odds = slope x raw log-odds + intercept; a useful slope is above 0."""

    slope: float
    intercept: float

    def apply[T: (float, Numbers)](self, raw: T) -> T:
        """Return the calibrated log-odds."""
        return self.slope * raw + self.intercept

    def level(self, raw: Numbers, outcome: Numbers) -> Line:
        """Return the line with the intercept at which the mean PD is these rows' bad rate."""
        low, high = -30.0, 30.0
        for _ in range(_ROUNDS):  # the mean PD rises with the intercept
            middle = (low + high) / 2
            pd = 1 / (1 + np.exp(-np.clip(self.slope * raw + middle, -30, 30)))
            low, high = (middle, high) if pd.mean() < outcome.mean() else (low, middle)
        return replace(self, intercept=float(f"{low:.6g}"))


def log_loss(outcome: Numbers, log_odds: Numbers) -> float:
    """Return the mean log loss of log-odds."""
    return float(np.mean(np.logaddexp(0, log_odds) - outcome * log_odds))


def fit(raw: Numbers, outcome: Numbers) -> Line:
    """Return the line that fits best by likelihood, on rows that the raw scores were not fitted to.

    Platt (1999), with a slope of 1 where its 95 % interval holds 1: scores fitted by likelihood
    have that slope, and the noise of another would only spoil them.
    """
    slopes, intercept = logistic.fit(raw.reshape(-1, 1), outcome, ridge=0.0)
    line = Line(float(slopes[0]), intercept)
    pd = 1 / (1 + np.exp(-np.clip(line.apply(raw), -30, 30)))
    weight = pd * (1 - pd)
    centre = float(weight @ raw / weight.sum())
    error = 1 / np.sqrt(max(float(weight @ (raw - centre) ** 2), 1e-12))
    if line.slope > 0 and abs(line.slope - 1) < _Z95 * error:
        line = Line(1.0, 0.0)
    return line.level(raw, outcome) if line.slope > 0 else line
