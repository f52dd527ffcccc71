"""Columns of values as they arrive, turned into the portfolio's types or refused.

An empty text counts as missing, as CSV cannot tell the two apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from solvencia.portfolio import Table

INT64 = 2**63

_INTEGER = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Unfit(Exception):
    """The value in `column` of row `row` (counted from 0 in the batch) has a `problem`."""

    def __init__(self, column: str, row: int, problem: str) -> None:
        super().__init__(f"{column}: row {row}: {problem}")
        self.column = column
        self.row = row
        self.problem = problem


def order(table: Table) -> tuple[str, ...]:
    """Return the columns that rows are sorted by: the key, then all others, so ties cannot vary."""
    return (*table.key, *(name for name in table.columns if name not in table.key))


def convert(table: Table, values: Sequence[Sequence[object]]) -> list[Any]:
    """Return one pyarrow array for each column; raise Unfit for the first value that is not one.

    `values` holds a sequence for each column, in the table's order: numbers, text, dates or
    None as a DB-API driver gives them, or the text of a CSV file.
    """
    arrays = []
    for (name, kind), column in zip(table.columns.items(), values, strict=True):
        must = name in table.key or name == table.time
        array = _quick(kind, column, must)
        arrays.append(_thorough(name, kind, column, must) if array is None else array)
    return arrays


def read_value(kind: str, value: object) -> int | float | str | date | None:
    """Return one value in its type; raise ValueError saying what is wrong, never the value."""
    if value is None or value == "":
        return None
    if kind == "integer":
        return _integer(value)
    if kind == "number":
        return _number(value)
    if kind == "date":
        return _date(value)
    if not isinstance(value, str):
        raise ValueError("is not text")
    return value


def _quick(kind: str, column: Sequence[object], must: bool) -> Any:
    """Convert a whole column at once where every value already has, or spells, its type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string()}
    target = types.get(kind, pa.date32())
    classes: set[type] = set(map(type, column)) - {type(None)}
    exact: dict[str, set[type]] = {"integer": {int}, "number": {int, float}, "date": {date}}
    try:
        if classes == {str}:
            texts = pa.array([value or None for value in column], pa.string())
            array = texts if kind == "text" else texts.cast(target)
        elif classes <= exact.get(kind, set()):
            array = pa.array(column, target)
        else:
            return None
    except (pa.ArrowInvalid, OverflowError):
        return None
    if (must and array.null_count) or (kind == "number" and not _is_finite(pc, array)):
        return None
    return array


def _thorough(name: str, kind: str, column: Sequence[object], must: bool) -> Any:
    """Convert value by value, to accept what is exact and to name what is not."""
    import pyarrow as pa

    types = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string()}
    values = []
    for row, value in enumerate(column):
        try:
            read = read_value(kind, value)
        except (ValueError, ArithmeticError) as error:
            raise Unfit(name, row, str(error)) from None
        if read is None and must:
            raise Unfit(name, row, "is missing, and the table's key and time must be there")
        values.append(read)
    return pa.array(values, types.get(kind, pa.date32()))


def _is_finite(pc: Any, array: Any) -> bool:
    return bool(pc.all(pc.is_finite(array)).as_py() is not False)


def _integer(value: object) -> int:
    fault = ValueError("is not an integer")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise fault
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise fault
    try:
        number = int(value)
    except (ValueError, ArithmeticError):
        raise fault from None
    if not isinstance(value, str) and number != value:
        raise fault
    if not -INT64 <= number < INT64:
        raise ValueError("is too large for a 64-bit integer")
    return number


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("is not a number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError("is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("is not a finite number")
    return number


def _date(value: object) -> date:
    if isinstance(value, datetime):
        if value.time() != time():
            raise ValueError("has a time of day, where a date is declared")
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return _date(datetime.fromisoformat(value))
        except ValueError:
            raise ValueError("is not a date written YYYY-MM-DD") from None
    raise ValueError("is not a date")
