"""Rows of a batch's input file, one at a time: CSV, JSON lines (both may be gzipped) or Parquet.

A row becomes an application, or the problem that makes it none; a file that cannot be read any
further is a fault that names file and row. Only the portfolio's request fields are taken.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, BinaryIO, NoReturn

from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio

FORMATS = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet")
NAME_CHARACTERS_MAX = 200
NAME_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9_.-]*({'|'.join(map(re.escape, FORMATS))})$"
BLOCK_BYTES = 1 << 18
LINE_BYTES_MAX = 1 << 20
ROW = "row"  # what a problem of the row as a whole is filed under

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_INTEGER_DIGITS_MAX = 18
_INTEGER_MAX = 10**_INTEGER_DIGITS_MAX
_IGNORED_MAX, _NAME_CHARACTERS_MAX = 100, 100  # of names that a file's rows make up

type Row = tuple[int, Mapping[str, Any] | None, Mapping[str, str]]


class TooLong(ValueError):
    """A line is longer than any row."""


class _Twice(ValueError):
    """An object gives a name twice: which one counts is open."""


class UnreadableFile(PermanentFault):
    """A batch's input cannot be read; the message names the file and the row."""


def check_name(name: str) -> str:
    """Return which of FORMATS a file's name ends in; raise UnreadableFile for any other."""
    kind = next((each for each in FORMATS if name.lower().endswith(each)), "")
    if not kind:
        raise UnreadableFile(f"{name}: cannot be read: name it *{', *'.join(FORMATS)}")
    return kind


def read(portfolio: Portfolio, name: str, body: BinaryIO, ignored: set[str]) -> Iterator[Row]:
    """Yield (row number from 1, application, problems); one of the last two is empty.

    `body` needs `read` alone, and to be a file on disk for Parquet. Fields that the portfolio does
    not ask for are added to `ignored`. Raises UnreadableFile.
    """
    kind = check_name(name)
    if kind == ".parquet":
        from solvencia import batch_parquet  # with DuckDB, which the other formats do without

        return batch_parquet.read(portfolio, name, body, ignored)
    unpacked: Any = gzip.GzipFile(fileobj=body) if kind.endswith(".gz") else body
    lines = _lines(unpacked)
    reader = _read_csv if kind.startswith(".csv") else _read_json
    return _naming(name, reader(portfolio, name, lines, ignored))


def check_columns(
    portfolio: Portfolio, name: str, found: Sequence[str], ignored: set[str]
) -> dict[str, int]:
    """Return the place of each request field; raise UnreadableFile for one that is absent.

    The message names the portfolio's fields only: a file without a header starts with values.
    """
    places = {
        each.name: found.index(each.name) for each in portfolio.request_fields if each.name in found
    }
    absent = [each.name for each in portfolio.request_fields if each.name not in places]
    if absent:
        raise UnreadableFile(
            f"{name}: row 0: the header lacks {', '.join(absent)}: the first line must name the "
            f"fields of portfolio {portfolio.name}, separated by commas"
        )
    doubled = [each for each in places if found.count(each) > 1]
    if doubled:
        raise UnreadableFile(f"{name}: row 0: the header names {', '.join(doubled)} twice")
    ignored.update(each for each in found if each not in places)
    return places


def _naming(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    """Turn what a reader meets on its way into UnreadableFile."""
    row = 0
    try:
        for each in rows:
            row = each[0]
            yield each
    except csv.Error as error:
        raise UnreadableFile(f"{name}: row {row + 1}: is not CSV ({error})") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{name}: row {row + 1}: is not UTF-8 ({error.reason})") from None
    except TooLong:
        raise UnreadableFile(
            f"{name}: after row {row}: a line is longer than {LINE_BYTES_MAX >> 20} MB"
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{name}: after row {row}: is not gzip ({error})") from error


def _lines(body: Any) -> Iterator[bytes]:
    """Yield lines with their ends; raise TooLong for one that no row could be."""
    rest = b""
    while block := body.read(BLOCK_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in whole)
        if len(rest) > LINE_BYTES_MAX:
            raise TooLong
    if rest:
        yield rest


def _read_csv(
    portfolio: Portfolio, name: str, lines: Iterable[bytes], ignored: set[str]
) -> Iterator[Row]:
    reader = csv.reader(_decoded(lines), strict=True)
    header = next(reader, [])
    places = check_columns(portfolio, name, header, ignored)
    readers: list[tuple[str, int, Callable[[str], Any]]] = [
        (each.name, places[each.name], _text if each.type == "text" else _number)
        for each in portfolio.request_fields
    ]
    width, row = len(header), 0
    for values in reader:
        if not values:  # an empty line is no row
            continue
        row += 1
        if len(values) != width:
            yield row, None, {ROW: f"has {len(values)} fields, not {width}"}
            continue
        yield row, {field: take(values[place]) for field, place, take in readers}, {}


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    for line in lines:
        yield line.decode(encoding)
        encoding = "utf-8"


def _text(value: str) -> str | None:
    return value or None


def _number(value: str) -> int | float | str | None:
    """Return a number; a text that is none stays, for the model to refuse it by its field."""
    text = value.strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        return text
    if text.lstrip("+-").isdigit() and len(text) <= _INTEGER_DIGITS_MAX:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else text


def _read_json(
    portfolio: Portfolio, name: str, lines: Iterable[bytes], ignored: set[str]
) -> Iterator[Row]:
    fields = [each.name for each in portfolio.request_fields]
    known = set(fields)
    row = 0
    for line in lines:
        if not line.strip():
            continue
        row += 1
        try:
            value = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_build)
        except _Twice:
            yield row, None, {ROW: "gives a name twice"}
            continue
        except (ValueError, RecursionError):
            yield row, None, {ROW: "is not a JSON object"}
            continue
        if not isinstance(value, dict):
            yield row, None, {ROW: "is not a JSON object"}
            continue
        if not value.keys() <= known and len(ignored) < _IGNORED_MAX:
            ignored.update(each[:_NAME_CHARACTERS_MAX] for each in value.keys() - known)
        yield sift(row, {field: value.get(field) for field in fields})


def sift(row: int, values: dict[str, Any]) -> Row:
    """Return the row as an application that any reader of JSON takes, or what is wrong with it."""
    problems = {}
    for field, value in values.items():
        try:
            if type(value) is int and not -_INTEGER_MAX < value < _INTEGER_MAX:
                values[field] = float(value)
            elif type(value) is float and not math.isfinite(value):
                raise OverflowError
            elif type(value) is str and not value.isascii():
                value.encode()
            elif isinstance(value, list | dict):
                problems[field] = "must be a number or a text"
        except OverflowError:
            problems[field] = "is beyond all numbers"
        except UnicodeEncodeError:
            problems[field] = "is not Unicode"
    return (row, None, problems) if problems else (row, values, {})


def plain(value: Any) -> Any:
    """Return a value of Parquet as JSON knows it; NaN is missing, as in a Parquet file it is."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, date):
        return value.isoformat()
    try:
        return plain(float(value))
    except (TypeError, ValueError, OverflowError):
        return str(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice
    return found
