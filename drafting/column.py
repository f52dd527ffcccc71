"""One column of the source, read into its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from drafting import names, numbers
from drafting.source import DraftFault, Source

type Numbers = npt.NDArray[np.float64]
type Mask = npt.NDArray[np.bool_]

# How exports write that nothing is known; in a column of texts some of them are answers.
MISSING = frozenset(
    {"na", "n/a", "nan", "null", "#n/a", "#na", "n.a.", "\\n", "(null)", "<na>", "s/d", "k.a."}
)
_WORDS = {
    *("missing", "unknown", "sin dato", "sin datos", "desconocido", "unbekannt", "desconhecido"),
    *("inconnu", "non renseigne", "non renseigné", "non disponible", "keine angabe", "sem dados"),
}
_MARKS = {"none", "-", "--", "?", ".", "n/c", "nc", "n.c.", "nd", "n.d."}
MISSING_NUMBERS = MISSING | _WORDS | _MARKS
NUMBER_SHARE = 0.98  # from here on a column is one of numbers, and the rest are slips of the pen
FAULTS_SHOWN = 5


@dataclass(frozen=True)
class Column:
    """A column's values: NaN, NaT or None where missing.

    `kind` is integer, number, text, date or empty; `values` is float64, datetime64[D] or object.
    """

    name: str
    source: str
    kind: str
    values: npt.NDArray[Any]
    note: str = ""

    @property
    def is_numeric(self) -> bool:
        return self.kind in ("integer", "number")

    @property
    def is_missing(self) -> Mask:
        if self.is_numeric:
            return np.asarray(np.isnan(self.values))
        if self.kind == "date":
            return np.asarray(np.isnat(self.values))
        return np.array([each is None for each in self.values.tolist()], dtype=bool)

    @property
    def distinct(self) -> int:
        known = self.values[~self.is_missing]
        return len({*known.tolist()})


@dataclass(frozen=True)
class Reading:
    """How to read what a file leaves open; empty means: find out."""

    decimal: str = ""
    dates: str = ""
    missing: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()  # columns that are codes, though they look like numbers


def read_all(source: Source, reading: Reading) -> dict[str, Column]:
    """Return the columns by their field's name; raise DraftFault naming row and column."""
    if source.is_database and reading.missing:
        raise DraftFault("MISSING= is for files: in a table, make such words NULL in a view")
    marks = {each.lower() for each in reading.missing}
    shown = {
        name: [None if each is None or each.lower() in marks else each for each in texts]
        for name, texts in source.columns.items()
    }
    fallback = reading.decimal or _file_decimal(source, shown)
    if source.is_database:  # what a database holds is taken as it stands: nothing rewrites it
        reading = replace(reading, decimal=".")
    found, faults = {}, []
    for original, name in names.fields(source.columns).items():
        is_text = bool({original, name} & reading.texts)
        try:
            found[name] = _read(source, original, name, shown[original], fallback, reading, is_text)
        except DraftFault as fault:
            faults.append(str(fault))
    if faults:
        raise DraftFault("\n".join(faults))
    return found


def _read(
    source: Source,
    original: str,
    name: str,
    texts: Sequence[str | None],
    fallback: str,
    reading: Reading,
    is_text: bool,
) -> Column:
    words = frozenset[str]() if source.is_database else MISSING
    plain = [None if each is None or each.lower() in words else each for each in texts]
    known = [each for each in plain if each is not None]
    if not known:
        return Column(name, original, "empty", np.array(plain, dtype=object))
    if is_text:
        return Column(name, original, "text", np.array(plain, dtype=object))
    dates, order = numbers.read_dates(plain, reading.dates)
    dated = sum(each is not None for each in dates)
    if source.is_database and not all(map(numbers.is_iso, known)):
        dated = 0
    is_compact = all(each.isdigit() for each in known)
    if dated == len(known) and (not is_compact or names.is_date(name)):
        note = f"ambiguous dates were read as {order}: say DATES=dmy or DATES=mdy" if order else ""
        return Column(name, original, "date", np.array(dates, dtype="datetime64[D]"), note)
    if names.is_date(name) and dated > NUMBER_SHARE * len(known):
        rows = [row for row, each in enumerate(plain) if each and dates[row] is None]
        raise _unreadable(source, original, rows, "is not a date like the others")
    if any(len(each) > 1 and each[0] == "0" and each.isdigit() for each in known):
        return Column(name, original, "text", np.array(plain, dtype=object))
    return _read_numbers(source, original, name, plain, fallback, reading)


def _read_numbers(
    source: Source,
    original: str,
    name: str,
    texts: Sequence[str | None],
    fallback: str,
    reading: Reading,
) -> Column:
    words = frozenset[str]() if source.is_database else MISSING_NUMBERS
    given = [None if each is None or each.lower() in words else each for each in texts]
    known = [each for each in given if each is not None]
    commas, points = numbers.weigh(known)
    decimal = reading.decimal or ("," if commas > points else "." if points else fallback)
    read = [None if each is None else numbers.read_number(each, decimal) for each in given]
    good = sum(each is not None for each in read)
    if not known or good < NUMBER_SHARE * len(known):
        return Column(name, original, "text", np.array(texts, dtype=object))
    if good < len(known):
        rows = [row for row, each in enumerate(given) if each is not None and read[row] is None]
        raise _unreadable(source, original, rows, "is not a number like the others")
    values = np.array([np.nan if each is None else each for each in read], dtype=np.float64)
    whole = values[~np.isnan(values)]
    is_integer = bool((whole == np.floor(whole)).all() and (np.abs(whole) < 2**53).all())
    return Column(name, original, "integer" if is_integer else "number", values)


def _file_decimal(source: Source, shown: dict[str, list[str | None]]) -> str:
    commas = points = 0
    for texts in shown.values():
        found = numbers.weigh(each for each in texts[:5000] if each is not None)
        commas, points = commas + found[0], points + found[1]
    if commas == points:
        return "," if source.delimiter == ";" else "."
    return "," if commas > points else "."


def _unreadable(source: Source, original: str, rows: list[int], problem: str) -> DraftFault:
    where = "row" if source.is_database else "line"
    lines = [
        f"{source.name}: {where} {source.lines[row]}, column {original!r}: the value {problem}"
        for row in rows[:FAULTS_SHOWN]
    ]
    if len(rows) > FAULTS_SHOWN:
        lines.append(f"… and {len(rows) - FAULTS_SHOWN} more")
    lines.append(
        "correct it, or name the word that stands for missing with MISSING=word, or the column as "
        f"one of codes with TEXT={original!r}"
    )
    return DraftFault("\n".join(lines))
