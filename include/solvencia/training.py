"""Training: cleaned columns in, the best challenger out, calibrated, the same bytes every time.

Tuning rests on newer applications inside the training rows; the choice among challengers, the
blend's weights and the calibration's slope on these and the validation rows, as none of them was
fitted. Then every challenger is fitted again, as tuned, on training and validation rows
together, and its mean PD set to their bad rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from solvencia import (
    boosting,
    calibration,
    evaluate,
    features,
    folds,
    ranking,
    reduction,
    reject_inference,
)
from solvencia.calibration import Line
from solvencia.card import Card
from solvencia.challengers import Judged, Progress, Trainer, UntrainableData, mix
from solvencia.model import Model, Part, Scorer, to_pd
from solvencia.portfolio import Portfolio
from solvencia.reduction import Reduced

__all__ = ["HYPERPARAMETERS", "UntrainableData", "train"]

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]

HYPERPARAMETERS = boosting.HYPERPARAMETERS

_LIBRARIES = ("lightgbm", "numpy")


def train(
    portfolio: Portfolio,
    period: str,
    train_columns: Columns,
    validation_columns: Columns,
    hyperparameters: Mapping[str, int | float] | None = None,
    progress: Progress = lambda text: None,
    declined: Columns | None = None,
) -> Model:
    """Train the portfolio's challengers side by side and return the chosen one.

    Columns are cleaned ones. `hyperparameters` override HYPERPARAMETERS and are not tuned then;
    `num_threads` changes the time taken and nothing else. Where the portfolio infers, `declined`
    applications train too, and the model of the approved alone travels with the chosen one.
    Raises UntrainableData or UninferableData.
    """

    def fit(rows: Columns, held: Columns) -> Model:
        return _train(portfolio, period, rows, held, hyperparameters, progress)

    if portfolio.modelling.reject_inference == "none":
        return fit(train_columns, validation_columns)
    if declined is None:
        raise UntrainableData(
            f"{portfolio.name} infers what became of the declined, and none were given: fill the "
            'channel declined from cleaned/, or set model.reject_inference = "none"'
        )
    progress("the approved alone, by whom the outcomes of the declined are drawn")
    before = fit(train_columns, validation_columns)
    given = {"train": train_columns, "validation": validation_columns}
    joined, assumed = reject_inference.infer(portfolio, period, given, declined, before)
    progress("the approved and the declined together")
    after = fit(joined["train"], joined["validation"])
    kept = {reject_inference.APPROVED_ONLY: replace(before, challengers={})}
    return replace(
        after,
        selection={**after.selection, "reject_inference": assumed},
        challengers={**after.challengers, **kept},
    )


def _train(
    portfolio: Portfolio,
    period: str,
    train_columns: Columns,
    validation_columns: Columns,
    hyperparameters: Mapping[str, int | float] | None,
    progress: Progress,
) -> Model:
    given = dict(hyperparameters or {})
    names = tuple(each.name for each in portfolio.features)
    label = portfolio.label.field
    rows, held = (
        (features.build(portfolio, each), each[label].astype(np.float64))
        for each in (train_columns, validation_columns)
    )
    for name, (_, outcome) in (("train", rows), ("validation", held)):
        if len(set(outcome.tolist())) != 2:
            raise UntrainableData(
                f"{name} has {len(outcome)} rows and {int(outcome.sum())} bad ones: a model needs "
                f"both outcomes, so bring more history or lower split.test_months of "
                f"{portfolio.name!r}"
            )
    trainer = Trainer(portfolio, names, given, progress)
    inner = folds.cut(train_columns[portfolio.time.name], rows[1])
    with threadpool_limits(limits=1, user_api="blas"):
        whole = Reduced(names)
        reduced = reduction.reduce(portfolio, names, *rows)
        judged = trainer.judge(reduced, rows, held, inner)
        effect = None
        if portfolio.modelling.reduction != "none":
            progress("the same without reduction")
            before = trainer.judge(whole, rows, held, inner)
            effect = _describe_reduction(portfolio, names, reduced, judged, before, held[1])
        progress("all challengers again, on train and validation together")
        both = np.vstack([rows[0], held[0]]), np.concatenate([rows[1], held[1]])
        scorers = trainer.refit(reduced, both, judged)
    settings = judged.settings
    blank = Model(
        kind=judged.kind,
        features=names,
        intercept=0.0,
        parts=(),
        portfolio=portfolio.name,
        period=period,
        fingerprint=portfolio.fingerprint,
        rules=features.rules_digest(),
        scaling=portfolio.scaling,
        reference=_neutral(names, rows[0]),
        selection={},
        hyperparameters={k: settings[k] for k in sorted(settings) if k != "num_threads"},
        libraries={name: version(name) for name in _LIBRARIES},
    )
    raw = {name: each.log_odds(both[0]) for name, each in scorers.items()}
    models = {}
    for kind, line in judged.lines.items():
        levelled = line.level(mix(kind, raw, judged.weights), both[1])
        models[kind] = _assemble(blank, kind, scorers, levelled, judged.weights)
    chosen = models.pop(judged.kind)
    return replace(
        chosen,
        selection=_describe_selection(judged, held[1], effect),
        challengers=models,
    )


def _assemble(
    blank: Model,
    kind: str,
    scorers: Mapping[str, Scorer],
    line: Line,
    weights: Mapping[str, float],
) -> Model:
    scorer = scorers.get(kind)
    if isinstance(scorer, Card):  # its own points are the calibrated ones
        return replace(blank, kind=kind, parts=(Part(1.0, scorer.calibrate(line)),))
    shares = weights if kind == "blend" else {kind: 1.0}
    parts = tuple(Part(line.slope * share, scorers[name]) for name, share in shares.items())
    return replace(blank, kind=kind, parts=parts, intercept=line.intercept)


def _neutral(names: tuple[str, ...], matrix: Numbers) -> dict[str, float]:
    """Return each feature's median, a value that occurs; NaN where most are missing."""
    found = {}
    for place, name in enumerate(names):
        known = np.sort(matrix[:, place][~np.isnan(matrix[:, place])])
        is_rare = 2 * len(known) < len(matrix)
        found[name] = math.nan if is_rare else float(known[(len(known) - 1) // 2])
    return found


def _measure(outcome: Numbers, pd: Numbers) -> dict[str, float]:
    measured = evaluate.measure(outcome, pd)
    return {
        **{name: getattr(measured, name) for name in ("gini", "ks", "brier", "ece")},
        "h_measure": ranking.h_measure(outcome, pd),
    }


def _describe_selection(
    judged: Judged, outcome: Numbers, effect: Mapping[str, Any] | None
) -> dict[str, Any]:
    measured = evaluate.measure(outcome, to_pd(judged.log_odds[judged.kind]))
    return {
        "challengers": [
            {
                "kind": kind,
                "auc": judged.auc(outcome, kind),
                "log_loss": calibration.log_loss(outcome, log_odds),
                **_measure(outcome, to_pd(log_odds)),
                "is_chosen": kind == judged.kind,
            }
            for kind, log_odds in judged.log_odds.items()
        ],
        "reason": judged.reason,
        "reduction": effect,
        "validation": {
            name: getattr(measured, name) for name in ("auc", "ks", "brier", "ece", "rows")
        },
    }


def _describe_reduction(
    portfolio: Portfolio,
    names: tuple[str, ...],
    reduced: Reduced,
    after: Judged,
    before: Judged,
    outcome: Numbers,
) -> dict[str, Any]:
    """Return the reduction's effect on the validation AUC of the chosen kind."""
    kind = after.kind if after.kind in before.log_odds else before.kind
    return {
        "method": portfolio.modelling.reduction,
        "features_before": len(names),
        "features_after": reduced.count,
        "auc_before": before.auc(outcome, kind),
        "auc_after": after.auc(outcome, after.kind),
        "dropped": dict(reduced.dropped),
    }
