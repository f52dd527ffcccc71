"""The validation report's figures: every table of one out-of-time evaluation, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import (
    bootstrap,
    breakdown,
    calibration_line,
    drift,
    fairness,
    features,
    gate,
    leakage,
    monotone,
    ranking,
    sensitivity,
)
from solvencia.comparison import Comparison
from solvencia.evaluate import Metrics
from solvencia.model import Model
from solvencia.portfolio import Field, Portfolio
from solvencia.scorecard import to_points

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]

MOVED_ROWS_MAX = 1000  # evenly spaced; each feature costs two predictions of them
SCORED_TRAIN_ROWS_MAX = 15_000  # evenly spaced; enough to place deciles to a third of a percent
_SUMMARY = (
    "impact_ratio_min",
    "impact_ratio_group",
    "opportunity_difference_max",
    "opportunity_group",
)


def build(
    portfolio: Portfolio,
    model: Model,
    measured: Metrics,
    pd: Numbers,
    columns: Columns,
    compared: Comparison,
    train: Columns | None = None,
    inferred: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the report of a model on the test's `columns`, protected ones among them.

    `pd` and `measured` are the model's on these rows, `compared` stands it beside its rivals,
    `inferred` is the effect of reject inference. Without `train` drift is None.
    """
    matrix = features.build(portfolio, columns, model.features)
    outcome = columns[portfolio.label.field].astype(np.float64)
    points = _points(model, pd)
    gains = ranking.tabulate_gains(outcome, pd)
    line = calibration_line.fit(outcome, pd)
    found = {
        "title": portfolio.title["en"],
        "labels": {each.name: label(each) for each in portfolio.fields.values()},
        "model": {
            "digest": model.digest,
            "period": model.period,
            "portfolio": model.portfolio,
            "fingerprint": model.fingerprint,
            "kind": model.kind,
        },
        "fitted": {
            "features": list(model.features),
            "parts": [each.kind for each in model.parts],
            "hyperparameters": dict(model.hyperparameters),
            "libraries": dict(model.libraries),
        },
        "metrics": measured.as_dict(),
        "champion": compared.champion,
        "challengers": list(compared.challengers),
        "choice": model.selection.get("reason", ""),
        "reduction": compared.reduction,
        "reject_inference": dict(inferred) if inferred else None,
        "monotone": _monotone(portfolio, model),
        "leakage": leakage.measure_each(portfolio, model.features, columns, train),
        "h_measure": ranking.h_measure(outcome, pd),
        "lift_10": gains[0].lift,
        "intervals": {
            name: list(bounds) for name, bounds in bootstrap.intervals(outcome, pd).items()
        },
        "gains": [asdict(each) for each in gains],
        "calibration": [asdict(each) for each in breakdown.by_tenth(outcome, pd)],
        "calibration_line": asdict(line) if line else None,
        "score_bands": [
            asdict(each) for each in breakdown.by_band(outcome, pd, points, model.scaling)
        ],
        "months": [
            asdict(each) for each in breakdown.by_month(outcome, pd, columns[portfolio.time.name])
        ],
        "sensitivity": _sensitivity(model, matrix, pd),
        "drift": _drift(portfolio, model, matrix, points, train) if train else None,
        "fairness": _fairness(portfolio, columns, outcome, pd, points),
    }
    if found["drift"]:
        found["intervals"]["psi"] = found["drift"].pop("interval")
    found["gate"] = gate.tabulate(summarise(found), portfolio)
    found["refusals"] = [text for each in found["gate"] for text in each["refusals"]]
    return found


def summarise(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what metrics.json holds of a report: figures by name, no table."""
    moved, judged = report["drift"], report["fairness"]
    keys = ("model", "champion", "challengers", "reduction", "reject_inference", "monotone")
    figures = ("leakage", "h_measure", "lift_10", "calibration_line")
    return {
        **report["metrics"],
        **{key: report[key] for key in (*keys, *figures)},
        "gate": report.get("gate", []),
        "refusals": report.get("refusals", []),
        "bootstrap": report["intervals"],
        "psi": moved["score"]["index"] if moved else None,
        "csi": {each["feature"]: each["index"] for each in moved["features"]} if moved else None,
        "drift": _summarise_drift(moved) if moved else None,
        "fairness": {
            "approve_points": judged["approve_points"],
            "approval_rate": judged["approval_rate"],
            "attributes": {
                each["field"]: {key: each[key] for key in _SUMMARY} for each in judged["audits"]
            },
        },
    }


def _summarise_drift(moved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bin that moved most, of the score and of each feature."""

    def pick(index: Mapping[str, Any]) -> dict[str, Any]:
        return {key: index["widest"][key] for key in ("bin", "train_share", "test_share")}

    features_moved = {each["feature"]: pick(each) for each in moved["features"]}
    return {"score": pick(moved["score"]), "features": features_moved}


def label(field: Field) -> str:
    """Return what a reader calls a field: its help text, else its name in words."""
    return field.help.get("en") or field.name.replace("_", " ")


def _monotone(portfolio: Portfolio, model: Model) -> dict[str, Any]:
    checked = [name for name in model.features if portfolio.fields[name].monotone]
    return {"checked": checked, "broken": dict(monotone.find_breaks(model, portfolio))}


def _sensitivity(model: Model, matrix: Numbers, pd: Numbers) -> dict[str, Any]:
    step = -(-len(matrix) // MOVED_ROWS_MAX)
    moved = matrix[::step]
    effects = sensitivity.move_each(model.predict, moved, model.features)
    return {
        "rows": len(moved),
        "mean_pd": float(pd[::step].mean()),
        "effects": [asdict(each) for each in effects],
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
        known = portfolio.fields[name]
        moved = drift.compare(before[:, place], matrix[:, place], not known.is_numeric)
        found.append({"feature": name, **_index(moved, known.categories)})
    score = drift.compare(old_points, points.astype(np.float64))
    return {
        "train_rows": len(before),
        "scored_train_rows": len(scored),
        "score": _index(score),
        "interval": list(drift.interval(score, len(scored), len(points))),
        "features": sorted(found, key=lambda each: -each["index"]),
    }


def _index(moved: drift.Drift, categories: tuple[str, ...] = ()) -> dict[str, Any]:
    bins = [{**asdict(each), "bin": each.describe(categories)} for each in moved.bins]
    widest = bins[moved.bins.index(moved.widest)]
    return {"index": moved.index, "reading": moved.reading, "widest": widest, "bins": bins}


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
