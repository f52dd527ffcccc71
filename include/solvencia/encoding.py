"""The columns that boosted trees see, made from the raw features by rules stored in the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Value:
    """A feature as it is."""

    field: str


@dataclass(frozen=True)
class Order:
    """A text by its category's bad rate in training."""

    field: str
    risks: tuple[float, ...]  # by the category's code


@dataclass(frozen=True)
class Level:
    """Whether a text is one category; 0 where it is missing."""

    field: str
    code: float


@dataclass(frozen=True)
class Component:
    """A principal component: the sum of weight x (value - centre), missing as the centre."""

    name: str
    fields: tuple[str, ...]
    centres: tuple[float, ...]
    weights: tuple[float, ...]
    lows: tuple[float, ...]  # values beyond lows and highs count as these
    highs: tuple[float, ...]


type Column = Value | Order | Level | Component

_KINDS: dict[str, Callable[..., Column]] = {
    "value": Value,
    "order": Order,
    "level": Level,
    "component": Component,
}


@dataclass(frozen=True)
class Encoding:
    """Columns over a matrix of `features`."""

    features: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each column, made of its field's or the component's."""
        return tuple(
            each.name
            if isinstance(each, Component)
            else f"{each.field}_{each.code:g}"
            if isinstance(each, Level)
            else each.field
            for each in self.columns
        )

    @property
    def fields(self) -> list[str]:
        """The features that enter a column, in their order."""
        found = {
            name
            for each in self.columns
            for name in (each.fields if isinstance(each, Component) else (each.field,))
        }
        return [name for name in self.features if name in found]

    @property
    def is_mixed(self) -> bool:
        """Whether a column is made of several features."""
        return any(isinstance(each, Component) for each in self.columns)

    @property
    def is_plain(self) -> bool:
        """Whether the columns are the features themselves."""
        return self.names == self.features and all(isinstance(each, Value) for each in self.columns)

    def owners(self) -> npt.NDArray[np.intp]:
        """Return each column's feature, by place; only where none is mixed."""
        fields = [each.field for each in self.columns if not isinstance(each, Component)]
        return np.array([self.features.index(name) for name in fields], dtype=np.intp)

    def apply(self, matrix: Numbers) -> Numbers:
        """Return the columns of raw rows."""
        if self.is_plain:
            return matrix
        return np.column_stack([self._make(each, matrix) for each in self.columns])

    def _make(self, column: Column, matrix: Numbers) -> Numbers:
        if isinstance(column, Component):
            total = np.zeros(len(matrix))
            for name, centre, weight, low, high in zip(
                column.fields,
                column.centres,
                column.weights,
                column.lows,
                column.highs,
                strict=True,
            ):
                values = matrix[:, self.features.index(name)]
                known = np.where(np.isnan(values), centre, np.clip(values, low, high))
                total += weight * (known - centre)
            return total
        values = matrix[:, self.features.index(column.field)]
        if isinstance(column, Value):
            return values
        if isinstance(column, Level):
            return np.asarray(values == column.code, dtype=np.float64)
        risks = np.array([*column.risks, np.nan])
        codes = np.where(np.isnan(values), len(column.risks), values).astype(np.intp)
        return np.asarray(risks[np.minimum(codes, len(column.risks))])

    def compile(self) -> Callable[[list[float]], list[float]]:
        """Return a function that makes one row's columns: the bits of `apply`, without arrays.

        Only where no column is mixed.
        """
        readers = [
            (self.features.index(each.field), _reader(each))
            for each in self.columns
            if not isinstance(each, Component)
        ]
        return lambda row: [read(row[place]) if read else row[place] for place, read in readers]

    def describe(self) -> list[dict[str, Any]]:
        """Return the columns as plain JSON values."""
        return [
            {
                "kind": type(each).__name__.lower(),
                **{k: list(v) if isinstance(v, tuple) else v for k, v in vars(each).items()},
            }
            for each in self.columns
        ]


def _reader(column: Value | Order | Level) -> Callable[[float], float] | None:
    """Return what makes a column's value of the field's; None leaves it as it is."""
    if isinstance(column, Value):
        return None
    if isinstance(column, Level):
        code = column.code
        return lambda value: float(value == code)
    risks, unknown = column.risks, len(column.risks)
    return lambda value: risks[int(value)] if value == value and int(value) < unknown else math.nan


def read(features: tuple[str, ...], described: list[Mapping[str, Any]]) -> Encoding:
    """Return the encoding that `describe` described."""
    columns: list[Column] = []
    for body in described:
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in body.items()
        }
        kind: str = values.pop("kind")
        columns.append(_KINDS[kind](**values))
    return Encoding(features, tuple(columns))
