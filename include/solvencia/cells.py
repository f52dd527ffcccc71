"""Trees as tables, for quick scores and reasons: which cell of a tree a row lies in tells both.

A tree of a few leaves parts its columns by a few thresholds, so only some hundred kinds of rows
differ for it. Each such cell holds the leaf's value and, against one reference, the baseline
Shapley values of its features. A row's score and reasons are sums over the trees' cells, always
in the trees' order: the scores are LightGBM's bits, and a row alone has those that it has among
others.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from solvencia.leaves import Leaves, Mask, weigh

type Numbers = npt.NDArray[np.float64]
type Places = npt.NDArray[np.int16] | npt.NDArray[np.int32]

BYTES_MAX = 256 * 1024 * 1024  # of the tables; larger trees are scored without


@dataclass(frozen=True)
class Cells:
    """The tables of all trees; `steps` maps a column's code to what it adds to each tree's cell."""

    thresholds: tuple[list[float], ...]  # by column, ascending
    starts: npt.NDArray[np.intp]  # where each column's codes begin in `steps`
    steps: Places  # shape (codes, trees)
    bases: npt.NDArray[np.intp]  # each tree's first cell
    table: Numbers  # by cell its value, then its share of each feature

    def locate(self, row: list[float]) -> Places:
        """Return the row's cell in each tree, counted in the tree; `row` has all columns."""
        codes = [
            bisect_left(ends, value) if value == value else len(ends) + 1
            for ends, value in zip(self.thresholds, row, strict=True)
        ]
        steps = self.steps.take(self.starts + codes, axis=0)
        return np.asarray(np.add.reduce(steps, axis=0, dtype=steps.dtype))

    def locate_all(self, rows: Numbers) -> Places:
        """Return each row's cell in each tree, shape (rows, trees)."""
        found = np.zeros((len(rows), self.steps.shape[1]), dtype=self.steps.dtype)
        for place, (start, ends) in enumerate(zip(self.starts, self.thresholds, strict=True)):
            codes = np.searchsorted(np.array(ends), rows[:, place])
            codes[np.isnan(rows[:, place])] = len(ends) + 1
            found += self.steps.take(start + codes, axis=0)
        return found

    def add_up(self, cells: Places) -> Numbers:
        """Return one row's raw score and shares by feature, shape (1 + features,).

        They are added one tree after the other, as LightGBM adds the score.
        """
        return np.asarray(np.add.reduce(self.table.take(self.bases + cells, axis=0), axis=0))

    def add_up_all(self, cells: Places) -> Numbers:
        """Return the bits of `add_up` for each row, shape (rows, 1 + features).

        A tree at a time for all rows: its part of the table stays in the processor's cache.
        """
        places = np.ascontiguousarray(cells.T, dtype=np.intp)
        places += self.bases[:, None]
        found: Numbers = self.table.take(places[0], axis=0)
        for each in places[1:]:
            found += self.table.take(each, axis=0)
        return found


def build(
    leaves: Leaves, owners: npt.NDArray[np.intp], count: int, reference: Numbers
) -> Cells | None:
    """Return the tables of trees over `count` features, or None where they would be too large.

    `owners` names each column's feature, `reference` is encoded.
    """
    inside = [leaves.patterns(column) for column in range(len(leaves.low))]
    own, is_bound = leaves.find_inside(reference), leaves.is_bound
    sizes = [len(codes) for _, codes in inside]
    starts = np.concatenate([[0], np.cumsum(sizes[:-1])]).astype(np.intp)
    trees = int(leaves.tree.max()) + 1
    steps = np.zeros((sum(sizes), trees), dtype=np.int32)
    bases = np.zeros(trees, dtype=np.intp)
    tables: list[Numbers] = []
    cells = widest = 0
    for tree in range(trees):
        chosen = np.flatnonzero(leaves.tree == tree)
        used: list[int] = []
        kinds: list[Mask] = []
        width = 1
        for column in np.flatnonzero(is_bound[:, chosen].any(axis=1)).tolist():
            distinct, code = _distinguish(inside[column][1][:, chosen])
            here = slice(starts[column], starts[column] + sizes[column])
            steps[here, tree] = code * width
            width *= len(distinct)
            used.append(column)
            kinds.append(distinct)
            if (cells + width) * 8 * (count + 1) > BYTES_MAX:
                return None
        bases[tree] = cells
        cells += width
        widest = max(widest, width)
        mine = own[used][:, chosen]
        tables.append(_fill(leaves.value[chosen], kinds, owners[used], mine, count))
    thresholds = tuple(ends.tolist() for ends, _ in inside)
    small = steps.astype(np.int16) if widest <= np.iinfo(np.int16).max else steps
    return Cells(thresholds, starts, small, bases, np.concatenate(tables))


def _distinguish(rows: Mask) -> tuple[Mask, npt.NDArray[np.intp]]:
    """Return the different rows, in order of appearance, and the place of each row among them."""
    seen: dict[bytes, int] = {}
    code = [seen.setdefault(each.tobytes(), len(seen)) for each in rows]
    firsts = [code.index(place) for place in range(len(seen))]
    return rows[firsts], np.array(code, dtype=np.intp)


def _fill(
    value: Numbers, kinds: list[Mask], owners: npt.NDArray[np.intp], own: Mask, count: int
) -> Numbers:
    """Return one tree's value and shares in each cell, the first column's kinds varying fastest."""
    width = int(np.prod([len(each) for each in kinds], dtype=np.int64))
    rows: dict[int, Mask] = {}
    owns: dict[int, Mask] = {}
    places = np.arange(width)
    for kind, owner, mine in zip(kinds, owners.tolist(), own, strict=True):
        met = kind[places % len(kind)]
        places = places // len(kind)
        rows[owner] = rows[owner] & met if owner in rows else met
        owns[owner] = owns[owner] & mine if owner in owns else mine
    reached = np.ones((width, len(value)), dtype=bool)
    possible = np.ones((width, len(value)), dtype=bool)
    must = np.zeros((width, len(value)), dtype=np.intp)
    total = np.zeros((width, len(value)), dtype=np.intp)
    for owner, met in rows.items():
        reached &= met
        possible &= met | owns[owner]
        must += met & ~owns[owner]
        total += met ^ owns[owner]
    weights = weigh(count)
    # Who must be in gains, who must be out loses, as in `leaves.contributions`.
    gain = np.where(possible, value * weights[must, total - must], 0.0)
    loss = np.where(possible, value * weights[total - must, must], 0.0)
    table = np.zeros((width, 1 + count))
    table[:, 0] = np.where(reached, value, 0.0).sum(axis=1)
    for owner, met in rows.items():
        gains, losses = met & ~owns[owner], owns[owner] & ~met
        share = np.where(gains, gain, 0.0) - np.where(losses, loss, 0.0)
        table[:, 1 + owner] = share.sum(axis=1)
    return table
