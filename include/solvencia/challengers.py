"""The challengers of one portfolio: tuned on inner folds, fitted side by side, judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from solvencia import boosting, calibration, card, choice, evaluate, logistic, network
from solvencia.calibration import Line
from solvencia.card import Card
from solvencia.choice import Spans
from solvencia.encoding import Encoding
from solvencia.faults import PermanentFault
from solvencia.folds import FEW_ROWS, Fold
from solvencia.model import Scorer, to_pd
from solvencia.network import Network
from solvencia.portfolio import Portfolio
from solvencia.reduction import Reduced
from solvencia.trees import MIXED_MAX

type Numbers = npt.NDArray[np.float64]
type Rows = tuple[Numbers, Numbers]  # raw features, outcome
type Settings = Mapping[str, int | float]
type Progress = Callable[[str], None]

_TRIAL = {"members": 1, "networks": 1}  # what many rows are judged with, before the last fit
_WEIGHT_MIN = 0.05  # a lighter part of the blend leaves it


class UntrainableData(PermanentFault):
    """The cleaned data cannot train a model: too few rows, one outcome only, a leak in time."""


@dataclass(frozen=True)
class Judged:
    """Challengers as judged on rows that they were not fitted to, in ascending complexity.

    `settings` are the boosting's as tuned, `weights` the blend's, `log_odds` those of the
    validation rows by kind.
    """

    settings: Settings
    weights: Mapping[str, float]
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
    given: Settings
    progress: Progress

    def judge(self, reduced: Reduced, rows: Rows, held: Rows, inner: Sequence[Fold]) -> Judged:
        """Tune on the inner folds, fit on all training rows, calibrate and choose.

        The newer rows of each inner fold, and the validation rows, are a span each: what a span
        is scored with has not seen it, the blend's weights included.
        """
        kinds = self._competing(reduced)
        settings, spans = self._tune(reduced, rows, inner, kinds)
        trial = settings if len(rows[1]) <= FEW_ROWS else {**settings, **_TRIAL}
        scorers = self.fit(reduced, rows, trial, kinds)
        raw = {
            name: np.concatenate([spans[name], each.log_odds(held[0])])
            for name, each in scorers.items()
        }
        outcome = np.concatenate([*(rows[1][newer] for _, newer in inner), held[1]])
        sizes = [*(int(newer.sum()) for _, newer in inner), len(held[1])]
        span: Spans = np.repeat(np.arange(len(sizes)), sizes)
        weights: dict[str, float] = {}
        if "blend" in kinds:
            weights = _weigh(raw, outcome)
            shares = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
            self.progress(f"blend: {shares}")
            raw["blend"] = _blend_unseen(raw, outcome, span)
        if len(weights) == 1 and "network" not in weights:  # then it is no blend
            kinds = tuple(kind for kind in kinds if kind != "blend")
        lines = {kind: calibration.fit(raw[kind], outcome) for kind in kinds}
        lines = {kind: line for kind, line in lines.items() if line.slope > 0}
        if not lines:
            raise UntrainableData(
                "no challenger ranks the validation applications better than chance: "
                "check the label and the features"
            )
        log_odds = {kind: line.apply(raw[kind]) for kind, line in lines.items()}
        kind, reason = choice.choose(outcome, log_odds, span)
        validation = {kind: each[-len(held[1]) :] for kind, each in log_odds.items()}
        return Judged(settings, weights, lines, validation, kind, reason)

    def refit(self, reduced: Reduced, rows: Rows, judged: Judged) -> dict[str, Scorer]:
        """Return what the judged kinds are made of, fitted as tuned on these rows."""
        kinds = tuple(judged.lines)
        needed = judged.weights if "blend" in kinds else {}
        return self.fit(reduced, rows, judged.settings, kinds, "network" in needed)

    def fit(
        self,
        reduced: Reduced,
        rows: Rows,
        settings: Settings,
        kinds: tuple[str, ...],
        is_joined: bool = True,
    ) -> dict[str, Scorer]:
        """Return what these kinds are made of; a blend is joined by a network where it may."""
        scorers: dict[str, Scorer] = {}
        if "scorecard" in kinds:
            scorers["scorecard"] = self._fit_card(reduced, rows, settings)
        if "boosting" in kinds:
            size = f"{settings['members']} x {settings['rounds']} trees"
            self.progress(f"boosting: {size} on {len(rows[1])} rows")
            encoding, made = self._encode(reduced, rows, settings)
            scorers["boosting"] = boosting.fit(self.portfolio, encoding, (made, rows[1]), settings)
        if "blend" in kinds and is_joined and self._has_network(reduced, settings):
            self.progress(f"network: {settings['networks']} on {len(rows[1])} rows")
            scorers["network"] = self._fit_network(reduced, rows, settings)
        return scorers

    def _encode(self, reduced: Reduced, rows: Rows, settings: Settings) -> tuple[Encoding, Numbers]:
        return boosting.encode(
            self.portfolio, self.names, rows, reduced.chosen, reduced.components, settings
        )

    def _fit_card(self, reduced: Reduced, rows: Rows, settings: Settings) -> Card:
        return card.fit(
            self.portfolio, self.names, *rows, reduced.chosen, reduced.components, settings
        )

    def _fit_network(self, reduced: Reduced, rows: Rows, settings: Settings) -> Network:
        """Fit networks without sums of other fields: they add up themselves."""
        joined = replace(reduced, chosen=self._unsummed(reduced))
        encoding, made = self._encode(joined, rows, {**settings, "one_hot": 1})
        members, seed = int(settings["networks"]), int(settings["seed"])
        return network.fit(self.portfolio, encoding, made, rows[1], members, seed)

    def _has_network(self, reduced: Reduced, settings: Settings) -> bool:
        fields = {name for each in reduced.components for name in each.fields}
        count = len(fields.union(self._unsummed(reduced)))
        return bool(settings["networks"]) and count <= MIXED_MAX

    def _unsummed(self, reduced: Reduced) -> tuple[str, ...]:
        return tuple(name for name in reduced.chosen if not self.portfolio.fields[name].sum_of)

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
    ) -> tuple[Settings, dict[str, Numbers]]:
        """Return the settings as tuned, and each scorer's raw log-odds of the newer rows."""
        spans = [
            ((rows[0][older], rows[1][older]), (rows[0][newer], rows[1][newer]))
            for older, newer in inner
        ]
        raw: dict[str, Numbers] = {}
        settings: Settings = {**card.SETTINGS, **self.given}
        if "scorecard" in kinds:
            settings, raw["scorecard"] = self._tune_card(reduced, spans)
        if "boosting" in kinds:
            settings, raw["boosting"] = boosting.tune(
                self.portfolio,
                lambda older, asked: self._encode(reduced, older, asked),
                spans,
                {**settings, **self.given},
                self.progress,
            )
        if "blend" in kinds and self._has_network(reduced, settings):
            single = {**settings, "networks": 1}
            raw["network"] = np.concatenate(
                [
                    self._fit_network(reduced, older, single).log_odds(newer[0])
                    for older, newer in spans
                ]
            )
        return settings, raw

    def _tune_card(
        self, reduced: Reduced, spans: Sequence[tuple[Rows, Rows]]
    ) -> tuple[Settings, Numbers]:
        """Return the card's settings of least log loss on newer rows, and its log-odds there."""
        given = {name: value for name, value in self.given.items() if name in card.SETTINGS}
        size = sum(len(each[1]) for each in spans[-1])
        tried = (card.SETTINGS, card.FIRM) if size <= FEW_ROWS else (card.SETTINGS,)
        outcome = np.concatenate([newer[1] for _, newer in spans])
        found = []
        for each in tried:
            settings = {**each, **given}
            cards = [self._fit_card(reduced, older, settings) for older, _ in spans]
            raw = np.concatenate(
                [made.log_odds(newer[0]) for made, (_, newer) in zip(cards, spans, strict=True)]
            )
            found.append((calibration.log_loss(outcome, raw), settings, raw))
        _, settings, raw = min(found, key=lambda each: each[0])
        return settings, raw


def _blend_unseen(raw: Mapping[str, Numbers], outcome: Numbers, span: Spans) -> Numbers:
    """Return the blend's raw log-odds, each span weighted as all the others ask."""
    found = np.empty(len(outcome))
    for each in np.unique(span):
        is_here = span == each
        weights = _weigh({k: v[~is_here] for k, v in raw.items()}, outcome[~is_here])
        found[is_here] = mix("blend", {k: v[is_here] for k, v in raw.items()}, weights)
    return found


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
