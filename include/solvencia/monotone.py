"""Proof that a model keeps the portfolio's directions, on the model itself and not on samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solvencia.card import Bins, Card
from solvencia.encoding import Component, Value
from solvencia.leaves import Leaves
from solvencia.model import Model
from solvencia.portfolio import Portfolio
from solvencia.trees import Trees

type Numbers = npt.NDArray[np.float64]


def find_breaks(model: Model, portfolio: Portfolio) -> dict[str, str]:
    """Return for each feature with a declared direction where the model goes against it.

    Nothing means proven: no known value of such a feature, whatever the others are, has a risk
    that moves against the direction. Missing has no place in the order. Boosted trees are proven
    tree by tree (leaves whose boxes meet in all other columns), a scorecard bin by bin; a sum of
    such parts with slopes above 0 keeps the direction too.
    """
    breaks: dict[str, str] = {}
    directed = {name: portfolio.fields[name].monotone for name in model.features}
    for part in model.parts:
        if part.slope <= 0:
            return {
                name: f"the {part.kind}'s slope {part.slope:g} is not above 0"
                for name, direction in directed.items()
                if direction
            }
        for name, direction in directed.items():
            if direction and (text := _find_break(part.scorer, name, direction)):
                breaks.setdefault(name, text)
    return breaks


def _find_break(scorer: Card | Trees, name: str, direction: int) -> str:
    if isinstance(scorer, Card):
        return _find_in_card(scorer, name, direction)
    for place, column in enumerate(scorer.encoding.columns):
        if isinstance(column, Component):
            if name in column.fields:
                return f"it is part of component {column.name}, which has no direction"
        elif column.field == name:
            if not isinstance(column, Value):
                return "its categories are in another order than the portfolio's"
            if text := _find_in_leaves(scorer.leaves, place, direction):
                return text
    return ""


def _find_in_card(card: Card, name: str, direction: int) -> str:
    for part in card.parts:
        if part.field != name:
            continue
        if not isinstance(part, Bins):
            return "" if part.slope * direction >= 0 else f"its slope is {part.slope:g}"
        binning = part.binning
        order = np.unique(binning.groups) if binning.groups else np.arange(len(binning.woe) - 1)
        if binning.groups and list(binning.groups) != sorted(binning.groups):
            return "its categories are in another order than the portfolio's"
        terms = part.coefficient * np.array(binning.woe)[order] * direction
        falls = np.flatnonzero(np.diff(terms) < 0)
        if len(falls):
            first = int(falls[0])
            return f"scorecard bin {first + 2} moves against bin {first + 1}"
    return ""


def _find_in_leaves(leaves: Leaves, column: int, direction: int) -> str:
    """Return the first pair of leaves of one tree that goes against the direction."""
    for tree in np.unique(leaves.tree).tolist():
        chosen = np.flatnonzero(leaves.tree == tree)
        low, high = leaves.low[:, chosen], leaves.high[:, chosen]
        missing, value = leaves.takes_missing[:, chosen], leaves.value[chosen]
        if np.isinf(low[column]).all() and np.isinf(high[column]).all():
            continue
        meets = np.maximum(low[:, :, None], low[:, None]) < np.minimum(
            high[:, :, None], high[:, None]
        )
        meets |= missing[:, :, None] & missing[:, None]
        meets[column] = high[column][:, None] <= low[column]  # first lies wholly below second
        breaks = meets.all(axis=0) & ((value[None, :] - value[:, None]) * direction < 0)
        if breaks.any():
            first, second = np.argwhere(breaks)[0].tolist()
            edge = high[column, first]
            return (
                f"tree {tree}: past {edge:.6g} the log-odds move from {value[first]:.6g} "
                f"to {value[second]:.6g}, all else equal"
            )
    return ""
