"""What a user would pick instead: LightGBM without constraints, tuned on an inner fold.

It sees the attributes as they were published: no sentinel is taken out and no field derived.
Texts are tried both ways that users know: as LightGBM's categories and as plain codes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]

CANDIDATES: tuple[Mapping[str, float], ...] = (
    {"num_leaves": 12, "min_data_in_leaf": 100, "lambda_l2": 20.0},
    {"num_leaves": 31, "min_data_in_leaf": 100, "lambda_l2": 20.0},
    {"num_leaves": 6, "min_data_in_leaf": 20, "lambda_l2": 5.0},
)
FIXED = {
    "objective": "binary",
    "metric": "auc",
    "learning_rate": 0.03,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 1,
    "seed": 7,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
ROUNDS_MAX = 1500
PATIENCE = 75


def fit(product: Portfolio, older: Columns, newer: Columns) -> Callable[[Columns], Numbers]:
    """Choose a candidate and its rounds on `newer`, fit it on both; return what predicts PDs."""
    label = product.label.field
    inner, held = build(product, older), build(product, newer)
    asked = [place for place, each in enumerate(product.request_fields) if not each.is_numeric]
    found = []
    for candidate, texts in itertools.product(CANDIDATES, [asked, []] if asked else [[]]):
        data = lgb.Dataset(inner, older[label], categorical_feature=texts, free_raw_data=False)
        booster = lgb.train(
            {**FIXED, **candidate},
            data,
            num_boost_round=ROUNDS_MAX,
            valid_sets=[data.create_valid(held, newer[label])],
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
        )
        score = booster.best_score["valid_0"]["auc"]
        found.append((score, booster.best_iteration, candidate, texts))
    _, rounds, candidate, texts = max(found, key=lambda each: each[0])
    rows = np.vstack([inner, held])
    outcome = np.concatenate([older[label], newer[label]])
    data = lgb.Dataset(rows, outcome, categorical_feature=texts)
    share = len(rows) / len(inner)  # more rows carry more rounds
    final = lgb.train({**FIXED, **candidate}, data, num_boost_round=round(rounds * share))
    return lambda columns: np.asarray(
        final.predict(build(product, columns), num_threads=1), dtype=np.float64
    )


def build(product: Portfolio, columns: Columns) -> Numbers:
    """Return the matrix of the published attributes; texts are their categories' codes."""
    names = [
        as_published(each.name) if each.is_numeric else each.name for each in product.request_fields
    ]
    return np.column_stack([columns[name].astype(np.float64) for name in names])


def as_published(name: str) -> str:
    """Return the name of a number's column before cleaning."""
    return f"{name} as published"
