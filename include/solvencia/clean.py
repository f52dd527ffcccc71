"""Cleaning, written once for the Lambda, the endpoint and the tests: columns in, columns out.

Row-wise and stateless: a row alone and the same row inside a batch give the same values, bit for
bit. What needs other rows (repeated keys, maturity) happens in `prepare.sql`. NumPy only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia.faults import PermanentFault
from solvencia.portfolio import Field, Portfolio

type Column = npt.NDArray[Any]
type Numbers = npt.NDArray[np.float64]
type Mask = npt.NDArray[np.bool_]

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class MissingColumn(PermanentFault):
    """A column that the portfolio declares is not in the data; `columns` names them."""

    def __init__(self, portfolio: str, columns: list[str], where: str) -> None:
        super().__init__(
            f"{where} has no column {', '.join(columns)}: have prepare.sql of portfolio "
            f"{portfolio!r} select it, or correct the portfolio"
        )
        self.columns = columns


@dataclass(frozen=True)
class Cleaned:
    """Cleaned columns, row for row as they came in.

    `columns` holds float64 with NaN for missing, except the key (as given) and the time
    (datetime64[D]). `reasons` maps a refused row's position to its "field: reason" texts.
    """

    columns: dict[str, Column]
    is_accepted: Mask
    reasons: dict[int, tuple[str, ...]]


def clean(portfolio: Portfolio, columns: Mapping[str, Column]) -> Cleaned:
    """Apply the portfolio's rules to prepared rows or to requests.

    Request fields must be there (MissingColumn names those that are not); the key, the time, the
    label and protected fields are cleaned where they are. Values may be numbers, or objects with
    None. A sentinel becomes missing even where the field may not be empty.
    """
    absent = [each.name for each in portfolio.request_fields if each.name not in columns]
    if absent:
        raise MissingColumn(portfolio.name, absent, "the data")
    cleaned: dict[str, Column] = {}
    faults: list[tuple[str, Mask]] = []
    for each in portfolio.prepared_fields:
        if each.name in columns and each.role != "ignored":
            cleaned[each.name], found = _clean_field(each, columns[each.name])
            faults += [(f"{each.name}: {reason}", mask) for reason, mask in found if mask.any()]
    for each in portfolio.request_fields:
        if each.amount_when_missing:
            cleaned.update(_move_amount(each, cleaned))
    for each in portfolio.with_role("derived"):
        if each.sum_of:
            cleaned[each.name] = _add_up(each, cleaned)
        if each.sentinel_of:
            source = portfolio.fields[each.sentinel_of]
            cleaned[each.name] = _name_sentinels(each, source, columns[source.name])
    rows = len(next(iter(cleaned.values())))
    is_accepted = np.ones(rows, dtype=bool)
    reasons: dict[int, tuple[str, ...]] = {}
    for reason, mask in faults:
        is_accepted &= ~mask
        for row in np.flatnonzero(mask).tolist():
            reasons[row] = (*reasons.get(row, ()), reason)
    return Cleaned(cleaned, is_accepted, dict(sorted(reasons.items())))


def _clean_field(field: Field, column: Column) -> tuple[Column, list[tuple[str, Mask]]]:
    """Return one field's values and, for each reason to refuse, the rows it holds for."""
    if field.role == "id":
        return column, [("missing", _find_missing(column))]
    if field.type == "date":
        return _clean_dates(field, column)
    if field.type == "text":
        return _code_categories(field, column)
    return _clean_numbers(field, column)


def _clean_numbers(field: Field, column: Column) -> tuple[Column, list[tuple[str, Mask]]]:
    values, is_text = _read_numbers(column)
    is_infinite = np.isinf(values)
    is_missing = np.isnan(values) & ~is_text
    is_sentinel = np.isin(values, [float(each) for each in field.sentinels])
    values[is_sentinel | is_infinite] = np.nan
    faults = [("not a number", is_text), ("not finite", is_infinite)]
    if not field.nullable:
        faults.append(("missing", is_missing))
    if field.type == "integer":
        faults.append(("not a whole number", ~np.isnan(values) & (values != np.floor(values))))
    if field.minimum is not None:
        faults.append((f"below {field.minimum:.15g}", values < field.minimum))
    if field.maximum is not None:
        faults.append((f"above {field.maximum:.15g}", values > field.maximum))
    return values, faults


def _read_numbers(column: Column) -> tuple[Numbers, Mask]:
    """Return float64 values (NaN where missing or unreadable) and where they are unreadable."""
    if column.dtype.kind in "iuf":
        return column.astype(np.float64), np.zeros(len(column), dtype=bool)
    values = np.full(len(column), np.nan)
    is_text = np.zeros(len(column), dtype=bool)
    for row, each in enumerate(column.astype(object).tolist()):
        try:
            values[row] = _read_number(each)
        except ValueError:
            is_text[row] = True
    return values, is_text


def _read_number(value: object) -> float:
    """Return a number, infinite when a float cannot hold it; ValueError when it is not one."""
    if value is None:
        return np.nan
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return np.nan
        if not _NUMBER.fullmatch(text):
            raise ValueError
        return float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _code_categories(field: Field, column: Column) -> tuple[Column, list[tuple[str, Mask]]]:
    """Code a text by its place in the portfolio's list, from 0."""
    codes = {name: float(place) for place, name in enumerate(field.categories)}
    texts = [
        each.strip() if isinstance(each, str) else each for each in column.astype(object).tolist()
    ]
    is_missing = np.array([each is None or each == "" for each in texts], dtype=bool)
    values = np.array(
        [codes.get(each, np.nan) if isinstance(each, str) else np.nan for each in texts],
        dtype=np.float64,
    )
    faults = [("unknown category", np.isnan(values) & ~is_missing)]
    if not field.nullable:
        faults.append(("missing", is_missing))
    return values, faults


def _clean_dates(field: Field, column: Column) -> tuple[Column, list[tuple[str, Mask]]]:
    is_text = np.zeros(len(column), dtype=bool)
    if column.dtype.kind == "M":
        days = column.astype("datetime64[D]")
    else:
        days = np.full(len(column), np.datetime64("NaT", "D"))
        for row, each in enumerate(column.astype(object).tolist()):
            if each is None:
                continue
            try:
                if not _DATE.fullmatch(str(each)):
                    raise ValueError
                days[row] = np.datetime64(str(each))
            except ValueError:
                is_text[row] = True
    faults = [("not a date", is_text)]
    if not field.nullable:
        faults.append(("missing", np.isnat(days) & ~is_text))
    return days, faults


def _move_amount(field: Field, cleaned: Mapping[str, Column]) -> dict[str, Column]:
    """Split a ratio that is an amount where its base is missing into ratio and amount.

    Where the base is known the amount is ratio times base, so that it means the same everywhere.
    """
    base = cleaned[field.amount_when_missing["field"]]
    given = cleaned[field.name]
    is_amount = np.isnan(base)
    return {
        field.name: np.where(is_amount, np.nan, given),
        field.amount_when_missing["amount"]: np.where(is_amount, given, given * base),
    }


def _add_up(total: Field, cleaned: Mapping[str, Column]) -> Numbers:
    """Return a weighted sum, missing where one of its parts is."""
    parts = [weight * cleaned[name] for name, weight in total.sum_of.items()]
    return np.asarray(sum(parts[1:], start=parts[0]), dtype=np.float64)


def _name_sentinels(state: Field, source: Field, column: Column) -> Numbers:
    """Return the code of a sentinel's meaning; an ordinary value, or none, is missing."""
    values = _read_numbers(column)[0]
    found = np.full(len(values), np.nan)
    for value, meaning in source.sentinels.items():
        found[values == float(value)] = state.categories.index(meaning)
    return found


def _find_missing(column: Column) -> Mask:
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind == "O":
        return np.array([each is None or each == "" for each in column.tolist()], dtype=bool)
    return np.zeros(len(column), dtype=bool)
