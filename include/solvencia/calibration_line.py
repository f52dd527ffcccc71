"""Whether probabilities hold on new applications: the straight line through their log-odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]

_Z95 = 1.959963984540054
_STEPS_MAX = 50
_EDGE = 1e-12
_CONDITION_MAX = 1e12


@dataclass(frozen=True)
class Line:
    """Slope and intercept of the log-odds, each with a 95 % interval; 1 and 0 are perfect.

    A slope below 1 says that the PDs are too extreme, above 1 that they are too timid. An
    intercept above 0 says that more applications went bad than the PDs promise.
    """

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    intercept_low: float
    intercept_high: float


def fit(outcome: npt.NDArray[Any], pd: Numbers) -> Line | None:
    """Return the calibration line of predicted probabilities.

    None where no line fits: the PDs are all equal, or part good and bad without an exception.

    Logistic regression of the outcome on the log-odds (Cox, 1958): the slope is that of the line
    with both terms free, the intercept is calibration in the large, with the slope held at 1 (Van
    Calster et al., "Calibration: the Achilles heel of predictive analytics", 2019). Intervals are
    Wald's.
    """
    clipped = np.clip(pd, _EDGE, 1 - _EDGE)
    log_odds = np.log(clipped / (1 - clipped))
    ones = np.ones_like(log_odds)
    is_bad = outcome.astype(np.float64)
    free = _regress(np.column_stack([log_odds, ones]), is_bad, 0 * ones)
    large = _regress(ones[:, None], is_bad, log_odds)
    if free is None or large is None:
        return None
    slope, slope_margin = float(free[0][0]), float(_Z95 * free[1][0])
    intercept, margin = float(large[0][0]), float(_Z95 * large[1][0])
    return Line(
        slope=slope,
        slope_low=slope - slope_margin,
        slope_high=slope + slope_margin,
        intercept=intercept,
        intercept_low=intercept - margin,
        intercept_high=intercept + margin,
    )


def _regress(matrix: Numbers, outcome: Numbers, offset: Numbers) -> tuple[Numbers, Numbers] | None:
    """Return coefficients and standard errors, unpenalised, by Newton's method, halving steps."""
    found = np.zeros(matrix.shape[1])
    best = _likelihood(matrix @ found + offset, outcome)
    for _ in range(_STEPS_MAX):
        pd = 1 / (1 + np.exp(-np.clip(matrix @ found + offset, -30, 30)))
        information = (matrix * (pd * (1 - pd))[:, None]).T @ matrix
        if np.linalg.cond(information) > _CONDITION_MAX:
            return None
        covariance = np.linalg.inv(information)
        step = covariance @ (matrix.T @ (outcome - pd))
        while (reached := _likelihood(matrix @ (found + step) + offset, outcome)) < best - 1e-9:
            step = step / 2
        found, best = found + step, reached
        if np.abs(step).max() < 1e-9:
            return found, np.sqrt(np.diag(covariance))
    return None


def _likelihood(log_odds: Numbers, outcome: Numbers) -> float:
    return float((outcome * log_odds - np.logaddexp(0, log_odds)).sum())
