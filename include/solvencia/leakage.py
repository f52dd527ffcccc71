"""Whether a single feature knows too much: what each alone tells about the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import evaluate
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]


def measure_each(
    portfolio: Portfolio, names: tuple[str, ...], test: Columns, train: Columns | None
) -> dict[str, float | None]:
    """Return the AUC of each feature alone on the test, whichever way it points: 0.5 to 1.

    A missing value stands below all others or above them, whichever tells more, as a value that
    is only recorded after the fact leaks by being there. A text has no order: its categories are
    ranked by their bad rate in training, and None says that there were no training rows.
    """
    label = portfolio.label.field
    outcome = test[label]
    found: dict[str, float | None] = {}
    for name in names:
        values = test[name].astype(np.float64)
        if portfolio.fields[name].is_numeric:
            found[name] = _measure_number(outcome, values)
        elif train is None:
            found[name] = None
        else:
            rates = _rank(train[name].astype(np.float64), train[label], values)
            found[name] = _measure_number(outcome, rates)
    return found


def _measure_number(outcome: npt.NDArray[Any], values: Numbers) -> float:
    """Return the direction-free AUC of one column."""
    aucs = []
    for stand_in in (-np.inf, np.inf):
        filled = np.where(np.isnan(values), stand_in, values)
        auc = evaluate.measure_auc(outcome, filled)
        aucs += [auc, 1 - auc]
    return max(aucs)


def _rank(train: Numbers, outcome: npt.NDArray[Any], values: Numbers) -> Numbers:
    """Return for each value its bad rate in training; an unseen one has the overall rate."""
    overall = float(outcome.mean())
    rates = {
        code: float(outcome[train == code].mean()) for code in np.unique(train[~np.isnan(train)])
    }
    is_missing = np.isnan(train)
    missing = float(outcome[is_missing].mean()) if is_missing.any() else overall
    return np.array(
        [missing if np.isnan(each) else rates.get(each, overall) for each in values.tolist()]
    )
