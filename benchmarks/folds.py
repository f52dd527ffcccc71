"""Cross-validation of what ships, beside a free, tuned LightGBM: `python -m benchmarks.folds`.

Runs in the model's environment, on one thread. Stratified folds, seeded; all tuning is nested:
each fold's training rows are parted once more, and both sides see the same parts.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import free_boosting
from benchmarks.free_boosting import as_published
from local.samples import SAMPLES
from solvencia import evaluate, features, portfolio, training
from solvencia.clean import clean
from solvencia.portfolio import Field, Portfolio

type Numbers = npt.NDArray[np.float64]
type Columns = dict[str, npt.NDArray[Any]]

FOLDS = 5
INNER_FOLDS = 5
METRICS = ("auc", "ks", "brier", "ece")


def main() -> int:
    """Measure one data set; print the figures of every fold as JSON, progress on stderr."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folds", description=__doc__)
    parser.add_argument("portfolio", choices=sorted(SAMPLES))
    parser.add_argument("wheel", type=Path, help="the package that holds the data set")
    parser.add_argument("--repeats", type=int, default=1, help="of five folds each")
    parser.add_argument(
        "--comparable", action="store_true", help="every attribute, as published figures"
    )
    given = parser.parse_args()
    product = portfolio.load(given.portfolio)
    if given.comparable:
        product = with_every_attribute(product)
    columns = read(product, given.wheel)
    found = []
    for repeat in range(given.repeats):
        for number, test in enumerate(part(columns[product.label.field], FOLDS, repeat)):
            found.append(measure(product, columns, test, repeat))
            ours, peer = found[-1]["ours"], found[-1]["peer"]
            print(
                f"  {given.portfolio} {repeat * FOLDS + number + 1}/{given.repeats * FOLDS}: "
                f"AUC {ours['auc']:.4f} ({ours['kind']}, {ours['seconds']:.0f} s) "
                f"beside {peer['auc']:.4f} ({peer['seconds']:.0f} s)",
                file=sys.stderr,
                flush=True,
            )
    print(json.dumps(found))
    return 0


def with_every_attribute(product: Portfolio) -> Portfolio:
    """Return the portfolio as published figures have it: protected and ignored ones modelled."""
    fields = {
        name: _modelled(each) if each.role in ("protected", "ignored") else each
        for name, each in product.fields.items()
    }
    return dataclasses.replace(product, fields=fields)


def _modelled(field: Field) -> Field:
    is_code = field.type == "text" and not field.categories  # such as an area code: a number
    return dataclasses.replace(
        field, role="feature", type="number" if is_code else field.type, nullable=True
    )


def read(product: Portfolio, wheel: Path) -> Columns:
    """Return the columns of all rows that clean accepts, every outcome known.

    Beside the cleaned ones stand the numbers as the data set has them (see `as_published`).
    """
    sample = SAMPLES[product.name]
    known = dataclasses.replace(sample.calendar, window_months=0)
    records = list(sample.read(wheel, None, known))
    given = {
        each.name: np.array([record.get(each.name) for record in records], dtype=object)
        for each in product.prepared_fields
        if each.role != "ignored"
    }
    cleaned = clean(product, given)
    published = {
        as_published(each.name): np.array([_number(value) for value in given[each.name]])
        for each in product.request_fields
        if each.is_numeric
    }
    columns = cleaned.columns | published
    return {name: values[cleaned.is_accepted] for name, values in columns.items()}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan  # missing, or in a row that clean refuses


def part(outcome: npt.NDArray[Any], count: int, seed: int) -> list[npt.NDArray[np.bool_]]:
    """Return each fold's rows: shuffled by the seed, with the bad ones spread evenly."""
    rng = np.random.default_rng(seed)
    place = np.empty(len(outcome), dtype=np.int64)
    for value in (0, 1):
        rows = rng.permutation(np.flatnonzero(outcome == value))
        place[rows] = np.arange(len(rows)) % count
    return [place == each for each in range(count)]


def measure(
    product: Portfolio, columns: Columns, test: npt.NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Fit both sides on the rows outside `test`; return the figures on it and the seconds."""
    label = product.label.field
    held = {name: values[test] for name, values in columns.items()}
    rest = {name: values[~test] for name, values in columns.items()}
    inner = part(rest[label], INNER_FOLDS, seed)[0]
    older, newer = (
        {name: values[chosen] for name, values in rest.items()} for chosen in (~inner, inner)
    )
    before = time.process_time()
    model = training.train(product, "2026-10", older, newer)
    seconds = time.process_time() - before
    ours = _figures(held[label], model.predict(features.build(product, held, model.features)))
    before = time.process_time()
    predict = free_boosting.fit(product, older, newer)
    peer_seconds = time.process_time() - before
    peer = _figures(held[label], predict(held))
    return {
        "ours": {**ours, "kind": model.kind, "seconds": seconds},
        "peer": {**peer, "seconds": peer_seconds},
        "test_share": float(test.mean()),
    }


def _figures(outcome: npt.NDArray[Any], pd: Numbers) -> Mapping[str, float]:
    measured = evaluate.measure(outcome, pd)
    return {name: float(getattr(measured, name)) for name in METRICS}


if __name__ == "__main__":
    sys.exit(main())
