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
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]
type Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Leaves:
    """All leaves of all trees; `low` < value <= `high`, shape (columns, leaves)."""

    low: Numbers
    high: Numbers
    takes_missing: Mask
    value: Numbers
    tree: npt.NDArray[np.intp]

    def find_inside(self, row: Numbers) -> Mask:
        """Tell for each column and leaf whether the row's value meets the leaf's bound."""
        inside = (self.low < row[:, None]) & (row[:, None] <= self.high)
        for column in np.flatnonzero(np.isnan(row)).tolist():
            inside[column] = self.takes_missing[column]
        return np.asarray(inside)


def read(booster: lgb.Booster) -> Leaves:
    """Return the leaves of a LightGBM booster of numeric columns."""
    dumped = booster.dump_model()
    columns = len(dumped["feature_names"])
    boxes: list[tuple[list[float], list[float], list[bool], float, int]] = []
    for place, each in enumerate(dumped["tree_info"]):
        start = ([-math.inf] * columns, [math.inf] * columns, [True] * columns)
        _walk(each["tree_structure"], *start, place, boxes)
    low, high, missing, value, tree = zip(*boxes, strict=True)
    return Leaves(
        low=np.ascontiguousarray(np.array(low).T),
        high=np.ascontiguousarray(np.array(high).T),
        takes_missing=np.ascontiguousarray(np.array(missing).T),
        value=np.array(value, dtype=np.float64),
        tree=np.array(tree, dtype=np.intp),
    )


def _walk(
    node: dict[str, Any],
    low: list[float],
    high: list[float],
    missing: list[bool],
    tree: int,
    boxes: list[tuple[list[float], list[float], list[bool], float, int]],
) -> None:
    if "leaf_value" in node:
        boxes.append((low, high, missing, float(node["leaf_value"]), tree))
        return
    column, threshold = node["split_feature"], float(node["threshold"])
    is_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
    for side, child in ((True, node["left_child"]), (False, node["right_child"])):
        lows, highs, takes = list(low), list(high), list(missing)
        if side:
            highs[column] = min(highs[column], threshold)
        else:
            lows[column] = max(lows[column], threshold)
        takes[column] = takes[column] and is_left == side
        _walk(child, lows, highs, takes, tree, boxes)


def contributions(
    leaves: Leaves, owners: npt.NDArray[np.intp], count: int, rows: Numbers, reference: Numbers
) -> Numbers:
    """Return baseline Shapley values of each of `count` features, shape (rows, features).

    `rows` and `reference` are encoded; `owners` names each column's feature. A row's values add
    up to its raw score less the reference's.
    """
    own = _join(leaves.find_inside(reference), owners, count)
    weights = _weigh(count)
    found = np.empty((len(rows), count))
    for place, row in enumerate(rows):
        inside = _join(leaves.find_inside(row), owners, count)
        differs = inside != own
        moved = np.flatnonzero((inside | own).all(axis=0) & differs.any(axis=0))
        here, there = differs[:, moved] & inside[:, moved], differs[:, moved] & own[:, moved]
        must, must_not = here.sum(axis=0), there.sum(axis=0)
        value = leaves.value[moved]
        found[place] = here @ (value * weights[must, must_not])
        found[place] -= there @ (value * weights[must_not, must])
    return found


def _join(inside: Mask, owners: npt.NDArray[np.intp], count: int) -> Mask:
    """Return for each feature whether all its columns meet the bounds."""
    if np.array_equal(owners, np.arange(count)):
        return inside
    joined = np.ones((count, inside.shape[1]), dtype=bool)
    for column, owner in enumerate(owners.tolist()):
        joined[owner] &= inside[column]
    return joined


@functools.cache
def _weigh(count: int) -> Numbers:
    """Return (p - 1)! q! / (p + q)!: what one of p needed features gets where q must be absent."""
    weights = np.zeros((count + 1, count + 1))
    for needed in range(1, count + 1):
        for absent in range(count + 1 - needed):
            weights[needed, absent] = 1 / (needed * math.comb(needed + absent, needed))
    return weights
