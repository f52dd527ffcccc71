"""Numbers that are codes: they repeat, and stand far off the rest or where no amount can be."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]

REPEATS_MIN = 3
REPEATS_SHARE = 0.001  # of the rows, at least, where the number does not look like a code
CODES_MAX = 4
DISTINCT_MIN = 4  # a column of fewer values is one of categories, where 9 is just the ninth
_CODE = re.compile(r"-?([7-9])\1*[678]?|-1")
_INNER = re.compile(r"-?9{3,}")  # taken for a code even amid the values, if it towers over them


def find(values: Numbers) -> dict[float, str]:
    """Return the codes of a numeric column, each with why it seems to be one.

    A number that stands at an end, repeats, and lies off the rest by a quarter of their span
    (if it looks like a code: 99, 998, -1, -7 …) or by twice their span (any other); a negative
    that repeats where all others are not; a 0 far below the rest; a 999… amid the rest that
    occurs fifty times as often as its neighbours.
    """
    known = values[~np.isnan(values)]
    distinct, counts = np.unique(known, return_counts=True)
    found: dict[float, str] = {}
    least = max(REPEATS_MIN, int(REPEATS_SHARE * len(known)))
    while len(distinct) > DISTINCT_MIN and len(found) < CODES_MAX:
        place, why = _find_end(distinct, counts, least)
        if place is None:
            break
        found[float(distinct[place])] = why
        distinct, counts = np.delete(distinct, place), np.delete(counts, place)
    for place in np.flatnonzero(counts > least).tolist():
        if _INNER.fullmatch(f"{distinct[place]:g}") and _towers(distinct, counts, place):
            found[float(distinct[place])] = f"stands {counts[place]:,} times amid rarer values"
    return dict(sorted(found.items()))


def without(values: Numbers, codes: dict[float, str]) -> Numbers:
    """Return the values with the codes made missing."""
    return np.where(np.isin(values, list(codes)), np.nan, values)


def _find_end(distinct: Numbers, counts: npt.NDArray[Any], least: int) -> tuple[int | None, str]:
    """Look at the two largest and two smallest values: a pair of codes lies side by side."""
    for place in (len(distinct) - 1, len(distinct) - 2, 0, 1):
        value = float(distinct[place])
        looks = bool(_CODE.fullmatch(f"{value:g}"))
        if counts[place] < (REPEATS_MIN if looks else least):
            continue
        is_high = place > 1
        rest = distinct[: len(distinct) - 2] if is_high else distinct[2:]
        others = _trim(rest, is_high)
        if len(others) < 2:
            continue
        span = float(others[-1] - others[0])
        gap = value - float(others[-1]) if is_high else float(others[0]) - value
        if value < 0 <= float(others[0]):
            return place, f"negative where all others are not, {counts[place]:,} times"
        is_zero = value == 0 and float(others[0]) >= 10 and gap > 0.2 * span
        if span > 0 and (gap > 2 * span or (looks and gap > 0.25 * span) or is_zero):
            return place, f"stands far off the rest, {counts[place]:,} times"
    return None, ""


def _trim(rest: Numbers, is_high: bool) -> Numbers:
    """Take further codes at that end out of the rest, so that they do not stretch its span."""
    while len(rest) > DISTINCT_MIN:
        end = f"{rest[-1] if is_high else rest[0]:g}"
        if not _CODE.fullmatch(end) or (is_high and abs(float(end)) < 77):
            break
        rest = rest[:-1] if is_high else rest[1:]
    return rest


def _towers(distinct: Numbers, counts: npt.NDArray[Any], place: int) -> bool:
    near = np.concatenate([counts[max(place - 10, 0) : place], counts[place + 1 : place + 11]])
    return len(near) > 4 and counts[place] >= 50 * max(float(np.median(near)), 1.0)
