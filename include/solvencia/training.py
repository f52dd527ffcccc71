"""Training: cleaned columns in, a calibrated model out, the same bytes every time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from solvencia import features
from solvencia.faults import PermanentFault
from solvencia.model import Model
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]

# Chosen on the validation split of the sample portfolio alone, never on its test.
HYPERPARAMETERS: Mapping[str, int | float] = {
    "learning_rate": 0.03,
    "num_leaves": 12,
    "min_data_in_leaf": 100,
    "lambda_l2": 20.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "rounds_max": 1500,
    "rounds_patience": 100,
    "num_threads": 0,
    "seed": 7,
}

_LIBRARIES = ("lightgbm", "numpy", "scikit-learn")
_THREADS = re.compile(r"^\[num_threads: -?\d+\]$", re.MULTILINE)


class UntrainableData(PermanentFault):
    """The cleaned data cannot train a model: too few rows, one outcome only, a leak in time."""


def train(
    portfolio: Portfolio,
    period: str,
    train_columns: Mapping[str, npt.NDArray[Any]],
    validation_columns: Mapping[str, npt.NDArray[Any]],
    hyperparameters: Mapping[str, int | float] | None = None,
) -> Model:
    """Fit the booster on train, stop early and calibrate on validation.

    Columns are cleaned ones. `hyperparameters` override HYPERPARAMETERS; `num_threads` changes
    the time taken and nothing else. Raises UntrainableData.
    """
    chosen = {**HYPERPARAMETERS, **(hyperparameters or {})}
    label = portfolio.label.field
    fit_rows = features.build(portfolio, train_columns)
    stop_rows = features.build(portfolio, validation_columns)
    outcomes = {"train": train_columns[label], "validation": validation_columns[label]}
    for name, each in outcomes.items():
        if len(set(each.tolist())) != 2:
            raise UntrainableData(
                f"{name} has {len(each)} rows and {int(each.sum())} bad ones: a model needs both "
                f"outcomes, so bring more history or lower split.test_months of {portfolio.name!r}"
            )
    fitted = _boost(portfolio, fit_rows, stop_rows, outcomes, chosen)
    text = _THREADS.sub("[num_threads: 0]", fitted.model_to_string())
    booster = lgb.Booster(model_str=text)
    raw = np.asarray(booster.predict(stop_rows, raw_score=True, num_threads=1))
    slope, intercept = _calibrate(raw, outcomes["validation"])
    return Model(
        booster_text=text,
        features=tuple(each.name for each in portfolio.features),
        slope=slope,
        intercept=intercept,
        portfolio=portfolio.name,
        period=period,
        fingerprint=portfolio.fingerprint,
        rules=features.rules_digest(),
        scaling=portfolio.scaling,
        hyperparameters={name: chosen[name] for name in sorted(chosen) if name != "num_threads"},
        libraries={name: version(name) for name in _LIBRARIES},
        booster=booster,
    )


def _boost(
    portfolio: Portfolio,
    fit_rows: Numbers,
    stop_rows: Numbers,
    outcomes: Mapping[str, npt.NDArray[Any]],
    chosen: Mapping[str, int | float],
) -> lgb.Booster:
    params: dict[str, Any] = {
        **{name: value for name, value in chosen.items() if not name.startswith("rounds_")},
        "objective": "binary",
        "metric": "binary_logloss",
        "bagging_freq": 1,
        "monotone_constraints": [each.monotone for each in portfolio.features],
        "monotone_constraints_method": "intermediate",
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    names = [each.name for each in portfolio.features]
    data = lgb.Dataset(fit_rows, outcomes["train"], feature_name=names, free_raw_data=False)
    try:
        booster: lgb.Booster = lgb.train(
            params,
            data,
            num_boost_round=int(chosen["rounds_max"]),
            valid_sets=[data.create_valid(stop_rows, outcomes["validation"])],
            callbacks=[lgb.early_stopping(int(chosen["rounds_patience"]), verbose=False)],
        )
    except lgb.basic.LightGBMError as error:
        raise UntrainableData(f"LightGBM: {error}: correct the hyperparameters") from error
    return booster


def _calibrate(raw: Numbers, outcome: npt.NDArray[Any]) -> tuple[float, float]:
    """Fit Platt's slope and intercept to the raw log-odds, unpenalised.

    One thread and six significant digits, so that no machine's rounding reaches the digest.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        fit = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky").fit(
            raw.reshape(-1, 1), outcome
        )
    slope = float(f"{fit.coef_[0, 0]:.6g}")
    if slope <= 0:
        raise UntrainableData(
            "the model ranks the validation applications no better than chance: "
            "check the label and the features"
        )
    return slope, float(f"{fit.intercept_[0]:.6g}")
