"""Proof that a model keeps the portfolio's directions, on the model itself and not on samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from solvencia import leaves
from solvencia.card import Bins, Card
from solvencia.encoding import Component, Value
from solvencia.leaves import Leaves
from solvencia.model import Model, Scorer
from solvencia.network import NOT_NEGATIVE, Network
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]


def find_breaks(model: Model, portfolio: Portfolio) -> dict[str, str]:
    """Return for each feature with a declared direction where the model goes against it.

    Nothing means proven: no known value of such a feature, whatever the others are, has a risk
    that moves against the direction. Missing has no place in the order. Boosted trees are proven
    tree by tree (leaves whose boxes meet in all other columns), a scorecard bin by bin, a network
    by the signs of its weights; a sum of such parts with slopes above 0 keeps the direction too.
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


def _find_break(scorer: Scorer, name: str, direction: int) -> str:
    if isinstance(scorer, Card):
        return _find_in_card(scorer, name, direction)
    if isinstance(scorer, Network):
        return _find_in_network(scorer, name, direction)
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


def _find_in_network(network: Network, name: str, direction: int) -> str:
    """Directed inputs rise with the field, and no weight on their way to the output is below 0."""
    for column, entry in zip(network.encoding.columns, network.inputs, strict=True):
        if isinstance(column, Component):
            if name in column.fields:
                return f"it is part of component {column.name}, which has no direction"
            continue
        if column.field != name:
            continue
        if not (isinstance(column, Value) and entry and entry.direction == direction):
            return "it enters the network without its direction"
        rises = min(np.diff(entry.knots, prepend=-np.inf).min(), entry.scale, entry.spread)
        if rises <= 0 or (np.diff(entry.ranks) < 0).any():
            return "its inputs to the network do not rise with it"
    for place, member in enumerate(network.members):
        for weights in NOT_NEGATIVE:
            if member[weights].min(initial=0.0) < 0:
                return f"weights {weights} of network {place + 1} hold one below 0"
    return ""


def _find_in_leaves(boxes: Leaves, column: int, direction: int) -> str:
    for first, second in leaves.find_breaks(boxes, column, direction)[:1]:
        moved = f"{boxes.value[first]:.6g} to {boxes.value[second]:.6g}"
        edge = boxes.high[column, first]
        return (
            f"tree {boxes.tree[first]}: past {edge:.6g} the log-odds move from {moved}, "
            "all else equal"
        )
    return ""
