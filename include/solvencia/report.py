"""The validation report's figures: every table of one out-of-time evaluation, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import bootstrap, breakdown, drift, fairness, features, gate, ranking, sensitivity
from solvencia.evaluate import Metrics
from solvencia.model import Model
from solvencia.portfolio import Portfolio
from solvencia.scorecard import to_points

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]

MOVED_ROWS_MAX = 1000  # evenly spaced; each feature costs two predictions of them
SCORED_TRAIN_ROWS_MAX = 15_000  # evenly spaced; enough to place deciles to a third of a percent


def build(
    portfolio: Portfolio,
    model: Model,
    measured: Metrics,
    pd: Numbers,
    columns: Columns,
    train: Columns | None = None,
) -> dict[str, Any]:
    """Return the report of a model on the test's `columns`, protected ones among them.

    `pd` and `measured` are the model's on these rows. Without `train` drift is None.
    """
    matrix = features.build(portfolio, columns, model.features)
    outcome = columns[portfolio.label.field].astype(np.float64)
    points = _points(model, pd)
    gains = ranking.tabulate_gains(outcome, pd)
    step = -(-len(matrix) // MOVED_ROWS_MAX)
    moved = matrix[::step]
    identity = {
        "digest": model.digest,
        "period": model.period,
        "portfolio": model.portfolio,
        "fingerprint": model.fingerprint,
    }
    return {
        "title": portfolio.title["en"],
        "model": identity,
        "fitted": {
            "features": list(model.features),
            "hyperparameters": dict(model.hyperparameters),
            "libraries": dict(model.libraries),
        },
        "metrics": measured.as_dict(),
        "refusals": gate.refusals({**measured.as_dict(), "model": identity}, portfolio),
        "h_measure": ranking.h_measure(outcome, pd),
        "lift_10": gains[0].lift,
        "intervals": {
            name: list(bounds) for name, bounds in bootstrap.intervals(outcome, pd).items()
        },
        "gains": [asdict(each) for each in gains],
        "calibration": [asdict(each) for each in breakdown.by_tenth(outcome, pd)],
        "score_bands": [
            asdict(each) for each in breakdown.by_band(outcome, pd, points, model.scaling)
        ],
        "months": [
            asdict(each) for each in breakdown.by_month(outcome, pd, columns[portfolio.time.name])
        ],
        "sensitivity": {
            "rows": len(moved),
            "mean_pd": float(pd[::step].mean()),
            "effects": [
                asdict(each) for each in sensitivity.move_each(model.predict, moved, model.features)
            ],
        },
        "drift": _drift(portfolio, model, matrix, points, train) if train else None,
        "fairness": _fairness(portfolio, columns, outcome, pd, points),
    }


def summarise(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what metrics.json holds of a report: figures by name, no table."""
    moved = report["drift"]
    judged = report["fairness"]
    return {
        "h_measure": report["h_measure"],
        "lift_10": report["lift_10"],
        "bootstrap": report["intervals"],
        "psi": moved["score"]["index"] if moved else None,
        "csi": {each["feature"]: each["index"] for each in moved["features"]} if moved else None,
        "fairness": {
            "approve_points": judged["approve_points"],
            "approval_rate": judged["approval_rate"],
            "attributes": {
                each["field"]: {
                    "impact_ratio_min": each["impact_ratio_min"],
                    "opportunity_difference_max": each["opportunity_difference_max"],
                }
                for each in judged["audits"]
            },
        },
    }


def _drift(
    portfolio: Portfolio,
    model: Model,
    matrix: Numbers,
    points: npt.NDArray[np.int64],
    train: Columns,
) -> dict[str, Any]:
    before = features.build(portfolio, train, model.features)
    scored = before[:: -(-len(before) // SCORED_TRAIN_ROWS_MAX)]
    old_points = _points(model, model.predict(scored)).astype(np.float64)
    found = []
    for place, name in enumerate(model.features):
        by_value = not portfolio.fields[name].is_numeric
        moved = drift.compare(before[:, place], matrix[:, place], by_value)
        found.append({"feature": name, **_index(moved)})
    return {
        "train_rows": len(before),
        "scored_train_rows": len(scored),
        "score": _index(drift.compare(old_points, points.astype(np.float64))),
        "features": sorted(found, key=lambda each: -each["index"]),
    }


def _index(moved: drift.Drift) -> dict[str, Any]:
    bins = [asdict(each) for each in moved.bins]
    return {"index": moved.index, "reading": moved.reading, "bins": bins}


def _fairness(
    portfolio: Portfolio,
    columns: Columns,
    outcome: Numbers,
    pd: Numbers,
    points: npt.NDArray[np.int64],
) -> dict[str, Any]:
    is_approved = points >= portfolio.fairness.approve_points
    audits = [
        fairness.audit(each, columns[each.name].astype(np.float64), outcome, pd, is_approved)
        for each in portfolio.with_role("protected")
    ]
    return {
        "approve_points": portfolio.fairness.approve_points,
        "approval_rate": float(is_approved.mean()),
        "bad_rate_approved": float(outcome[is_approved].mean()) if is_approved.any() else None,
        "audits": [asdict(each) for each in audits],
    }


def _points(model: Model, pd: Numbers) -> npt.NDArray[np.int64]:
    return np.array([to_points(model.scaling, each) for each in pd.tolist()], dtype=np.int64)
