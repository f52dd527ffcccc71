"""The challenger `boosting`: monotone gradient boosting, a bag of a few seeds, tuned by time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from solvencia import trees
from solvencia.encoding import Component, Encoding, Order, Value
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.trees import Trees
from solvencia.woe import rank_categories

type Numbers = npt.NDArray[np.float64]
type Settings = Mapping[str, int | float]

# Chosen on the training and validation splits of the sample portfolios, never on a test.
HYPERPARAMETERS: Settings = {
    "learning_rate": 0.05,
    "num_leaves": 12,
    "min_data_in_leaf": 100,
    "lambda_l2": 20.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "rounds_max": 1000,
    "rounds_patience": 50,
    "members": 3,
    "num_threads": 1,
    "seed": 7,
}
# What tuning tries beside HYPERPARAMETERS; what the caller gave is never overridden.
CANDIDATES: tuple[Settings, ...] = (
    {},
    {"num_leaves": 6},
    {"num_leaves": 4, "min_data_in_leaf": 20},
)

_THREADS = re.compile(r"^\[num_threads: -?\d+\]$", re.MULTILINE)
_NOT_FOR_LIGHTGBM = ("rounds_max", "rounds_patience", "members")


class RefusedHyperparameter(PermanentFault):
    """LightGBM objects to a hyperparameter."""


def encode(
    portfolio: Portfolio,
    features: tuple[str, ...],
    matrix: Numbers,
    outcome: Numbers,
    chosen: tuple[str, ...],
    components: tuple[Component, ...] = (),
) -> Encoding:
    """Return the columns: chosen features as they are, texts by rank, then the components."""
    columns: list[Value | Order | Component] = []
    for place, name in enumerate(features):
        field = portfolio.fields[name]
        if name not in chosen:
            continue
        if field.is_numeric or field.monotone:
            columns.append(Value(name))
            continue
        is_known = ~np.isnan(matrix[:, place])
        ranks = rank_categories(matrix[is_known, place], outcome[is_known], len(field.categories))
        columns.append(Order(name, tuple(ranks.tolist())))
    return Encoding(features, (*columns, *components))


def tune(
    portfolio: Portfolio,
    encoding: Encoding,
    older: tuple[Numbers, Numbers],
    newer: tuple[Numbers, Numbers],
    given: Settings,
    progress: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, int | float], Numbers]:
    """Return the settings, `rounds` among them, whose log loss on the newer rows is least.

    `older` and `newer` are raw rows with their outcomes. Each candidate stops early. Returned
    too are the winner's raw log-odds of the newer rows.
    """
    best: dict[str, int | float] = {}
    best_loss, raw = np.inf, np.empty(0)
    seen: list[Settings] = []
    for candidate in CANDIDATES:
        settings = {**HYPERPARAMETERS, **candidate, **given}
        if settings in seen:
            continue
        seen.append(settings)
        booster = _boost(portfolio, encoding, older, newer, settings)
        loss = float(booster.best_score["newer"]["binary_logloss"])
        rounds = max(1, booster.best_iteration)
        shape = ", ".join(f"{name} {value:g}" for name, value in candidate.items()) or "as given"
        progress(f"boosting, {shape}: {rounds} rounds, log loss {loss:.5f} on newer vintages")
        if loss < best_loss - 1e-7:
            best, best_loss = {**settings, "rounds": rounds}, loss
            raw = booster.predict(encoding.apply(newer[0]), raw_score=True, num_iteration=rounds)
    return best, np.asarray(raw, dtype=np.float64)


def fit(
    portfolio: Portfolio,
    encoding: Encoding,
    rows: tuple[Numbers, Numbers],
    settings: Settings,
) -> Trees:
    """Return a bag of boosters that differ by their seed, each of `settings["rounds"]` trees."""
    members = int(settings["members"])
    texts = []
    for place in range(members):
        varied = {**settings, "seed": int(settings["seed"]) + place}
        booster = _boost(portfolio, encoding, rows, None, varied)
        texts.append(_THREADS.sub("[num_threads: 0]", booster.model_to_string()))
    return trees.read(trees.join(texts), encoding, members)


def _boost(
    portfolio: Portfolio,
    encoding: Encoding,
    rows: tuple[Numbers, Numbers],
    judged: tuple[Numbers, Numbers] | None,
    settings: Settings,
) -> lgb.Booster:
    ignored = (*_NOT_FOR_LIGHTGBM, "rounds")
    params: dict[str, Any] = {
        **{name: value for name, value in settings.items() if name not in ignored},
        "objective": "binary",
        "metric": "binary_logloss",
        "bagging_freq": 1,
        "monotone_constraints": _directions(portfolio, encoding),
        "monotone_constraints_method": "intermediate",
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    names = list(encoding.names)
    data = lgb.Dataset(encoding.apply(rows[0]), rows[1], feature_name=names, free_raw_data=False)
    judging: dict[str, Any] = {"num_boost_round": int(settings.get("rounds", 0))}
    if judged:
        judging = {
            "num_boost_round": int(settings["rounds_max"]),
            "valid_sets": [data.create_valid(encoding.apply(judged[0]), judged[1])],
            "valid_names": ["newer"],
            "callbacks": [lgb.early_stopping(int(settings["rounds_patience"]), verbose=False)],
        }
    try:
        booster: lgb.Booster = lgb.train(params, data, **judging)
    except lgb.basic.LightGBMError as error:
        raise RefusedHyperparameter(f"LightGBM: {error}: correct the hyperparameters") from error
    return booster


def _directions(portfolio: Portfolio, encoding: Encoding) -> list[int]:
    return [
        portfolio.fields[each.field].monotone if isinstance(each, Value) else 0
        for each in encoding.columns
    ]
