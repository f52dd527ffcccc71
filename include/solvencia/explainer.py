"""A model made ready to score: probabilities and reasons in one pass, row by row.

It gives the bits of `model.log_odds`, whatever the number of rows, without LightGBM where the
trees fit into tables (docs/decisions/0009-serving.md).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from solvencia.card import Bins, Card
from solvencia.hybrids import Hybrids
from solvencia.model import Model, Part, to_pd
from solvencia.network import Network
from solvencia.trees import Trees

type Numbers = npt.NDArray[np.float64]
type Row = list[float]
type Scored = tuple[float, Numbers]  # raw log-odds, raw contributions by feature


class Explainer:
    """One model beside its neutral applicant."""

    def __init__(self, model: Model) -> None:
        self.model = model
        reference = model.reference_row()
        self._parts = [(each.slope, _prepare(each, reference)) for each in model.parts]

    def score(self, row: Row) -> tuple[float, Numbers]:
        """Return the PD of one row of features and what each contributed to its log-odds."""
        array = np.array(row)
        total = self.model.intercept
        found = np.zeros(len(row))
        for slope, scored in self._parts:
            raw, shares = scored(row, array)
            total += slope * raw
            found += slope * shares
        return float(to_pd(np.array([total]))[0]), found


def _prepare(part: Part, reference: Numbers) -> Callable[[Row, Numbers], Scored]:
    if isinstance(part.scorer, Card):
        return _card(part.scorer, reference)
    if isinstance(part.scorer, Network):
        hybrids = Hybrids(part.scorer, reference)
        return lambda row, array: hybrids.explain(array)
    return _trees(part.scorer, reference)


def _trees(scorer: Trees, reference: Numbers) -> Callable[[Row, Numbers], Scored]:
    tables = scorer.tabulate(reference)
    if tables is None:
        return lambda row, array: (
            float(scorer.log_odds(array[None, :])[0]),
            scorer.contributions(array[None, :], reference)[0],
        )
    encoding, members, is_plain = scorer.encoding, scorer.members, scorer.encoding.is_plain

    def score(row: Row, array: Numbers) -> Scored:
        made = row if is_plain else encoding.apply(array[None, :])[0].tolist()
        found = tables.locate(made)
        return float(tables.score(found[None, :])[0]) / members, tables.explain(found) / members

    return score


def _card(card: Card, reference: Numbers) -> Callable[[Row, Numbers], Scored]:
    neutral = card.terms(reference[None, :])[0]
    readers = [
        (card.features.index(each.field), _bins(each) if isinstance(each, Bins) else each.term)
        for each in card.parts
    ]
    width = len(card.features)

    def score(row: Row, array: Numbers) -> Scored:
        terms = np.zeros(width)
        for place, read in readers:
            terms[place] = read(row[place])
        return float(terms.sum() + card.intercept), terms - neutral

    return score


def _bins(part: Bins) -> Callable[[float], float]:
    binning = part.binning
    terms = (part.coefficient * np.array(binning.woe)).tolist()
    edges, groups, last = binning.edges, binning.groups, len(terms) - 1
    if groups:
        return lambda code: (
            terms[groups[int(code)]] if code == code and code < len(groups) else terms[last]
        )
    return lambda value: terms[bisect_left(edges, value)] if value == value else terms[last]
