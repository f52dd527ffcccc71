"""A model made ready to score: probabilities and reasons in one pass, of one row or of many.

It gives the bits of `model.log_odds`, whatever the number of rows, without LightGBM where the
trees fit into tables (docs/decisions/0009-serving.md).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from solvencia.card import Bins, Card
from solvencia.cells import Cells
from solvencia.hybrids import Hybrids
from solvencia.model import Model, Part, to_pd
from solvencia.network import Network
from solvencia.trees import Trees

type Numbers = npt.NDArray[np.float64]
type Row = list[float]
type Scored = tuple[float, Numbers]  # raw log-odds, raw contributions by feature
type ScoredAll = tuple[Numbers, Numbers]  # the same, by row


class Way(Protocol):
    """How one scorer's rows are scored and explained; `rows_at_once` take some milliseconds."""

    rows_at_once: int

    def one(self, row: Row) -> Scored:
        """Return what one row of raw features gets."""

    def all(self, rows: Numbers) -> ScoredAll:
        """Return the bits of `one` for each row."""


class Explainer:
    """One model beside its neutral applicant."""

    def __init__(self, model: Model) -> None:
        self.model = model
        reference = model.reference_row()
        self._parts = [(each.slope, _prepare(each, reference)) for each in model.parts]
        self.rows_at_once = min((way.rows_at_once for _, way in self._parts), default=1)

    def score(self, row: Row) -> tuple[float, Numbers]:
        """Return the PD of one row of features and what each contributed to its log-odds."""
        total = self.model.intercept
        found = np.zeros(len(row))
        for slope, way in self._parts:
            raw, shares = way.one(row)
            total += slope * raw
            found += slope * shares
        return _to_pd(total), found

    def score_all(self, rows: Numbers) -> tuple[Numbers, Numbers]:
        """Return the PDs and, shape (rows, features), the contributions: the bits of `score`."""
        total = np.full(len(rows), self.model.intercept)
        found = np.zeros(rows.shape)
        for slope, way in self._parts:
            raw, shares = way.all(rows)
            total += slope * raw
            found += slope * shares
        return to_pd(total), found


def _to_pd(log_odds: float) -> float:
    """Return what `to_pd` makes of one value, to the bit: NumPy's exponential, without arrays."""
    return 1.0 / (1.0 + float(np.exp(-min(max(log_odds, -30.0), 30.0))))


def _prepare(part: Part, reference: Numbers) -> Way:
    if isinstance(part.scorer, Card):
        return _CardWay(part.scorer, reference)
    if isinstance(part.scorer, Network):
        hybrids = Hybrids(part.scorer, reference)
        return _RowWay(lambda row: hybrids.explain(np.array(row)))
    tables = part.scorer.tabulate(reference)
    if tables is None:
        return _LeafWay(part.scorer, reference)
    return _CellWay(part.scorer, tables)


class _RowWay:
    """What goes one row at a time: a network's hybrids."""

    rows_at_once = 16

    def __init__(self, one: Callable[[Row], Scored]) -> None:
        self.one = one

    def all(self, rows: Numbers) -> ScoredAll:
        found = [self.one(row) for row in rows.tolist()]
        shares = np.array([each for _, each in found]).reshape(rows.shape)
        return np.array([raw for raw, _ in found]), shares


class _LeafWay:
    """Trees too large for tables: the booster scores and the leaves explain."""

    rows_at_once = 16

    def __init__(self, scorer: Trees, reference: Numbers) -> None:
        self.scorer = scorer
        self.reference = reference

    def one(self, row: Row) -> Scored:
        raw, shares = self.all(np.array(row)[None, :])
        return float(raw[0]), shares[0]

    def all(self, rows: Numbers) -> ScoredAll:
        return self.scorer.log_odds(rows), self.scorer.contributions(rows, self.reference)


class _CellWay:
    """Trees as tables."""

    rows_at_once = 512

    def __init__(self, scorer: Trees, tables: Cells) -> None:
        self.encoding = scorer.encoding
        self.encode = scorer.encoding.compile()
        self.members = scorer.members
        self.tables = tables

    def one(self, row: Row) -> Scored:
        found = self.tables.add_up(self.tables.locate(self.encode(row))) / self.members
        return float(found[0]), found[1:]

    def all(self, rows: Numbers) -> ScoredAll:
        cells = self.tables.locate_all(self.encoding.apply(rows))
        found = self.tables.add_up_all(cells) / self.members
        return found[:, 0], found[:, 1:]


class _CardWay:
    """A scorecard: each field's term less the neutral applicant's."""

    rows_at_once = 512

    def __init__(self, card: Card, reference: Numbers) -> None:
        self.card = card
        self.neutral = card.terms(reference[None, :])[0]
        self.readers = [
            (card.features.index(each.field), _bins(each) if isinstance(each, Bins) else each.term)
            for each in card.parts
        ]

    def one(self, row: Row) -> Scored:
        terms = np.zeros(len(self.neutral))
        for place, read in self.readers:
            terms[place] = read(row[place])
        return float(terms.sum() + self.card.intercept), terms - self.neutral

    def all(self, rows: Numbers) -> ScoredAll:
        terms = self.card.terms(rows)
        return terms.sum(axis=1) + self.card.intercept, terms - self.neutral


def _bins(part: Bins) -> Callable[[float], float]:
    binning = part.binning
    terms = (part.coefficient * np.array(binning.woe)).tolist()
    edges, groups, last = binning.edges, binning.groups, len(terms) - 1
    if groups:
        return lambda code: (
            terms[groups[int(code)]] if code == code and code < len(groups) else terms[last]
        )
    return lambda value: terms[bisect_left(edges, value)] if value == value else terms[last]
