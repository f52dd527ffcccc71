"""Why a score is what it is: exact TreeSHAP contributions to the calibrated log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solvencia.model import Model
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]

REASONS = 4


@dataclass(frozen=True)
class Reason:
    """A feature's share in the log-odds of default; positive speaks against the applicant."""

    field: str
    code: str
    contribution: float


def contributions(model: Model, matrix: Numbers) -> tuple[Numbers, float]:
    """Return each row's contribution by feature, and the base value they start from.

    Shape (rows, features), in log-odds of default after calibration: a row's sum plus the base is
    the model's log-odds. Shapley values over the path-dependent expectation of the trees
    (Lundberg et al., "Consistent individualized feature attribution for tree ensembles", 2018).
    """
    raw = np.asarray(
        model.booster.predict(matrix, pred_contrib=True, num_threads=1), dtype=np.float64
    )
    base = float(raw[0, -1]) if len(raw) else 0.0
    return raw[:, :-1] * model.slope, base * model.slope + model.intercept


def rank(
    portfolio: Portfolio, names: Sequence[str], row: Numbers, count: int = REASONS
) -> tuple[Reason, ...]:
    """Return the features that raise the risk most, highest contribution first.

    `names` are the model's features and `row` their contributions. Ties keep the portfolio's
    order. Fewer than `count` come only from a model with fewer features.
    """
    values = dict(zip(names, row.tolist(), strict=True))
    ordered = sorted(portfolio.features, key=lambda each: -values[each.name])
    return tuple(
        Reason(each.name, each.reason["code"], values[each.name]) for each in ordered[:count]
    )
