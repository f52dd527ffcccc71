"""The challenger `boosting`: monotone gradient boosting, a bag of a few seeds, tuned by time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from solvencia import calibration, card, leaves, trees, woe
from solvencia.encoding import Column, Component, Encoding, Level, Order, Value
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.trees import Trees

type Numbers = npt.NDArray[np.float64]
type Rows = tuple[Numbers, Numbers]  # raw features, outcome
type Settings = Mapping[str, int | float]

# Chosen on training rows of the sample portfolios alone, never on a test.
HYPERPARAMETERS: Settings = {
    "learning_rate": 0.04,
    "num_leaves": 12,
    "min_data_in_leaf": 100,
    "lambda_l2": 5.0,
    "path_smooth": 50.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "extra_trees": 0,
    "one_hot": 0,  # 1: a column for each category of a text, not its risk
    "max_bin": 127,
    "rounds_max": 1500,
    "rounds_patience": 60,
    "members": 1,
    "networks": 2,  # of the blend
    "num_threads": 1,
    "seed": 7,
    **card.SETTINGS,  # of the scorecard
}
# What tuning tries beside HYPERPARAMETERS; what the caller gave is never overridden.
CANDIDATES: tuple[Settings, ...] = (
    {},
    {"num_leaves": 6, "feature_fraction": 0.4, "members": 3},
    {
        "members": 6,
        "networks": 6,
        "num_leaves": 8,
        "min_data_in_leaf": 10,
        "path_smooth": 0.0,
        "feature_fraction": 0.2,
        "extra_trees": 1,
        "one_hot": 1,
    },
)
LEVELS_MAX = 30  # categories of a text that may have a column each
MANY_ROWS = 20_000  # beyond them only the first candidate is tried: the others are for fewer

_THREADS = re.compile(r"^\[num_threads: -?\d+\]$", re.MULTILINE)
_OURS = (
    *("rounds_max", "rounds_patience", "members", "networks", "rounds", "one_hot", "extra_trees"),
    *card.SETTINGS,
)


class RefusedHyperparameter(PermanentFault):
    """LightGBM objects to a hyperparameter, or cannot do what was asked."""


def encode(
    portfolio: Portfolio,
    features: tuple[str, ...],
    rows: Rows,
    chosen: tuple[str, ...],
    components: tuple[Component, ...],
    settings: Settings,
) -> tuple[Encoding, Numbers]:
    """Return the columns and what the training rows have in them.

    Features as they are, texts by their categories' risk or a column for each, then components.
    A training row's own outcome is never in its category's risk: five parts get theirs from the
    other four.
    """
    columns: list[Column] = []
    for name in chosen:
        field = portfolio.fields[name]
        if field.is_numeric or field.monotone:
            columns.append(Value(name))
        elif settings["one_hot"] and len(field.categories) <= LEVELS_MAX:
            columns += [Level(name, float(code)) for code in range(len(field.categories))]
        else:
            columns.append(_order(name, len(field.categories), features, rows))
    encoding = Encoding(features, (*columns, *components))
    made = encoding.apply(rows[0]).copy()
    part = np.arange(len(made)) % 5
    for place, column in enumerate(columns):
        if not isinstance(column, Order):
            continue
        for each in range(5):
            others = rows[0][part != each], rows[1][part != each]
            inner = _order(column.field, len(column.risks), features, others)
            rest = Encoding(features, (inner,)).apply(rows[0][part == each])
            made[part == each, place] = rest[:, 0]
    return encoding, made


def tune(
    portfolio: Portfolio,
    prepare: Callable[[Rows, Settings], tuple[Encoding, Numbers]],
    folds: Sequence[tuple[Rows, Rows]],
    given: Settings,
    progress: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, int | float], Numbers]:
    """Return the settings, `rounds` among them, whose log loss on the newer rows is least.

    `folds` are (older, newer) raw rows; `prepare` encodes. Each candidate stops early, and is
    judged on each fold with the rounds that the other folds ask for, so that stopping there
    flatters nobody. Returned too are the winner's raw log-odds of all newer rows, fold after fold.
    """
    best: dict[str, int | float] = {}
    best_loss, raw = np.inf, np.empty(0)
    size = sum(len(each[1]) for each in folds[-1])
    seen: list[Settings] = []
    for candidate in CANDIDATES:
        settings = {**HYPERPARAMETERS, **candidate, **given}
        if settings in seen or (candidate and size > MANY_ROWS):
            continue
        seen.append(settings)
        fitted = []
        for older, newer in folds:
            encoding, made = prepare(older, settings)
            judged = encoding.apply(newer[0])
            booster = _boost(portfolio, encoding, (made, older[1]), settings, (judged, newer[1]))
            fitted.append((booster, judged, len(older[1])))
        rates = np.array([max(1, each.best_iteration) / rows for each, _, rows in fitted])
        found = []
        for place, (booster, judged, rows) in enumerate(fitted):
            others = np.delete(rates, place) if len(rates) > 1 else rates
            rounds = max(1, round(float(others.mean()) * rows))
            found.append(booster.predict(judged, raw_score=True, num_iteration=rounds))
        outcome = np.concatenate([newer[1] for _, newer in folds])
        loss = calibration.log_loss(outcome, np.concatenate(found))
        asked = ", ".join(f"{name} {value:g}" for name, value in candidate.items()) or "as given"
        # Many rows tell by their last fold, which comes nearest to all of them.
        count = round(size * float(rates.mean() if size <= MANY_ROWS else rates[-1]))
        progress(f"boosting, {asked}: log loss {loss:.5f} on newer vintages, {count} rounds")
        if loss < best_loss - 1e-7:
            best, best_loss = {**settings, "rounds": count}, loss
            raw = np.concatenate(found)
    return best, np.asarray(raw, dtype=np.float64)


def fit(
    portfolio: Portfolio,
    encoding: Encoding,
    rows: Rows,
    settings: Settings,
) -> Trees:
    """Return a bag of boosters that differ by their seed, each of `settings["rounds"]` trees.

    `rows` are encoded ones. Leaves that LightGBM left out of a declared order
    are put into it, so that the bag is proven monotone.
    """
    texts = []
    for place in range(int(settings["members"])):
        varied = {**settings, "seed": int(settings["seed"]) + place}
        booster = _boost(portfolio, encoding, rows, varied)
        repair(booster, _directions(portfolio, encoding))
        texts.append(_THREADS.sub("[num_threads: 0]", booster.model_to_string()))
    return trees.read(trees.join(texts), encoding, len(texts))


def _boost(
    portfolio: Portfolio,
    encoding: Encoding,
    rows: Rows,
    settings: Settings,
    judged: Rows | None = None,
) -> lgb.Booster:
    params: dict[str, Any] = {
        **{name: value for name, value in settings.items() if name not in _OURS},
        "extra_trees": bool(settings["extra_trees"]),
        "objective": "binary",
        "metric": "binary_logloss",
        "bagging_freq": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    if any(directions := _directions(portfolio, encoding)):
        params |= {
            "monotone_constraints": directions,
            "monotone_constraints_method": "intermediate",
        }
    data = lgb.Dataset(*rows, feature_name=list(encoding.names), free_raw_data=False)
    asked: dict[str, Any] = {"num_boost_round": int(settings.get("rounds", 0))}
    if judged:
        asked = {
            "num_boost_round": int(settings["rounds_max"]),
            "valid_sets": [data.create_valid(*judged)],
            "valid_names": ["newer"],
            "callbacks": [lgb.early_stopping(int(settings["rounds_patience"]), verbose=False)],
        }
    try:
        booster: lgb.Booster = lgb.train(params, data, **asked)
    except lgb.basic.LightGBMError as error:
        raise RefusedHyperparameter(f"LightGBM: {error}: correct the hyperparameters") from error
    return booster


def repair(booster: lgb.Booster, directions: list[int]) -> None:
    """Lift and lower leaves that break a direction until none does.

    LightGBM's "intermediate" constraints let a rare pair slip through; "basic" ones do not, and
    cost accuracy. Every leaf gets the mean of the least values above its own and the greatest
    values below its own that keep all directions: both keep them, and so does their mean.
    """
    boxes = leaves.read(booster)
    columns = [column for column, direction in enumerate(directions) if direction]
    pairs = [leaves.find_pairs(boxes, column, directions[column]) for column in columns]
    lower, upper = np.vstack([*pairs, np.empty((0, 2), dtype=np.intp)]).T
    raised, lowered = boxes.value.copy(), boxes.value.copy()
    while (raised[lower] > raised[upper]).any():
        np.maximum.at(raised, upper, raised[lower])
    while (lowered[lower] > lowered[upper]).any():
        np.minimum.at(lowered, lower, lowered[upper])
    value = (raised + lowered) / 2
    for place in np.flatnonzero(value != boxes.value).tolist():
        booster.set_leaf_output(
            int(boxes.tree[place]), int(boxes.index[place]), float(value[place])
        )


def _order(name: str, categories: int, features: tuple[str, ...], rows: Rows) -> Order:
    values = rows[0][:, features.index(name)]
    is_known = ~np.isnan(values)
    risks = woe.rate_categories(values[is_known], rows[1][is_known], categories)
    return Order(name, tuple(float(f"{each:.6g}") for each in risks.tolist()))


def _directions(portfolio: Portfolio, encoding: Encoding) -> list[int]:
    return [
        portfolio.fields[each.field].monotone if isinstance(each, Value) else 0
        for each in encoding.columns
    ]
