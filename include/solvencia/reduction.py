"""Fewer inputs: selection by information value and correlation, or principal components.

Components have no direction, so only numbers without a declared one enter them; the others, and
texts, stay themselves. Reasons stay on raw features either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from solvencia import card, woe
from solvencia.encoding import Component
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]

PAIRED_ROWS_MIN = 30


class IrreducibleFeatures(PermanentFault):
    """The portfolio asks for components of fields that have none."""


@dataclass(frozen=True)
class Reduced:
    """Features that stay themselves, components of others, and why each other one went."""

    chosen: tuple[str, ...]
    components: tuple[Component, ...] = ()
    dropped: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many inputs are left."""
        return len(self.chosen) + len(self.components)


def reduce(
    portfolio: Portfolio, features: tuple[str, ...], matrix: Numbers, outcome: Numbers
) -> Reduced:
    """Reduce by the portfolio's method, on training rows alone; raise IrreducibleFeatures."""
    method = portfolio.modelling.reduction
    if method == "selection":
        return select(portfolio, features, matrix, outcome)
    if method == "pca":
        return extract(portfolio, features, matrix)
    return Reduced(features)


def select(
    portfolio: Portfolio, features: tuple[str, ...], matrix: Numbers, outcome: Numbers
) -> Reduced:
    """Drop features below iv_min, and of a pair above correlation_max the one with less IV.

    Correlation is Spearman's on rows where both are known; texts count by their categories' bad
    rates. The best feature always stays.
    """
    rules = portfolio.modelling
    values = {
        name: card.bin_field(portfolio, features, name, matrix, outcome).information_value
        for name in features
    }
    ordered = sorted(features, key=lambda name: -values[name])
    chosen: list[str] = []
    dropped: dict[str, str] = {}
    for name in ordered:
        if chosen and values[name] < rules.iv_min:
            dropped[name] = f"information value {values[name]:.4f} is below {rules.iv_min:g}"
            continue
        column = _rank(portfolio, features, name, matrix, outcome)
        for other in chosen:
            found = _correlate(column, _rank(portfolio, features, other, matrix, outcome))
            if abs(found) > rules.correlation_max:
                dropped[name] = (
                    f"correlation {found:.4f} with {other}, which has the higher information "
                    f"value, is beyond {rules.correlation_max:g}"
                )
                break
        else:
            chosen.append(name)
    kept = tuple(name for name in features if name in chosen)
    return Reduced(kept, dropped={name: dropped[name] for name in features if name in dropped})


def extract(portfolio: Portfolio, features: tuple[str, ...], matrix: Numbers) -> Reduced:
    """Replace numbers without a direction by the components that keep variance_share of them.

    Standardised, missing at the median, clipped to the 1st and 99th percentile.
    """
    free = [
        name
        for name in features
        if portfolio.fields[name].is_numeric and not portfolio.fields[name].monotone
    ]
    values = matrix[:, [features.index(name) for name in free]]
    is_known = ~np.isnan(values)
    free = [name for name, known in zip(free, is_known.any(axis=0), strict=True) if known]
    values = values[:, is_known.any(axis=0)]
    if len(free) < 2:
        raise IrreducibleFeatures(
            f"model.reduction: {portfolio.name!r} has {len(free)} number(s) without a direction, "
            'and principal components need two: use "selection" or "none"'
        )
    lows, centres, highs = (
        np.nanquantile(values, share, axis=0, method="inverted_cdf") for share in (0.01, 0.5, 0.99)
    )
    filled = np.where(np.isnan(values), centres, np.clip(values, lows, highs)) - centres
    spread = filled.std(axis=0)
    is_moving = spread > 0
    scaled = (filled - filled.mean(axis=0)) / np.where(is_moving, spread, 1.0)
    variances, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    order = np.argsort(-variances, kind="stable")
    shares = np.cumsum(variances[order]) / variances.sum()
    count = int(np.searchsorted(shares, portfolio.modelling.variance_share - 1e-12)) + 1
    components = []
    for place, column in enumerate(order[:count].tolist()):
        vector = vectors[:, column]
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        weights = [float(f"{each:.6g}") for each in (vector / np.where(is_moving, spread, 1.0))]
        components.append(
            Component(
                f"component_{place + 1}",
                tuple(free),
                tuple(centres.tolist()),
                tuple(weights),
                tuple(lows.tolist()),
                tuple(highs.tolist()),
            )
        )
    why = f"enters {len(components)} principal component(s)"
    return Reduced(
        tuple(name for name in features if name not in free),
        tuple(components),
        dict.fromkeys(free, why),
    )


def _rank(
    portfolio: Portfolio, features: tuple[str, ...], name: str, matrix: Numbers, outcome: Numbers
) -> Numbers:
    values = matrix[:, features.index(name)]
    categories = portfolio.fields[name].categories
    if not categories:
        return values
    is_known = ~np.isnan(values)
    ranks = woe.rank_categories(values[is_known], outcome[is_known], len(categories))
    found = np.full(len(values), np.nan)
    found[is_known] = ranks[values[is_known].astype(np.intp)]
    return found


def _correlate(first: Numbers, second: Numbers) -> float:
    is_known = ~np.isnan(first) & ~np.isnan(second)
    if is_known.sum() < PAIRED_ROWS_MIN:
        return 0.0
    ranks = [_mid_rank(each[is_known]) for each in (first, second)]
    if min(each.std() for each in ranks) == 0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _mid_rank(values: Numbers) -> Numbers:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place], dtype=np.float64)
