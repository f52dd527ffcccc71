"""Hold a shipped model's reasons against their definition: `python -m benchmarks.explained`.

Runs in the model's environment. The model is trained as the DAG trains it: on the older vintages,
its validation rows picked by their keys. Its reasons are judged on the out-of-time test.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from itertools import combinations, product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import folds
from local.samples import SAMPLES
from solvencia import explain, features, portfolio, scorecard, split, training
from solvencia.model import Model
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]

PERIOD = "2026-10"


def main() -> int:
    """Train one model, judge its reasons, print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explained", description=__doc__)
    parser.add_argument("portfolio", choices=sorted(SAMPLES))
    parser.add_argument("wheel", type=Path, help="the package that holds the data set")
    parser.add_argument("--applicants", type=int, default=200, help="held against all subsets")
    given = parser.parse_args()
    lender = portfolio.load(given.portfolio)
    model, test = train(lender, given.wheel)
    points_least = lender.fairness.approve_points
    pd_most = scorecard.to_pd(lender.scaling, points_least - 0.5)  # points are rounded
    declined = test[model.predict(test) > pd_most]
    found = {
        "kind": model.kind,
        "features": len(model.features),
        "applicants": given.applicants,
        "error": worst_error(model, spread(test, declined, given.applicants)),
        "declined": len(declined),
        "best": share_best(lender, model, declined),
    }
    print(json.dumps(found))
    return 0


def train(lender: Portfolio, wheel: Path) -> tuple[Model, Numbers]:
    """Return the model of the sample's last period, and the features of its test."""
    columns = folds.read(lender, wheel)
    time = columns[lender.time.name]
    matured = ~split.find_open(lender, PERIOD, time)
    columns = {name: values[matured] for name, values in columns.items()}
    keys = columns[lender.key.name]
    parts = split.assign(lender, PERIOD, keys, columns[lender.time.name])
    older, held, test = (
        {name: values[parts == each] for name, values in columns.items()} for each in split.SPLITS
    )
    model = training.train(lender, PERIOD, older, held)
    return model, features.build(lender, test, model.features)


def spread(test: Numbers, declined: Numbers, count: int) -> Numbers:
    """Return so many rows: half from the whole test, half declined, evenly over each."""
    half = count // 2
    return np.vstack(
        [
            rows[np.linspace(0, len(rows) - 1, size).astype(np.intp)]
            for rows, size in ((test, half), (declined, count - half))
        ]
    )


def worst_error(model: Model, rows: Numbers) -> float:
    """Return how far a contribution ever is from the Shapley value by its definition."""
    contributions, _ = explain.contributions(model, rows)
    truths = np.vstack([shapley(model, row) for row in rows])
    return float(np.abs(contributions - truths).max())


def shapley(model: Model, row: Numbers) -> Numbers:
    """Return Shapley values over all subsets: the row's values in one, the median elsewhere."""
    count = len(row)
    chosen = np.array(list(product((False, True), repeat=count)))
    value = model.log_odds(np.where(chosen, row, model.reference_row()))
    sizes = chosen.sum(axis=1)
    weights = np.array([1 / (count * math.comb(count - 1, size)) for size in range(count)])
    return np.array(
        [
            weights[sizes[without]] @ (value[without + (1 << count - 1 - place)] - value[without])
            for place in range(count)
            for without in [np.flatnonzero(~chosen[:, place])]
        ]
    )


def share_best(lender: Portfolio, model: Model, declined: Numbers) -> float:
    """Return the share whose cited fields, at the median, lower the risk more than any others.

    The others are all sets of as many fields that were not cited.
    """
    contributions, _ = explain.contributions(model, declined)
    reference, best = model.reference_row(), 0
    for row, found in zip(declined, contributions, strict=True):
        ranked = explain.rank(lender, model.features, found)
        cited = [model.features.index(each.field) for each in ranked if each.is_adverse]
        others = [place for place in range(len(row)) if place not in cited]
        moves = [cited, *map(list, combinations(others, len(cited)))]
        moved = np.tile(row, (len(moves), 1))
        for hybrid, move in zip(moved, moves, strict=True):
            hybrid[move] = reference[move]
        risk = model.log_odds(moved)
        best += bool(risk[0] < risk[1:].min(initial=np.inf))
    return best / len(declined)


if __name__ == "__main__":
    sys.exit(main())
