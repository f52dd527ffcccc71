"""The scorecard: bins, their weights of evidence and coefficients, as JSON that numpy alone scores.

The log-odds of default are the intercept plus one term of each field, so a field's contribution
is the difference of two terms: exact, and readable as points.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import logistic, woe
from solvencia.calibration import Line
from solvencia.encoding import Component, Encoding
from solvencia.portfolio import Portfolio, Scaling
from solvencia.woe import Binning

type Numbers = npt.NDArray[np.float64]

# `card_prior`: rows of the overall bad rate that join each bin; `card_ridge`: of the coefficients,
# worth noticing on a few hundred rows, not on many; `card_noise`: see woe.fit.
SETTINGS: Mapping[str, float] = {
    "card_prior": 10.0,
    "card_ridge": 5.0,
    "card_noise": woe.NOISE_FEW_ROWS,
}
# What tuning tries beside SETTINGS where rows are few: a card that believes its bins less.
FIRM: Mapping[str, float] = {"card_prior": 30.0, "card_ridge": 20.0, "card_noise": 3.0}


@dataclass(frozen=True)
class Bins:
    """A binned field: its term is coefficient x WOE; a coefficient is never above 0."""

    field: str
    coefficient: float
    binning: Binning

    def terms(self, values: Numbers) -> Numbers:
        """Return the field's share in the log-odds of each value."""
        return self.coefficient * self.binning.transform(values)


@dataclass(frozen=True)
class Slope:
    """A field that enters as a straight line (principal components): slope x value."""

    field: str
    slope: float
    impute: float  # the value of a missing one
    low: float  # values beyond low and high count as these
    high: float

    def terms(self, values: Numbers) -> Numbers:
        """Return the field's share in the log-odds of each value."""
        known = np.where(np.isnan(values), self.impute, np.clip(values, self.low, self.high))
        return np.asarray(self.slope * known)

    def term(self, value: float) -> float:
        """Return one value's share."""
        return self.slope * (
            min(max(value, self.low), self.high) if value == value else self.impute
        )


@dataclass(frozen=True)
class Card:
    """A fitted scorecard over named columns of a matrix."""

    features: tuple[str, ...]
    intercept: float
    parts: tuple[Bins | Slope, ...]

    def terms(self, matrix: Numbers) -> Numbers:
        """Return each field's term, shape (rows, features); 0 for a field that plays no part."""
        found = np.zeros(matrix.shape)
        for each in self.parts:
            place = self.features.index(each.field)
            found[:, place] = each.terms(matrix[:, place])
        return found

    def log_odds(self, matrix: Numbers) -> Numbers:
        """Return the log-odds of default of each row."""
        return np.asarray(self.terms(matrix).sum(axis=1) + self.intercept)

    def contributions(self, matrix: Numbers, reference: Numbers) -> Numbers:
        """Return how far each field moves the log-odds from the reference's."""
        return np.asarray(self.terms(matrix) - self.terms(reference[None, :]))

    def calibrate(self, line: Line) -> Card:
        """Return the card whose log-odds are this one's on a calibration's line."""
        parts = [
            replace(each, coefficient=each.coefficient * line.slope)
            if isinstance(each, Bins)
            else replace(each, slope=each.slope * line.slope)
            for each in self.parts
        ]
        return replace(self, intercept=float(line.apply(self.intercept)), parts=tuple(parts))

    def write(self, scaling: Scaling) -> str:
        """Return the card's JSON; points are for readers and not read back."""
        factor = scaling.pdo / math.log(2)
        fields = []
        for each in self.parts:
            body = asdict(each)
            if isinstance(each, Bins):
                terms = [each.coefficient * woe for woe in each.binning.woe]
                body["points"] = [round(-factor * term, 2) + 0.0 for term in terms]
            fields.append(body)
        whole = {"features": list(self.features), "intercept": self.intercept, "fields": fields}
        return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def read(text: str) -> Card:
    """Return the card of its JSON."""
    body = json.loads(text)
    parts: list[Bins | Slope] = []
    for each in body["fields"]:
        if "binning" in each:
            lists: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in each["binning"].items()
            }
            parts.append(Bins(each["field"], each["coefficient"], Binning(**lists)))
        else:
            parts.append(Slope(**each))
    return Card(tuple(body["features"]), body["intercept"], tuple(parts))


def fit(
    portfolio: Portfolio,
    features: tuple[str, ...],
    matrix: Numbers,
    outcome: Numbers,
    chosen: tuple[str, ...],
    components: tuple[Component, ...] = (),
    settings: Mapping[str, float] = SETTINGS,
) -> Card:
    """Return the scorecard of `chosen` features, each binned, and of components as straight lines.

    Binned fields whose coefficient would contradict their WOE leave the card; components may
    have any sign, and are written as one slope for each of their fields.
    """
    binnings = {
        name: bin_field(portfolio, features, name, matrix, outcome, settings) for name in chosen
    }
    binnings = {name: each for name, each in binnings.items() if len(set(each.woe)) > 1}
    columns = [each.transform(matrix[:, features.index(k)]) for k, each in binnings.items()]
    scores = Encoding(features, components).apply(matrix) if components else None
    design = np.column_stack([*columns, np.empty((len(matrix), 0)) if scores is None else scores])
    is_signed = np.arange(design.shape[1]) < len(columns)
    kept, coefficients, intercept = logistic.fit_signed(
        design, outcome, is_signed, settings["card_ridge"]
    )
    names = list(binnings)
    parts: list[Bins | Slope] = [
        Bins(names[place], coefficient, binnings[names[place]])
        for place, coefficient in zip(kept.tolist(), coefficients.tolist(), strict=True)
        if place < len(names)
    ]
    slopes: dict[str, Slope] = {}
    for place, coefficient in zip(kept.tolist(), coefficients.tolist(), strict=True):
        if place < len(names):
            continue
        made = components[place - len(names)]
        for name, centre, weight, low, high in zip(
            made.fields, made.centres, made.weights, made.lows, made.highs, strict=True
        ):
            before = slopes[name].slope if name in slopes else 0.0
            slopes[name] = Slope(name, before + coefficient * weight, centre, low, high)
            intercept -= coefficient * weight * centre
    return Card(features, intercept, (*parts, *slopes.values()))


def bin_field(
    portfolio: Portfolio,
    features: tuple[str, ...],
    name: str,
    matrix: Numbers,
    outcome: Numbers,
    settings: Mapping[str, float] = SETTINGS,
) -> Binning:
    """Return the best bins of one feature, in the portfolio's direction."""
    field = portfolio.fields[name]
    values = matrix[:, features.index(name)]
    prior, noise = settings["card_prior"], settings["card_noise"]
    return woe.fit(values, outcome, field.monotone, len(field.categories), prior, noise)
