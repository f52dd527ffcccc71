"""Boosted trees over encoded columns: scored by LightGBM, explained leaf by leaf."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from solvencia import cells, leaves
from solvencia.cells import Cells
from solvencia.encoding import Encoding
from solvencia.leaves import Mask

if TYPE_CHECKING:
    import lightgbm as lgb

type Numbers = npt.NDArray[np.float64]

MIXED_MAX = (
    13  # features of a network, or of trees on components; their reasons cost two to this power
)
_TREE = re.compile(r"^Tree=\d+\n", re.MULTILINE)
_SIZES = re.compile(r"^tree_sizes=.*$", re.MULTILINE)
_END = "end of trees\n"


@dataclass(frozen=True)
class Trees:
    """The mean of `members` boosters, whose trees lie in one text; log-odds before calibration."""

    text: str
    encoding: Encoding
    members: int

    @functools.cached_property
    def booster(self) -> lgb.Booster:
        """LightGBM's own reading of the text; a server that holds the trees as cells has none."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    @functools.cached_property
    def leaves(self) -> leaves.Leaves:
        """Every leaf of every tree as a box."""
        return leaves.read_text(self.text)

    @functools.cached_property
    def _references(self) -> dict[bytes, Mask]:
        """What each reference meets, found once: a server asks with one and the same."""
        return {}

    def tabulate(self, reference: Numbers) -> Cells | None:
        """Return the tables of the trees against a raw reference; None if that is too much."""
        if self.encoding.is_mixed:
            return None
        encoded = self.encoding.apply(reference[None, :])[0]
        return cells.build(self.leaves, self.encoding.owners(), len(reference), encoded)

    def log_odds(self, matrix: Numbers) -> Numbers:
        """Return the raw log-odds of default of raw rows."""
        raw = self.booster.predict(self.encoding.apply(matrix), raw_score=True, num_threads=1)
        return np.asarray(raw, dtype=np.float64) / self.members

    def contributions(self, matrix: Numbers, reference: Numbers) -> Numbers:
        """Return baseline Shapley values of the raw features, shape (rows, features)."""
        if self.encoding.is_mixed:
            return np.vstack([over_subsets(self.log_odds, row, reference) for row in matrix])
        owners, count = self.encoding.owners(), matrix.shape[1]
        key = reference.tobytes()
        if key not in self._references:
            met = self.leaves.find_inside(self.encoding.apply(reference[None, :])[0])
            self._references[key] = leaves.join(met, owners, count)
        rows = self.encoding.apply(matrix)
        found = leaves.contributions(self.leaves, owners, count, rows, self._references[key])
        return found / self.members


def read(text: str, encoding: Encoding, members: int) -> Trees:
    """Return the trees of a text that `join` made."""
    return Trees(text, encoding, members)


def join(texts: Sequence[str]) -> str:
    """Return one LightGBM text with the trees of all, in order; parameters are the first's."""
    head, rest = texts[0].split("Tree=0\n", 1)
    tail = rest.split(_END, 1)[1]
    bodies: list[str] = []
    for text in texts:
        trees = text[text.index("Tree=0\n") : text.index(_END)]
        bodies += [f"{each.strip()}\n\n\n" for each in _TREE.split(trees) if each.strip()]
    numbered = [f"Tree={place}\n{body}" for place, body in enumerate(bodies)]
    sizes = " ".join(str(len(each.encode())) for each in numbered)
    return _SIZES.sub(f"tree_sizes={sizes}", head) + "".join(numbered) + _END + tail


def over_subsets(value: Any, row: Numbers, reference: Numbers) -> Numbers:
    """Return Shapley values by their definition, over all subsets of the features that differ."""
    same = (row == reference) | (np.isnan(row) & np.isnan(reference))
    players = np.flatnonzero(~same)
    count = len(players)
    found = np.zeros(len(row))
    if not count:
        return found
    chosen = np.array(list(itertools.product((False, True), repeat=count)))
    hybrids = np.tile(reference, (len(chosen), 1))
    hybrids[:, players] = np.where(chosen, row[players], reference[players])
    values = value(hybrids)
    sizes = chosen.sum(axis=1)
    for place, player in enumerate(players.tolist()):
        without = np.flatnonzero(~chosen[:, place])
        gain = values[without + (1 << (count - 1 - place))] - values[without]
        weight = np.array([1 / (count * math.comb(count - 1, size)) for size in range(count)])
        found[player] = float(gain @ weight[sizes[without]])
    return found
