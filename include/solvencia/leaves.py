"""Trees as boxes: every leaf's bounds on every column, for exact reasons and proofs.

Baseline Shapley values of a tree in polynomial time: a hybrid applicant, who has this row's value
in some features and the reference's in all others, reaches a leaf only if every bound holds.
Features whose bound only the row meets must be in the subset, those whose bound only the
reference meets must be out, all others do not matter; what such a game gives each feature is
known in closed form (interventional TreeSHAP: Lundberg et al., Nature Machine Intelligence, 2020).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import lightgbm as lgb

type Numbers = npt.NDArray[np.float64]
type Mask = npt.NDArray[np.bool_]
type Places = npt.NDArray[np.int16]

_DEFAULT_LEFT, _MISSING, _MISSING_NAN = 2, 12, 8  # bits of LightGBM's decision_type


@dataclass(frozen=True)
class Leaves:
    """All leaves of all trees; `low` < value <= `high`, shape (columns, leaves)."""

    low: Numbers
    high: Numbers
    takes_missing: Mask
    value: Numbers
    tree: npt.NDArray[np.intp]
    index: npt.NDArray[np.intp]  # LightGBM's number of the leaf in its tree
    rows: npt.NDArray[np.intp]  # of training

    @functools.cached_property
    def _codes(self) -> tuple[list[Numbers], Places, Places]:
        """Each column's thresholds, and the bounds as places among them: small and quick."""
        thresholds, firsts, lasts = [], [], []
        for low, high in zip(self.low, self.high, strict=True):
            ends = np.unique(np.concatenate([low, high]))
            ends = ends[np.isfinite(ends)]
            thresholds.append(ends)
            # What lies above every number takes missing ones alone: no place reaches it.
            firsts.append(np.searchsorted(ends, low, side="right") + np.isposinf(low))
            lasts.append(np.searchsorted(ends, high, side="left"))
        return thresholds, np.array(firsts, dtype=np.int16), np.array(lasts, dtype=np.int16)

    @property
    def is_bound(self) -> Mask:
        """Whether a leaf asks for anything in a column, shape (columns, leaves)."""
        return np.asarray((self.low > -np.inf) | (self.high < np.inf) | ~self.takes_missing)

    def patterns(self, column: int) -> tuple[Numbers, Mask]:
        """Return a column's thresholds, and the leaves that a value meets by its place among them.

        Shape (thresholds + 2, leaves): the last is a missing value's.
        """
        thresholds, firsts, lasts = self._codes
        places = np.arange(len(thresholds[column]) + 1, dtype=np.int16)[:, None]
        inside = (firsts[column] <= places) & (places <= lasts[column])
        return thresholds[column], np.vstack([inside, self.takes_missing[column]])

    def find_inside(self, row: Numbers) -> Mask:
        """Tell for each column and leaf whether the row's value meets the leaf's bound."""
        thresholds, firsts, lasts = self._codes
        codes = [each.searchsorted(value) for each, value in zip(thresholds, row, strict=True)]
        places = np.array(codes, dtype=np.int16)[:, None]
        inside = (firsts <= places) & (places <= lasts)
        for column in np.flatnonzero(np.isnan(row)).tolist():
            inside[column] = self.takes_missing[column]
        return np.asarray(inside)


def read(booster: lgb.Booster) -> Leaves:
    """Return the leaves of a LightGBM booster of numeric columns."""
    return read_text(booster.model_to_string())


def read_text(text: str) -> Leaves:
    """Return the leaves of a LightGBM text of numeric columns; LightGBM itself is not needed."""
    head, *trees = text[: text.index("end of trees")].split("\nTree=")
    columns = len(_entries(head)["feature_names"])
    boxes: list[tuple[Any, ...]] = []
    for place, each in enumerate(trees):
        start = ([-math.inf] * columns, [math.inf] * columns, [True] * columns)
        entries = _entries(each)
        root = 0 if int(entries["num_leaves"][0]) > 1 else -1
        _walk(entries, root, *start, place, boxes)
    low, high, missing, tree, index, value, rows = zip(*boxes, strict=True)
    return Leaves(
        low=np.ascontiguousarray(np.array(low).T),
        high=np.ascontiguousarray(np.array(high).T),
        takes_missing=np.ascontiguousarray(np.array(missing).T),
        value=np.array(value, dtype=np.float64),
        tree=np.array(tree, dtype=np.intp),
        index=np.array(index, dtype=np.intp),
        rows=np.array(rows, dtype=np.intp),
    )


def _entries(section: str) -> dict[str, list[str]]:
    pairs = (line.split("=", 1) for line in section.splitlines() if "=" in line)
    return {name: value.split() for name, value in pairs}


def _walk(
    tree: dict[str, list[str]],
    node: int,
    low: list[float],
    high: list[float],
    missing: list[bool],
    place: int,
    boxes: list[tuple[Any, ...]],
) -> None:
    if node < 0:
        value, rows = (tree.get(name, ["0"])[~node] for name in ("leaf_value", "leaf_count"))
        boxes.append((low, high, missing, place, ~node, float(value), int(rows)))
        return
    column, threshold = int(tree["split_feature"][node]), float(tree["threshold"][node])
    rule = int(tree["decision_type"][node])
    is_left = bool(rule & _DEFAULT_LEFT) if rule & _MISSING == _MISSING_NAN else threshold >= 0
    for side, child in ((True, "left_child"), (False, "right_child")):
        lows, highs, takes = list(low), list(high), list(missing)
        if side:
            highs[column] = min(highs[column], threshold)
        else:
            lows[column] = max(lows[column], threshold)
        takes[column] = takes[column] and is_left == side
        _walk(tree, int(tree[child][node]), lows, highs, takes, place, boxes)


def find_breaks(leaves: Leaves, column: int, direction: int) -> list[tuple[int, int]]:
    """Return pairs of leaves of one tree that go against a column's direction, by place.

    The first lies before the second along the column.
    """
    pairs = find_pairs(leaves, column, 1)
    value = leaves.value * direction
    broken = value[pairs[:, 0]] > value[pairs[:, 1]]
    return [(int(first), int(second)) for first, second in pairs[broken].tolist()]


def find_pairs(leaves: Leaves, column: int, direction: int) -> npt.NDArray[np.intp]:
    """Return pairs of leaves of one tree, by place, whose first may not exceed the second.

    Along the column the first lies before the second, and their boxes meet in all others. No
    chain of pairs comes back to its start, as every split parts a tree's leaves for good.
    """
    found = [np.empty((0, 2), dtype=np.intp)]
    is_bound = np.isfinite(leaves.low[column]) | np.isfinite(leaves.high[column])
    for tree in np.unique(leaves.tree[is_bound]).tolist():
        chosen = np.flatnonzero(leaves.tree == tree)
        low, high = leaves.low[:, chosen], leaves.high[:, chosen]
        missing = leaves.takes_missing[:, chosen]
        ends = np.minimum(high[:, :, None], high[:, None])
        meets = np.maximum(low[:, :, None], low[:, None]) < ends
        meets |= missing[:, :, None] & missing[:, None]
        meets[column] = high[column][:, None] <= low[column]
        found.append(chosen[np.argwhere(meets.all(axis=0))])
    pairs = np.vstack(found)
    return pairs if direction > 0 else pairs[:, ::-1]


def contributions(
    leaves: Leaves, owners: npt.NDArray[np.intp], count: int, rows: Numbers, own: Mask
) -> Numbers:
    """Return baseline Shapley values of each of `count` features, shape (rows, features).

    `rows` are encoded; `owners` names each column's feature; `own` is what `join` makes of the
    reference. A row's values add up to its raw score less the reference's.
    """
    weights = weigh(count)
    found = np.empty((len(rows), count))
    for place, row in enumerate(rows):
        inside = join(leaves.find_inside(row), owners, count)
        differs = inside != own
        moved = np.flatnonzero((inside | own).all(axis=0) & differs.any(axis=0))
        differs, here = differs.take(moved, axis=1), inside.take(moved, axis=1)
        here &= differs
        total = np.add.reduce(differs, axis=0, dtype=np.intp)
        must = np.add.reduce(here, axis=0, dtype=np.intp)
        value = leaves.value[moved]
        gain, loss = value * weights[must, total - must], value * weights[total - must, must]
        # Who must be in gains, who must be out loses: here x gain - (differs - here) x loss.
        found[place] = here @ (gain + loss) - differs @ loss
    return found


def join(inside: Mask, owners: npt.NDArray[np.intp], count: int) -> Mask:
    """Return for each feature whether all its columns meet the bounds."""
    if np.array_equal(owners, np.arange(count)):
        return inside
    joined = np.ones((count, inside.shape[1]), dtype=bool)
    for column, owner in enumerate(owners.tolist()):
        joined[owner] &= inside[column]
    return joined


@functools.cache
def weigh(count: int) -> Numbers:
    """Return (p - 1)! q! / (p + q)!: what one of p needed features gets where q must be absent."""
    weights = np.zeros((count + 1, count + 1))
    for needed in range(1, count + 1):
        for absent in range(count + 1 - needed):
            weights[needed, absent] = 1 / (needed * math.comb(needed + absent, needed))
    return weights
