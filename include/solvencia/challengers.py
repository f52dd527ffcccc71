"""The challengers of one portfolio: tuned on inner folds, fitted side by side, judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solvencia import boosting, calibration, card, choice, evaluate, logistic, network
from solvencia.calibration import Line
from solvencia.card import Card
from solvencia.encoding import Encoding
from solvencia.faults import PermanentFault
from solvencia.folds import Fold
from solvencia.model import Scorer, to_pd
from solvencia.network import Network
from solvencia.portfolio import Portfolio
from solvencia.reduction import Reduced
from solvencia.trees import MIXED_MAX

type Numbers = npt.NDArray[np.float64]
type Rows = tuple[Numbers, Numbers]  # raw features, outcome
type Progress = Callable[[str], None]

_WEIGHT_MIN = 0.05  # a lighter part of the blend leaves it


class UntrainableData(PermanentFault):
    """The cleaned data cannot train a model: too few rows, one outcome only, a leak in time."""


@dataclass(frozen=True)
class Tuned:
    """What was decided on the inner folds: the boosting's settings and the blend's weights."""

    settings: Mapping[str, int | float]
    weights: Mapping[str, float]
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


@dataclass(frozen=True)
class Trainer:
    """Fits the challengers of one portfolio on given rows."""

    portfolio: Portfolio
    names: tuple[str, ...]
    given: Mapping[str, int | float]
    progress: Progress

    def judge(self, reduced: Reduced, rows: Rows, held: Rows, inner: Sequence[Fold]) -> Judged:
        """Tune on the inner folds, fit on all training rows, calibrate and choose."""
        kinds = self._competing(reduced)
        tuned = self._tune(reduced, rows, inner, kinds)
        if set(tuned.weights) in (set(), {"scorecard"}, {"boosting"}):  # then it is no blend
            kinds = tuple(kind for kind in kinds if kind != "blend")
        scorers = self.fit(reduced, rows, tuned, kinds)
        raw = {kind: each.log_odds(held[0]) for kind, each in scorers.items()}
        lines, log_odds = {}, {}
        for kind in kinds:
            newer, outer = (mix(kind, each, tuned.weights) for each in (tuned.raw, raw))
            line = calibration.fit(
                np.concatenate([newer, outer]), np.concatenate([tuned.outcome, held[1]])
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
    ) -> dict[str, Scorer]:
        """Return what these kinds are made of."""
        settings = tuned.settings
        scorers: dict[str, Scorer] = {}
        if "scorecard" in kinds:
            scorers["scorecard"] = self._fit_card(reduced, rows)
        if "boosting" in kinds:
            size = f"{settings['members']} x {settings['rounds']} trees"
            self.progress(f"boosting: {size} on {len(rows[1])} rows")
            encoding, made = self._encode(reduced, rows, settings)
            scorers["boosting"] = boosting.fit(self.portfolio, encoding, (made, rows[1]), settings)
        if "blend" in kinds and "network" in tuned.weights:
            self.progress(f"network: {settings['networks']} on {len(rows[1])} rows")
            scorers["network"] = self._fit_network(reduced, rows, settings)
        return scorers

    def _encode(
        self, reduced: Reduced, rows: Rows, settings: Mapping[str, int | float]
    ) -> tuple[Encoding, Numbers]:
        return boosting.encode(
            self.portfolio, self.names, rows, reduced.chosen, reduced.components, settings
        )

    def _fit_card(self, reduced: Reduced, rows: Rows) -> Card:
        return card.fit(self.portfolio, self.names, *rows, reduced.chosen, reduced.components)

    def _fit_network(
        self, reduced: Reduced, rows: Rows, settings: Mapping[str, int | float]
    ) -> Network:
        encoding, made = self._encode(reduced, rows, {**settings, "one_hot": 1})
        members, seed = int(settings["networks"]), int(settings["seed"])
        return network.fit(self.portfolio, encoding, made, rows[1], members, seed)

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
        self, reduced: Reduced, rows: Rows, inner: Sequence[Fold], kinds: tuple[str, ...]
    ) -> Tuned:
        spans = [
            ((rows[0][older], rows[1][older]), (rows[0][newer], rows[1][newer]))
            for older, newer in inner
        ]
        raw: dict[str, Numbers] = {}
        settings: Mapping[str, int | float] = {}
        if "scorecard" in kinds:
            raw["scorecard"] = np.concatenate(
                [self._fit_card(reduced, older).log_odds(newer[0]) for older, newer in spans]
            )
        if "boosting" in kinds:
            settings, raw["boosting"] = boosting.tune(
                self.portfolio,
                lambda older, asked: self._encode(reduced, older, asked),
                spans,
                self.given,
                self.progress,
            )
        outcome = np.concatenate([newer[1] for _, newer in spans])
        weights: dict[str, float] = {}
        if "blend" in kinds:
            if settings["networks"] and len(self.names) <= MIXED_MAX:
                single = {**settings, "networks": 1}
                raw["network"] = np.concatenate(
                    [
                        self._fit_network(reduced, older, single).log_odds(newer[0])
                        for older, newer in spans
                    ]
                )
            weights = _weigh(raw, outcome)
            shares = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
            self.progress(f"blend: {shares}")
        return Tuned(settings, weights, raw, outcome)


def _weigh(raw: Mapping[str, Numbers], outcome: Numbers) -> dict[str, float]:
    """Return the weights of a blend by the likelihood of the newer rows: above 0, sum 1."""
    names = list(raw)
    while True:
        design = -np.column_stack([raw[name] for name in names])
        kept, coefficients, _ = logistic.fit_signed(
            design, outcome, np.ones(len(names), dtype=bool)
        )
        weights = {
            names[place]: -weight
            for place, weight in zip(kept.tolist(), coefficients.tolist(), strict=True)
        }
        heavy = [name for name, weight in weights.items() if weight >= _WEIGHT_MIN]
        if len(heavy) == len(weights):
            total = sum(weights.values())
            return {name: float(f"{each / total:.6g}") for name, each in weights.items()}
        names = heavy or names[:1]


def mix(kind: str, raw: Mapping[str, Numbers], weights: Mapping[str, float]) -> Numbers:
    """Return a kind's raw log-odds; a blend's are weighted."""
    if kind != "blend":
        return raw[kind]
    return np.asarray(sum(weight * raw[name] for name, weight in weights.items()))
