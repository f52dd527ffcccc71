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
from solvencia.portfolio import Field, Portfolio

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
    step = model.explainer.rows_at_once
    found = [
        model.explainer.score_all(matrix[start : start + step])[1]
        for start in range(0, len(matrix), step)
    ]
    return np.vstack([np.empty((0, matrix.shape[1])), *found]), model.base


@dataclass(frozen=True)
class Citable:
    """The features that may be cited, in the portfolio's order; `places` are theirs in a row.

    A protected field, or one that the portfolio calls not citable, is never among them.
    """

    fields: tuple[Field, ...]
    places: npt.NDArray[np.intp]

    @staticmethod
    def of(portfolio: Portfolio, names: Sequence[str]) -> Citable:
        """Return those of a model, whose features are `names`."""
        fields = tuple(each for each in portfolio.features if each.citable and each.name in names)
        places = [names.index(each.name) for each in fields]
        return Citable(fields, np.array(places, dtype=np.intp))

    def sort(self, row: Numbers, count: int = REASONS) -> list[tuple[int, float]]:
        """Return places in `fields` and contributions of those that raise the risk most.

        The highest comes first; ties keep their order.
        """
        values = row.take(self.places).tolist()
        ordered = sorted(range(len(values)), key=lambda place: -values[place])[:count]
        return [(place, values[place]) for place in ordered]

    def sort_all(self, rows: Numbers, count: int = REASONS) -> tuple[npt.NDArray[np.intp], Numbers]:
        """Return what `sort` returns of each row: places and contributions, by row."""
        values = rows.take(self.places, axis=1)
        ordered = np.argsort(-values, axis=1, kind="stable")[:, :count]
        return ordered, np.take_along_axis(values, ordered, axis=1)


def rank(
    portfolio: Portfolio, names: Sequence[str], row: Numbers, count: int = REASONS
) -> tuple[Reason, ...]:
    """Return the citable features that raise the risk most, highest contribution first.

    `names` are the model's features and `row` their contributions. Ties keep the portfolio's
    order. What lowers the risk comes last and is not `is_adverse`. Fewer than `count` come only
    from a portfolio with fewer citable features.
    """
    citable = Citable.of(portfolio, names)
    return tuple(
        Reason(citable.fields[place].name, citable.fields[place].reason["code"], value)
        for place, value in citable.sort(row, count)
    )
