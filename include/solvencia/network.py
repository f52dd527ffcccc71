"""A small monotone network, which a blend may hold beside trees: smooth where they have steps.

Numbers enter twice, by size and by rank. Every weight on a way from a directed input to the
output is kept at 0 or above (Daniels and Velikova, "Monotone and partially monotone neural
networks", 2010), so the direction holds by construction. Numpy alone fits and scores it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import encoding as encodings
from solvencia.encoding import Encoding, Level, Value
from solvencia.inputs import Input, Layout
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]
type Weights = dict[str, npt.NDArray[Any]]

UNITS = (24, 48, 24)
EPOCHS = 10
BATCH = 2048
RATE = 0.01
DECAY, DECAY_FEW_ROWS = 3e-5, 1e-2
FEW_ROWS = 5_000
KNOTS = 101
NOT_NEGATIVE = ("C", "D", "e", "g")  # the weights between a directed input and the output
_UNDECAYED = ("a", "b", "c", "o")
BLOCK = 64  # rows are scored in whole blocks, so that a row alone gets the batch's bits


@dataclass(frozen=True)
class Network:
    """The mean of some networks that differ by their seed; raw log-odds of default."""

    text: str  # its JSON, which decides all else
    encoding: Encoding
    inputs: tuple[Input | None, ...]  # None for a column that is 0 or 1
    members: tuple[Mapping[str, npt.NDArray[Any]], ...] = field(compare=False, repr=False)

    @property
    def fields(self) -> list[str]:
        """The raw features that enter; it adds up itself, so sums of others need not."""
        return self.encoding.fields

    def log_odds(self, matrix: Numbers) -> Numbers:
        """Return the log-odds of default of raw rows."""
        short = -len(matrix) % BLOCK
        padded = np.vstack([matrix, np.tile(matrix[:1], (short, 1))]) if short else matrix
        return self.forward(*self.layout.spread(self.encoding.apply(padded)))[: len(matrix)]

    @functools.cached_property
    def layout(self) -> Layout:
        """Where each encoded column enters."""
        return Layout.of(self.inputs)

    def forward(self, free: Numbers, directed: Numbers) -> Numbers:
        """Return the log-odds of whole blocks of inputs, each block a product of its own."""
        blocks = len(free) // BLOCK
        free, directed = (each.reshape(blocks, BLOCK, -1) for each in (free, directed))
        total = sum(_forward(each, free, directed)[-1] for each in self.members)
        return np.asarray(total / len(self.members), dtype=np.float64).reshape(-1)

    def contributions(self, matrix: Numbers, reference: Numbers) -> Numbers:
        """Return baseline Shapley values of the raw features, by all subsets."""
        from solvencia.hybrids import Hybrids  # which scores by this module

        explained = Hybrids(self, reference)
        return np.vstack([explained.explain(row)[1] for row in matrix])


def read(text: str) -> Network:
    """Return the network of its JSON."""
    body = json.loads(text)
    inputs = [_read_input(each) if each else None for each in body["inputs"]]
    members = [{name: np.array(w) for name, w in each.items()} for each in body["members"]]
    encoding = encodings.read(tuple(body["features"]), body["columns"])
    return Network(text, encoding, tuple(inputs), tuple(members))


def _read_input(body: Mapping[str, Any]) -> Input:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in body.items()}
    return Input(**values)


def fit(
    portfolio: Portfolio,
    encoding: Encoding,
    made: Numbers,
    outcome: Numbers,
    members: int,
    seed: int,
) -> Network:
    """Return the mean of `members` networks; `made` are the training rows as encoded."""
    inputs = tuple(
        None if isinstance(column, Level) else _measure(portfolio, column, made[:, place])
        for place, column in enumerate(encoding.columns)
    )
    free, directed = (each.astype(np.float32) for each in Layout.of(inputs).spread(made))
    found = [_train(free, directed, outcome, seed + place) for place in range(members)]
    body = {
        "features": list(encoding.features),
        "columns": encoding.describe(),
        "inputs": [vars(each) if each else None for each in inputs],
        "members": [{name: weight.tolist() for name, weight in each.items()} for each in found],
    }
    return read(json.dumps(body, sort_keys=True) + "\n")


def _measure(portfolio: Portfolio, column: encodings.Column, values: Numbers) -> Input:
    known = np.sort(values[~np.isnan(values)])
    known = known if len(known) else np.zeros(1)
    sizes = np.abs(known[known != 0])
    scale = float(np.median(sizes)) if len(sizes) else 1.0
    bent = np.arcsinh(known / scale)
    knots = np.unique(np.quantile(known, np.linspace(0, 1, KNOTS), method="inverted_cdf"))
    sides = [np.searchsorted(known, knots, side=side) for side in ("left", "right")]
    direction = portfolio.fields[column.field].monotone if isinstance(column, Value) else 0
    return Input(
        scale=scale,
        mean=float(bent.mean()),
        spread=float(bent.std()) + 1e-6,
        median=float(known[(len(known) - 1) // 2]),
        knots=tuple(knots.tolist()),
        ranks=tuple(((sides[0] + sides[1]) / 2 / len(known)).tolist()),
        has_missing=bool(np.isnan(values).any()),
        direction=direction,
    )


def _forward(p: Mapping[str, Any], free: Any, directed: Any) -> tuple[Any, Any, Any, Any]:
    first = np.tanh(free @ p["A"] + p["a"])
    second = np.tanh(first @ p["B"] + free @ p["E"] + directed @ p["C"] + p["b"])
    third = np.tanh(second @ p["D"] + p["c"])
    return first, second, third, third @ p["e"] + free @ p["f"] + directed @ p["g"] + p["o"]


def _start(rng: np.random.Generator, free: int, directed: int, rate: float) -> Weights:
    def draw(fan_in: int, fan_out: int, size: float = 1.0) -> npt.NDArray[Any]:
        return np.asarray(rng.standard_normal((fan_in, fan_out)) * size / np.sqrt(fan_in))

    one, two, three = UNITS
    found = {
        "A": draw(free, one),
        "a": np.zeros(one),
        "B": draw(one, two, 0.7),
        "E": draw(free, two, 0.7),
        "C": np.abs(draw(directed, two)),
        "b": rng.uniform(-1, 1, two),
        "D": np.abs(draw(two, three)),
        "c": rng.uniform(-1, 1, three),
        "e": np.abs(draw(three, 1, 0.3))[:, 0],
        "f": np.zeros(free),
        "g": np.zeros(directed),
        "o": np.array(np.log(rate / (1 - rate))),
    }
    return {name: weight.astype(np.float32) for name, weight in found.items()}


def _train(free: Any, directed: Any, outcome: Numbers, seed: int) -> Weights:
    """Return weights by Adam (Kingma and Ba, 2015) with a warm-up and a cosine, six digits each."""
    rng, rows = np.random.default_rng(seed), len(outcome)
    p = _start(rng, free.shape[1], directed.shape[1], float(outcome.mean()))
    batch = int(min(BATCH, max(16, rows // 20)))
    steps = max(1, rows // batch)
    decay = DECAY_FEW_ROWS if rows <= FEW_ROWS else DECAY
    means, squares = ({name: np.zeros_like(w) for name, w in p.items()} for _ in range(2))
    truth = outcome.astype(np.float32)
    step = 0
    for _ in range(EPOCHS):
        order = rng.permutation(rows)
        for place in range(steps):
            at = order[place * batch : (place + 1) * batch]
            slopes = _slopes(p, free[at], directed[at], truth[at])
            step += 1
            rate = RATE * min(1, step / 50) * (1 + np.cos(np.pi * step / (EPOCHS * steps))) / 2
            for name, weight in p.items():
                slope = slopes[name] + (0 if name in _UNDECAYED else decay * weight)
                means[name] = 0.9 * means[name] + 0.1 * slope
                squares[name] = 0.999 * squares[name] + 0.001 * slope * slope
                size = np.sqrt(squares[name] / (1 - 0.999**step)) + 1e-8
                moved = weight - rate * means[name] / (1 - 0.9**step) / size
                p[name] = np.asarray(moved, dtype=np.float32)
                if name in NOT_NEGATIVE:
                    p[name] = np.maximum(p[name], 0)
    return {name: _round(weight) for name, weight in p.items()}


def _slopes(p: Weights, free: Any, directed: Any, truth: Any) -> dict[str, Any]:
    """Return the mean log loss's derivative by each weight."""
    first, second, third, raw = _forward(p, free, directed)
    off = (1 / (1 + np.exp(-raw)) - truth) / len(truth)
    off3 = np.outer(off, p["e"]) * (1 - third * third)
    off2 = (off3 @ p["D"].T) * (1 - second * second)
    off1 = (off2 @ p["B"].T) * (1 - first * first)
    return {
        "A": free.T @ off1,
        "a": off1.sum(0),
        "B": first.T @ off2,
        "E": free.T @ off2,
        "C": directed.T @ off2,
        "b": off2.sum(0),
        "D": second.T @ off3,
        "c": off3.sum(0),
        "e": third.T @ off,
        "f": free.T @ off,
        "g": directed.T @ off,
        "o": off.sum(),
    }


def _round(weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    digits = [float(f"{each:.6g}") for each in weight.ravel().tolist()]
    return np.array(digits).reshape(weight.shape)
