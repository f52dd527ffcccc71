"""A network's exact reasons: all applicants who are partly this one and partly the neutral one.

Baseline Shapley values by their definition. The two rows are encoded once and the hybrids put
together from their inputs; the last hybrid is the applicant himself, so one pass tells the score
and the reasons.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from solvencia import network
from solvencia.encoding import Component, Value
from solvencia.trees import over_subsets

if TYPE_CHECKING:
    from solvencia.network import Network

type Numbers = npt.NDArray[np.float64]
type Places = npt.NDArray[np.intp]


class Hybrids:
    """One network beside one reference."""

    def __init__(self, scorer: Network, reference: Numbers) -> None:
        self.scorer = scorer
        self.reference = reference
        names = scorer.encoding.features
        self.players = np.array([names.index(each) for each in scorer.fields], dtype=np.intp)
        self.is_mixed = any(isinstance(each, Component) for each in scorer.encoding.columns)
        self.columns: Places | None = None
        if all(isinstance(each, Value) for each in scorer.encoding.columns):
            self.columns = scorer.encoding.owners()
        if not self.is_mixed:
            self.free, self.directed = (each[0] for each in self._spread(reference))
            own = scorer.encoding.owners()[scorer.layout.owners]
            ends = np.searchsorted(self.players, own)  # the players ascend
            self.owners = tuple(
                np.concatenate([[len(self.players)], ends[each]])
                for each in (scorer.layout.free, scorer.layout.directed)
            )

    def explain(self, row: Numbers) -> tuple[float, Numbers]:
        """Return a raw row's log-odds and each raw feature's share in them."""
        if self.is_mixed:
            known = self.reference.copy()
            known[self.players] = row[self.players]
            shares = over_subsets(self.scorer.log_odds, known, self.reference)
            return float(self.scorer.log_odds(row[None, :])[0]), shares
        found = np.zeros(len(row))
        mine, neutral = row[self.players], self.reference[self.players]
        differs = np.flatnonzero((mine != neutral) & ~(np.isnan(mine) & np.isnan(neutral)))
        count = len(differs)
        chosen, weights = _subsets(count)
        places = np.full(len(self.players) + 1, count)  # the last stands for inputs of nobody's
        places[differs] = np.arange(count)
        rows = zip(self._spread(row), (self.free, self.directed), self.owners, strict=True)
        free, directed = (
            np.where(chosen.take(places[owner], axis=1), own[0], other)
            for own, other, owner in rows
        )
        values = self.scorer.forward(free, directed)[: 1 << count]
        found[self.players[differs]] = weights @ values
        return float(values[-1]), found

    def _spread(self, row: Numbers) -> tuple[Numbers, Numbers]:
        one = row[None, :]
        if self.columns is None:
            return self.scorer.layout.spread(self.scorer.encoding.apply(one))
        return self.scorer.layout.spread(one.take(self.columns, axis=1))


@functools.cache
def _subsets(count: int) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """Return who is in each subset of so many players, and what each subset counts for each.

    The subsets fill whole blocks, the first repeated; a last column, of nobody, is False.
    """
    subsets = list(itertools.product((False, True), repeat=count))
    chosen = np.array(subsets, dtype=bool).reshape(len(subsets), count)
    sizes = chosen.sum(axis=1)
    share = [1 / (count * math.comb(count - 1, size)) for size in range(count)]
    gains = np.array([0.0, *share])[sizes]
    losses = np.array([*share, 0.0])[sizes]
    weights = np.where(chosen.T, gains, -losses)
    padded = np.zeros((-(-len(subsets) // network.BLOCK) * network.BLOCK, count + 1), dtype=bool)
    padded[: len(subsets), :count] = chosen
    return padded, np.ascontiguousarray(weights)
