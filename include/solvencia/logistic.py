"""Logistic regression in a few lines of numpy: one thread, the same digits everywhere."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]

ROUNDS_MAX = 50
RIDGE = 1e-3


def fit(matrix: Numbers, outcome: Numbers, ridge: float = RIDGE) -> tuple[Numbers, float]:
    """Return coefficients and intercept of the log-odds of outcome 1, by Newton's method.

    `ridge` keeps collinear columns finite; the intercept is free of it. Six significant digits,
    so that no machine's rounding reaches a digest.
    """
    design = np.column_stack([matrix, np.ones(len(matrix))])
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 0.0
    beta = np.zeros(design.shape[1])
    rate = np.clip(outcome.mean(), 1e-6, 1 - 1e-6)
    beta[-1] = np.log(rate / (1 - rate))
    loss = _loss(design, outcome, penalty, beta)
    for _ in range(ROUNDS_MAX):
        pd = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (outcome - pd) - penalty * beta
        weighted = design * (pd * (1 - pd))[:, None]
        step = np.linalg.solve(design.T @ weighted + np.diag(penalty + 1e-9), gradient)
        reached = _loss(design, outcome, penalty, beta + step)
        while reached > loss and np.abs(step).max() > 1e-10:  # too far: half of it
            step = step / 2
            reached = _loss(design, outcome, penalty, beta + step)
        beta, loss = beta + step, reached
        if np.abs(step).max() < 1e-10:
            break
    rounded = [float(f"{each:.6g}") for each in beta.tolist()]
    return np.array(rounded[:-1]), rounded[-1]


def _loss(design: Numbers, outcome: Numbers, penalty: Numbers, beta: Numbers) -> float:
    log_odds = design @ beta
    loss = np.logaddexp(0, log_odds).sum() - outcome @ log_odds
    return float(loss + penalty @ beta**2 / 2)


def fit_signed(
    matrix: Numbers, outcome: Numbers, is_signed: npt.NDArray[np.bool_], ridge: float = RIDGE
) -> tuple[npt.NDArray[np.intp], Numbers, float]:
    """Return the columns kept, their coefficients and the intercept.

    The coefficients of signed columns are all below 0, as a scorecard demands: the one with the
    most wrong sign leaves, then the rest is fitted again, until none is wrong.
    """
    kept = np.arange(matrix.shape[1])
    while True:
        coefficients, intercept = fit(matrix[:, kept], outcome, ridge)
        wrong = np.where(is_signed[kept], coefficients, -1.0)
        if not len(kept) or wrong.max() < 0:
            return kept, coefficients, intercept
        kept = np.delete(kept, int(np.argmax(wrong)))
