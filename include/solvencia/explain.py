"""Why a score is what it is: exact contributions to the calibrated log-odds.

The value of a set of features is the model's log-odds for an applicant who has his own values in
them and the portfolio's median (the model's `reference`) in all others. A contribution is the
feature's Shapley value in that game: baseline Shapley, Sundararajan and Najmi, "The many Shapley
values for model explanation" (2020). So a reason says what differs from a neutral applicant.
"""

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

    @property
    def is_adverse(self) -> bool:
        """Whether the feature raises the risk; only then is it a reason to decline."""
        return self.contribution > 0


def contributions(model: Model, matrix: Numbers) -> tuple[Numbers, float]:
    """Return each row's contribution by feature, and the base value they start from.

    Shape (rows, features), in log-odds of default after calibration: a row's sum plus the base is
    the model's log-odds. The base is the neutral applicant's. They are what the server gives, bit
    for bit (docs/decisions/0009-serving.md).
    """
    found = [model.explainer.score(row)[1] for row in matrix.tolist()]
    return np.array(found).reshape(matrix.shape), model.base


def rank(
    portfolio: Portfolio, names: Sequence[str], row: Numbers, count: int = REASONS
) -> tuple[Reason, ...]:
    """Return the citable features that raise the risk most, highest contribution first.

    `names` are the model's features and `row` their contributions. Ties keep the portfolio's
    order. A protected field, or one the portfolio calls not citable, is never among them. What
    lowers the risk comes last and is not `is_adverse`. Fewer than `count` come only from a
    portfolio with fewer citable features.
    """
    values = dict(zip(names, row.tolist(), strict=True))
    citable = [each for each in portfolio.features if each.citable and each.name in values]
    ordered = sorted(citable, key=lambda each: -values[each.name])
    return tuple(
        Reason(each.name, each.reason["code"], values[each.name]) for each in ordered[:count]
    )
