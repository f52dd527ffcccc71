"""What a network is given of encoded rows: numbers by size and by rank, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]
type Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Input:
    """How one encoded number enters: arcsinh of its size, and its rank among training rows."""

    scale: float
    mean: float
    spread: float
    median: float  # what a missing value counts as
    knots: tuple[float, ...]
    ranks: tuple[float, ...]
    has_missing: bool
    direction: int


@dataclass(frozen=True)
class Layout:
    """Where each encoded column enters: among the free inputs or, signed, the directed ones.

    `free` and `directed` name the column, and its view, behind each input but the first, which is
    of nobody and always 0. Views: the value itself, its size, its rank, whether it is missing.
    """

    numbers: Places  # the columns that are numbers
    scale: Numbers
    mean: Numbers
    width: Numbers
    median: Numbers
    sign: Numbers
    curves: tuple[tuple[Numbers, Numbers], ...]  # knots and ranks
    free: Places  # places in the views side by side
    directed: Places
    owners: Places  # the column of each place there

    @staticmethod
    def of(inputs: tuple[Input | None, ...]) -> Layout:
        """Return the layout of columns; None stands for one that is 0 or 1."""
        columns, numbers = len(inputs), [at for at, each in enumerate(inputs) if each]
        free: list[int] = []
        directed: list[int] = []
        for at, each in enumerate(inputs):
            if each is None:
                free.append(at)
                continue
            number = columns + numbers.index(at)
            (directed if each.direction else free).extend([number, number + len(numbers)])
            if each.has_missing:
                free.append(number + 2 * len(numbers))
        given = tuple(each for each in inputs if each)
        vectors = {
            name: np.array([getattr(each, name) for each in given], dtype=np.float64)
            for name in ("scale", "mean", "spread", "median", "direction")
        }
        return Layout(
            numbers=np.array(numbers, dtype=np.intp),
            scale=vectors["scale"],
            mean=vectors["mean"],
            width=vectors["spread"],
            median=vectors["median"],
            sign=np.where(vectors["direction"] < 0, -1.0, 1.0),
            curves=tuple((np.array(each.knots), np.array(each.ranks)) for each in given),
            free=np.array(free, dtype=np.intp),
            directed=np.array(directed, dtype=np.intp),
            owners=np.concatenate([np.arange(columns), np.tile(numbers, 3)]).astype(np.intp),
        )

    def spread(self, made: Numbers) -> tuple[Numbers, Numbers]:
        """Return the free and the directed inputs of encoded rows; each has zeros first."""
        values = made.take(self.numbers, axis=1)
        is_missing = np.isnan(values)
        known = np.where(is_missing, self.median, values)
        size = (np.arcsinh(known / self.scale) - self.mean) / self.width
        size = np.minimum(np.maximum(size, -5.0), 5.0) * self.sign
        rank = np.empty_like(known)
        for place, (knots, ranks) in enumerate(self.curves):
            rank[:, place] = np.interp(known[:, place], knots, ranks)
        rank = (rank - 0.5) * 3.4 * self.sign
        views = np.concatenate([made, size, rank, is_missing], axis=1)
        free = np.zeros((len(made), len(self.free) + 1))
        directed = np.zeros((len(made), len(self.directed) + 1))
        free[:, 1:] = views.take(self.free, axis=1)
        directed[:, 1:] = views.take(self.directed, axis=1)
        return free, directed
