"""Training: cleaned columns in, the best challenger out, calibrated, the same bytes every time.

Tuning and the blend's weights rest on newer vintages inside the training rows, the choice among
challengers on the validation rows, calibration on both, as none of these rows was fitted. Then
every challenger is fitted again, as tuned, on training and validation rows together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from solvencia import boosting, calibration, card, choice, evaluate, features, folds, reduction
from solvencia.calibration import Line
from solvencia.card import Card
from solvencia.faults import PermanentFault
from solvencia.model import Model, Part, to_pd
from solvencia.portfolio import Portfolio
from solvencia.reduction import Reduced
from solvencia.trees import MIXED_MAX, Trees

type Numbers = npt.NDArray[np.float64]
type Rows = tuple[Numbers, Numbers]  # raw features, outcome
type Progress = Callable[[str], None]

HYPERPARAMETERS = boosting.HYPERPARAMETERS

_LIBRARIES = ("lightgbm", "numpy")
_WEIGHTS = np.linspace(0, 1, 21)  # of the boosting in the blend


class UntrainableData(PermanentFault):
    """The cleaned data cannot train a model: too few rows, one outcome only, a leak in time."""


@dataclass(frozen=True)
class Tuned:
    """What was decided on the inner fold: the boosting's settings and the blend's weight."""

    settings: Mapping[str, int | float]
    weight: float
    raw: Mapping[str, Numbers]  # each scorer's raw log-odds of the newer rows
    outcome: Numbers


@dataclass(frozen=True)
class Judged:
    """Challengers as judged on validation: log-odds by kind, in ascending complexity."""

    tuned: Tuned
    lines: Mapping[str, Line]
    log_odds: Mapping[str, Numbers]
    kind: str
    reason: str

    def auc(self, outcome: Numbers, kind: str) -> float:
        """Return the validation AUC of a kind."""
        return evaluate.measure(outcome, to_pd(self.log_odds[kind])).auc


def train(
    portfolio: Portfolio,
    period: str,
    train_columns: Mapping[str, npt.NDArray[Any]],
    validation_columns: Mapping[str, npt.NDArray[Any]],
    hyperparameters: Mapping[str, int | float] | None = None,
    progress: Progress = lambda text: None,
) -> Model:
    """Train the portfolio's challengers side by side and return the chosen one.

    Columns are cleaned ones. `hyperparameters` override HYPERPARAMETERS and are not tuned then;
    `num_threads` changes the time taken and nothing else. Raises UntrainableData.
    """
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
    trainer = _Trainer(portfolio, names, given, progress)
    is_newer = folds.find_newer(train_columns[portfolio.time.name], rows[1])
    with threadpool_limits(limits=1, user_api="blas"):
        whole = Reduced(names)
        reduced = reduction.reduce(portfolio, names, *rows)
        judged = trainer.judge(reduced, rows, held, is_newer)
        effect = None
        if portfolio.modelling.reduction != "none":
            progress("the same without reduction")
            before = trainer.judge(whole, rows, held, is_newer)
            effect = _describe_reduction(portfolio, names, reduced, judged, before, held[1])
        progress("all challengers again, on train and validation together")
        both = np.vstack([rows[0], held[0]]), np.concatenate([rows[1], held[1]])
        scorers = trainer.fit(reduced, both, judged.tuned, tuple(judged.lines))
    settings = judged.tuned.settings
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
    models = {
        kind: _assemble(blank, kind, scorers, line, judged.tuned.weight)
        for kind, line in judged.lines.items()
    }
    chosen = models.pop(judged.kind)
    return replace(
        chosen,
        selection=_describe_selection(judged, held[1], effect),
        challengers=models,
    )


@dataclass(frozen=True)
class _Trainer:
    """Fits the challengers of one portfolio on given rows."""

    portfolio: Portfolio
    names: tuple[str, ...]
    given: Mapping[str, int | float]
    progress: Progress

    def judge(
        self, reduced: Reduced, rows: Rows, held: Rows, is_newer: npt.NDArray[np.bool_]
    ) -> Judged:
        """Tune on the inner fold, fit on all training rows, calibrate and choose."""
        kinds = self._competing(reduced)
        tuned = self._tune(reduced, rows, is_newer, kinds)
        if tuned.weight in (0, 1):  # then a blend is one of the others
            kinds = tuple(kind for kind in kinds if kind != "blend")
        scorers = self.fit(reduced, rows, tuned, kinds, members=1)
        raw = {kind: each.log_odds(held[0]) for kind, each in scorers.items()}
        lines, log_odds = {}, {}
        for kind in kinds:
            inner, outer = (_mix(kind, each, tuned.weight) for each in (tuned.raw, raw))
            line = calibration.fit(
                np.concatenate([inner, outer]), np.concatenate([tuned.outcome, held[1]])
            )
            if line.slope > 0:
                lines[kind], log_odds[kind] = line, line.apply(outer)
        if not lines:
            raise UntrainableData(
                "no challenger ranks the validation applications better than chance: "
                "check the label and the features"
            )
        kind, reason = choice.choose(held[1], log_odds)
        return Judged(tuned, lines, log_odds, kind, reason)

    def fit(
        self,
        reduced: Reduced,
        rows: Rows,
        tuned: Tuned,
        kinds: tuple[str, ...],
        members: int | None = None,
    ) -> dict[str, Card | Trees]:
        """Return the fitted scorers of these kinds; a blend has none of its own."""
        scorers: dict[str, Card | Trees] = {}
        if "scorecard" in kinds:
            scorers["scorecard"] = self._fit_card(reduced, rows)
        if "boosting" in kinds:
            settings = {**tuned.settings, **({"members": members} if members else {})}
            size = f"{settings['members']} x {settings['rounds']} trees"
            self.progress(f"boosting: {size} on {len(rows[1])} rows")
            encoding = boosting.encode(
                self.portfolio, self.names, *rows, reduced.chosen, reduced.components
            )
            scorers["boosting"] = boosting.fit(self.portfolio, encoding, rows, settings)
        return scorers

    def _fit_card(self, reduced: Reduced, rows: Rows) -> Card:
        return card.fit(self.portfolio, self.names, *rows, reduced.chosen, reduced.components)

    def _competing(self, reduced: Reduced) -> tuple[str, ...]:
        kinds = self.portfolio.modelling.challengers
        if reduced.components and len(self.names) > MIXED_MAX and len(kinds) > 1:
            self.progress(
                f"only the scorecard competes: exact reasons of boosted trees on components take "
                f"at most {MIXED_MAX} features"
            )
            return ("scorecard",)
        return kinds

    def _tune(
        self,
        reduced: Reduced,
        rows: Rows,
        is_newer: npt.NDArray[np.bool_],
        kinds: tuple[str, ...],
    ) -> Tuned:
        older, newer = ((rows[0][each], rows[1][each]) for each in (~is_newer, is_newer))
        raw: dict[str, Numbers] = {}
        settings: Mapping[str, int | float] = {}
        if "scorecard" in kinds:
            raw["scorecard"] = self._fit_card(reduced, older).log_odds(newer[0])
        if "boosting" in kinds:
            encoding = boosting.encode(
                self.portfolio, self.names, *older, reduced.chosen, reduced.components
            )
            settings, raw["boosting"] = boosting.tune(
                self.portfolio, encoding, older, newer, self.given, self.progress
            )
        weight = 1.0
        if "blend" in kinds:
            losses = [_log_loss(newer[1], _mix("blend", raw, each)) for each in _WEIGHTS.tolist()]
            weight = float(_WEIGHTS[int(np.argmin(losses))])
            self.progress(f"blend: {weight:.2f} of the boosting")
        return Tuned(settings, round(weight, 2), raw, newer[1])


def _mix(kind: str, raw: Mapping[str, Numbers], weight: float) -> Numbers:
    """Return a kind's raw log-odds; a blend's are weighted."""
    if kind != "blend":
        return raw[kind]
    return weight * raw["boosting"] + (1 - weight) * raw["scorecard"]


def _assemble(
    blank: Model, kind: str, scorers: Mapping[str, Card | Trees], line: Line, weight: float
) -> Model:
    scorer = scorers.get(kind)
    if isinstance(scorer, Card):  # its own points are the calibrated ones
        return replace(blank, kind=kind, parts=(Part(1.0, scorer.calibrate(line)),))
    weights = {"scorecard": 1 - weight, "boosting": weight} if kind == "blend" else {kind: 1.0}
    parts = tuple(
        Part(line.slope * share, scorers[each]) for each, share in weights.items() if share > 0
    )
    return replace(blank, kind=kind, parts=parts, intercept=line.intercept)


def _neutral(names: tuple[str, ...], matrix: Numbers) -> dict[str, float]:
    """Return each feature's median, a value that occurs; NaN where most are missing."""
    found = {}
    for place, name in enumerate(names):
        known = np.sort(matrix[:, place][~np.isnan(matrix[:, place])])
        is_rare = 2 * len(known) < len(matrix)
        found[name] = np.nan if is_rare else float(known[(len(known) - 1) // 2])
    return found


def _log_loss(outcome: Numbers, log_odds: Numbers) -> float:
    return float(np.mean(np.logaddexp(0, log_odds) - outcome * log_odds))


def _describe_selection(
    judged: Judged, outcome: Numbers, effect: Mapping[str, Any] | None
) -> dict[str, Any]:
    measured = evaluate.measure(outcome, to_pd(judged.log_odds[judged.kind]))
    return {
        "challengers": [
            {
                "kind": kind,
                "auc": judged.auc(outcome, kind),
                "log_loss": _log_loss(outcome, log_odds),
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
    """Return the reduction's effect on the validation AUC of the kind that each side chooses."""
    return {
        "method": portfolio.modelling.reduction,
        "features_before": len(names),
        "features_after": reduced.count,
        "auc_before": before.auc(outcome, before.kind),
        "auc_after": after.auc(outcome, after.kind),
        "dropped": dict(reduced.dropped),
    }
