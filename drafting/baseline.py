"""A quick model of the drafted features: it sets the gate, the scale and the cut-off."""

from __future__ import annotations

import math
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from drafting.plan import Decided, Plan
from drafting.relation import auc, auc_error
from drafting.sentinels import without
from drafting.source import DraftFault
from solvencia.portfolio import Scaling
from solvencia.scorecard import to_points

type Numbers = npt.NDArray[np.float64]

ROUNDS = 120
MARGIN_MIN = 0.03
ERRORS = 3.0  # standard errors of the AUC that the gate leaves to chance
NOISES = 2.0  # times the ECE of a perfect model
APPROVED_SHARE = 0.8
NICE_ODDS = (1, 2, 3, 4, 5, 8, 10, 15, 20, 25, 30, 40, 50, 75, 100)


@dataclass(frozen=True)
class Baseline:
    """What the quick model reached out of time, and what follows for the portfolio."""

    auc: float
    margin: float
    test_rows: int
    train_rows: int
    auc_min: float
    ece_max: float
    rows_min: int
    scaling: Scaling
    approve_points: float


def measure(plan: Plan) -> Baseline:
    """Fit the older matured months and judge the newest; raise DraftFault where one is bare."""
    matrix = np.column_stack([_encode(each) for each in plan.with_role("feature")])
    outcome = plan.target.outcome
    known = ~np.isnan(outcome) & plan.calendar.matured
    test = known & plan.calendar.is_test
    train = known & ~plan.calendar.is_test
    for name, rows in (("train", train), ("test", test)):
        bads = int(np.nansum(outcome[rows]))
        if min(bads, int(rows.sum()) - bads) < 5:
            raise DraftFault(
                f"the months that {name} have {bads} bad of {int(rows.sum())} rows: bring more "
                "history, or change WINDOW= or TEST="
            )
    pd = _fit(matrix[train], outcome[train], matrix[test])
    is_bad = outcome[test].astype(bool)
    area = auc(is_bad, pd)
    margin = max(MARGIN_MIN, ERRORS * auc_error(area, int(is_bad.sum()), int((~is_bad).sum())))
    rate = plan.target.bad_rate
    noise = 0.8 * math.sqrt(rate * (1 - rate) / (len(is_bad) / 10))
    odds = min(NICE_ODDS, key=lambda each: abs(math.log(each * rate / (1 - rate))))
    scaling = Scaling(points=600, odds=odds, pdo=40)
    cut = float(np.clip(np.quantile(pd, APPROVED_SHARE), 1e-4, 1 - 1e-4))
    return Baseline(
        auc=area,
        margin=margin,
        test_rows=len(is_bad),
        train_rows=int(train.sum()),
        auc_min=max(0.5, math.floor((area - margin) * 100) / 100),
        ece_max=max(0.02, math.ceil(NOISES * noise * 200) / 200),
        rows_min=max(len(is_bad) // 2, 1),
        scaling=scaling,
        approve_points=float(round(to_points(scaling, cut) / 5) * 5),
    )


def _encode(decided: Decided) -> Numbers:
    if decided.column.is_numeric:
        return without(decided.column.values, dict(decided.codes))
    codes = {name: float(place) for place, name in enumerate(decided.categories)}
    return np.array([codes.get(each, np.nan) for each in decided.column.values.tolist()])


def _fit(rows: Numbers, outcome: Numbers, judged: Numbers) -> Numbers:
    params = {
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 8,
        "min_data_in_leaf": max(10, len(rows) // 200),
        "lambda_l2": 5.0,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": 7,
        "verbosity": -1,
    }
    booster = lgb.train(params, lgb.Dataset(rows, outcome), num_boost_round=ROUNDS)
    return np.asarray(booster.predict(judged), dtype=np.float64)
