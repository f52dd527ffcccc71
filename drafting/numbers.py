"""Numbers and dates as people write them: decimal commas, thousands, day or month first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

_MONEY = re.compile(r"R\$|[€$£%]|\bEUR\b|\bUSD\b")
_SPACES = re.compile(r"[\s'\u2019_]")
_POINT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d+)?(,\d*)?([eE][+-]?\d+)?")
_SURE_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*),(\d{1,2}|\d{4,})|[+-]?0,\d+")
_SURE_POINT = re.compile(
    r"[+-]?(\d{1,3}(,\d{3})+|\d*)\.(\d{1,2}|\d{4,})|[+-]?0\.\d+|.*\d[eE][+-]?\d+"
)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})([T ].*)?")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_WRITTEN = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})([T ].*)?")
_NAMED = re.compile(r"(?:(\d{1,2})[- ])?([A-Za-z]{3})[a-z]*[- ](\d{4}|\d{2})")
_MONTHS = dict(
    zip(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
        range(1, 13),
        strict=True,
    )
)


def bare(text: str) -> str:
    """Return a number's text without currency, percent sign and spaces."""
    return _SPACES.sub("", _MONEY.sub("", text))


def weigh(texts: Iterable[str]) -> tuple[int, int]:
    """Return how many texts surely have a decimal comma, and how many a decimal point."""
    commas = points = 0
    for each in map(bare, texts):
        commas += bool(_SURE_COMMA.fullmatch(each))
        points += bool(_SURE_POINT.fullmatch(each))
    return commas, points


def read_number(text: str, decimal: str) -> float | None:
    """Return a number, or None where the text is not one."""
    plain = bare(text)
    pattern = _COMMA if decimal == "," else _POINT
    if not any(each.isdigit() for each in plain) or not pattern.fullmatch(plain):
        return None
    if decimal == ",":
        plain = plain.replace(".", "").replace(",", ".")
    number = float(plain.replace(",", ""))
    return number if abs(number) < float("inf") else None


def read_dates(texts: Sequence[str | None], order: str = "") -> tuple[list[date | None], str]:
    """Return the dates (None where there is none) and how ambiguous ones were read, or ""."""
    written = [found for each in texts if each and (found := _WRITTEN.fullmatch(each))]
    is_day_first = any(int(each[1]) > 12 for each in written)
    is_month_first = any(int(each[2]) > 12 for each in written)
    ambiguous = bool(written) and not is_day_first and not is_month_first
    chosen = order or ("mdy" if is_month_first and not is_day_first else "dmy")
    return [_read_date(each, chosen) if each else None for each in texts], (
        chosen if ambiguous and not order else ""
    )


def is_iso(text: str) -> bool:
    """Whether a date is written year first, as every database and Parquet have it."""
    return bool(_ISO.fullmatch(text))


def _read_date(text: str, order: str) -> date | None:
    try:
        if found := _ISO.fullmatch(text) or _COMPACT.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _WRITTEN.fullmatch(text):
            first, second = int(found[1]), int(found[2])
            day, month = (second, first) if order == "mdy" else (first, second)
            return date(_year(found[3]), month, day)
        if found := _NAMED.fullmatch(text):
            return date(_year(found[3]), _MONTHS[found[2].lower()], int(found[1] or 1))
    except (ValueError, KeyError):
        return None
    return None


def _year(text: str) -> int:
    number = int(text)
    if len(text) == 4:
        return number
    return number + (2000 if number < 70 else 1900)
