"""How far a population has moved since training: PSI of the score, CSI of each feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solvencia import bootstrap
from solvencia.bootstrap import ROUNDS, SEED

type Numbers = npt.NDArray[np.float64]

BINS = 10
WATCH, SHIFTED = 0.10, 0.25  # the usual reading: Siddiqi, "Credit Risk Scorecards" (2006)


@dataclass(frozen=True)
class Bin:
    """Rows above `low` up to `high` (None is unbounded), or the missing; shares of both sides."""

    low: float | None
    high: float | None
    is_missing: bool
    train_share: float
    test_share: float
    part: float

    def describe(self, categories: Sequence[str] = ()) -> str:
        """Return the bin in words; a coded text's by the names of its `categories`."""
        if self.is_missing:
            return "missing"
        if categories:
            first = 0 if self.low is None else int(self.low) + 1
            last = len(categories) if self.high is None else int(self.high) + 1
            return " or ".join(categories[first:last])
        low, high = (None if each is None else _spell(each) for each in (self.low, self.high))
        if low is None or high is None:
            return "all" if low == high else f"up to {high}" if low is None else f"above {low}"
        return f"above {low} up to {high}"


@dataclass(frozen=True)
class Drift:
    """One index and the bins it adds up from."""

    index: float
    bins: tuple[Bin, ...]

    @property
    def reading(self) -> str:
        """`stable`, `watch` or `shifted`."""
        return "stable" if self.index < WATCH else "watch" if self.index < SHIFTED else "shifted"

    @property
    def widest(self) -> Bin:
        """The bin that contributes most."""
        return max(self.bins, key=lambda each: each.part)


def compare(train: Numbers, test: Numbers, by_value: bool = False) -> Drift:
    """Return the stability index of `test` against `train`: PSI of a score, CSI of a feature.

    Sum of (test share - train share) x ln(test share / train share) over bins (Siddiqi, 2006;
    Jeffreys' divergence of the binned shares). Bins are the deciles of `train`, each including
    its upper edge; a column of at most ten values, or `by_value`, has a bin for each value.
    Missing is a bin of its own. A bin that is empty on one side counts there as half a row;
    a bin empty on both sides is left out.
    """
    edges = _edges(train, by_value)
    expected, actual = _count(train, edges), _count(test, edges)
    bounds = [None, *edges.tolist(), None]
    bins = []
    for place, (before, after) in enumerate(zip(expected, actual, strict=True)):
        if not before and not after:
            continue
        is_missing = place == len(expected) - 1
        was, now = max(before, 0.5) / len(train), max(after, 0.5) / len(test)
        low, high = (None, None) if is_missing else (bounds[place], bounds[place + 1])
        part = float((now - was) * np.log(now / was))
        bins.append(Bin(low, high, is_missing, before / len(train), after / len(test), part))
    return Drift(sum(each.part for each in bins), tuple(bins))


def interval(
    moved: Drift, train_rows: int, test_rows: int, rounds: int = ROUNDS, seed: int = SEED
) -> tuple[float, float]:
    """Return a 95 % bootstrap interval of an index, from both sides' rows drawn anew.

    Rows fall into the bins as often as they did (a multinomial draw is that bootstrap). Each draw
    adds noise of its own to the index, hence the interval is shifted back by it.
    """
    rng = np.random.default_rng(seed)
    sides = []
    for rows, shares in (
        (train_rows, [each.train_share for each in moved.bins]),
        (test_rows, [each.test_share for each in moved.bins]),
    ):
        drawn = rng.multinomial(rows, np.array(shares) / sum(shares), rounds)
        sides.append(np.maximum(drawn, 0.5) / rows)
    was, now = sides
    found = bootstrap.centre(((now - was) * np.log(now / was)).sum(axis=1), moved.index)
    low, high = np.quantile(found, (0.025, 0.975)).tolist()
    return low, high


def _edges(train: Numbers, by_value: bool) -> Numbers:
    """Return the inner edges, ascending and distinct."""
    known = train[~np.isnan(train)]
    values = np.unique(known)
    if by_value or len(values) <= BINS:
        return np.asarray(values[:-1], dtype=np.float64)
    shares = np.arange(1, BINS) / BINS
    edges = np.unique(np.quantile(known, shares, method="inverted_cdf"))
    return np.asarray(edges[edges < values[-1]], dtype=np.float64)


def _count(values: Numbers, edges: Numbers) -> list[int]:
    """Return rows of each bin, the missing last."""
    is_missing = np.isnan(values)
    places = np.searchsorted(edges, values[~is_missing], side="left")
    counts = np.bincount(places, minlength=len(edges) + 1).tolist()
    return [*counts, int(is_missing.sum())]


def _spell(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
