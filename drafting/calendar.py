"""The months of a draft: dates as they are or made, the window, and what tests out of time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from drafting.column import Column
from drafting.source import DraftFault

type Days = npt.NDArray[np.datetime64]

MONTHS_MIN = 3
KEPT_MIN = 0.5  # of the rows, in months without a gap
TEST_SHARE = 0.25
# Made dates lie in these months: fixed, so that drafting again gives the same bytes.
MADE_FIRST, MADE_LAST = date(2025, 10, 1), date(2026, 10, 31)
_KEY = b"solvencia draft dates"
_MONTH, _DAY = np.timedelta64(1, "M"), np.timedelta64(1, "D")


@dataclass(frozen=True)
class Calendar:
    """`days` are the applications' dates; rows outside start to end are not ingested."""

    days: Days
    start: date
    end: date
    window_months: int
    test_months: int
    is_made: bool
    notes: tuple[str, ...]

    @property
    def matured(self) -> npt.NDArray[np.bool_]:
        """Whether each application's window has closed by the end of the last month."""
        months = self.days.astype("datetime64[M]")
        last = np.datetime64(self.end, "M") - self.window_months * _MONTH
        return np.asarray((months >= np.datetime64(self.start, "M")) & (months <= last))

    @property
    def is_test(self) -> npt.NDArray[np.bool_]:
        """Whether each matured application is of the newest vintages."""
        span = (self.window_months + self.test_months - 1) * _MONTH
        first = np.datetime64(self.end, "M") - span
        return np.asarray(self.matured & (self.days.astype("datetime64[M]") >= first))


def make_days(keys: Sequence[object]) -> Days:
    """Spread applications without a date over thirteen months by a keyed hash of their key."""
    span = (MADE_LAST - MADE_FIRST).days + 1
    days = []
    for key in keys:
        digest = hashlib.blake2b(str(key).encode(), key=_KEY, digest_size=8).digest()
        days.append(MADE_FIRST + timedelta(days=int.from_bytes(digest) % span))
    return np.array(days, dtype="datetime64[D]")


def plan(
    days: Days, outcome: npt.NDArray[np.float64], *, is_made: bool, window: int = 0, test: int = 0
) -> Calendar:
    """Choose schedule, window and test; raise DraftFault where no months are left.

    Every month must have applications, and every matured one outcomes: the newest run of months
    without a gap is taken.
    """
    months = days.astype("datetime64[M]")
    notes: list[str] = []
    first, last = _newest_run(months)
    is_kept = months >= first
    if is_kept.mean() < KEPT_MIN:
        raise DraftFault(
            f"the months before {first} have a gap, and only {is_kept.mean():.0%} of the rows lie "
            "after it: every month needs applications; name another date with TIME=column, or "
            "TIME=none to have dates made"
        )
    if not is_kept.all():
        notes.append(
            f"{int((~is_kept).sum()):,} rows before {first} are left out: a month without any "
            "application lies between"
        )
    labelled = months[is_kept & ~np.isnan(outcome)]
    known = np.unique(labelled)
    window_months = window or max(int((last - known[-1]).astype(int)), 1)
    if not window:
        notes.append(
            "the outcomes of the newest "
            f"{window_months} month(s) are not there, which is taken as the window"
            if known[-1] < last
            else "all rows have their outcome, and no column says how long it was watched: a "
            "window of 1 month keeps all but the newest month; set yours, or say WINDOW=months"
        )
    matured = np.arange(first, last - (window_months - 1) * _MONTH)
    if missing := sorted({*matured.tolist()} - {*known.tolist()}):
        raise DraftFault(
            f"no row of {missing[0]:%Y-%m} has an outcome, though its window of {window_months} "
            "month(s) is over: give it outcomes, or a longer WINDOW="
        )
    count = len(matured)
    if count < 2 or count + window_months < MONTHS_MIN:
        raise DraftFault(
            f"{first} to {last} leave {max(count, 0)} month(s) whose window of {window_months} is "
            "over: two are needed, one to train and one to test; bring more history, shorten "
            "WINDOW=, or say TIME=none to have dates made"
        )
    test_months = test or max(1, round(TEST_SHARE * count))
    if test_months >= count:
        raise DraftFault(f"TEST={test}: of {count} matured months at least one must train")
    return Calendar(
        days=days,
        start=_date(first),
        end=_date(last + _MONTH) - timedelta(days=1),
        window_months=window_months,
        test_months=test_months,
        is_made=is_made,
        notes=tuple(notes),
    )


def add_months(days: Days, count: int) -> Days:
    """Return the same days of a later month, or its last day, as SQL's date_add does."""
    months = days.astype("datetime64[M]")
    moved = months + count * _MONTH
    offset = (days - months.astype("datetime64[D]")).astype(int)
    length = ((moved + _MONTH).astype("datetime64[D]") - moved.astype("datetime64[D]")).astype(int)
    return np.asarray(moved.astype("datetime64[D]") + np.minimum(offset, length - 1) * _DAY)


def after_application(column: Column, days: Days) -> bool:
    """Whether most of a column's dates lie after the application's."""
    known = ~np.isnat(column.values) & ~np.isnat(days)
    return bool(known.any() and (column.values[known] > days[known]).mean() > 0.5)


def _newest_run(months: npt.NDArray[Any]) -> tuple[Any, Any]:
    present = np.unique(months)
    breaks = np.flatnonzero(np.diff(present.astype(int)) > 1)
    return present[breaks[-1] + 1 if len(breaks) else 0], present[-1]


def _date(month: Any) -> date:
    found: date = np.datetime64(month, "D").astype(date)
    return found
