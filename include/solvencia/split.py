"""Which applications train, which validate and which test out of time: row by row, no state."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import layout
from solvencia.layout import DECLINED
from solvencia.portfolio import Portfolio

SPLITS = ("train", "validation", "test")

_KEY = b"solvencia/validation/1"


def list_splits(portfolio: Portfolio) -> tuple[str, ...]:
    """Return the folders of a period's cleaned rows; `declined` where the portfolio keeps them."""
    return (*SPLITS, DECLINED) if portfolio.decision_field else SPLITS


def newest_vintage(portfolio: Portfolio, period: str) -> np.datetime64:
    """Return the newest application month whose performance window has closed by the period."""
    layout.period_bounds(period)
    return np.datetime64(period, "M") - np.timedelta64(portfolio.label.window_months, "M")


def first_test_vintage(portfolio: Portfolio, period: str) -> np.datetime64:
    """Return the oldest application month of the out-of-time test; older ones train."""
    span = np.timedelta64(portfolio.split.test_months - 1, "M")
    return newest_vintage(portfolio, period) - span


def find_open(portfolio: Portfolio, period: str, dates: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell which applications' performance windows are still open when the period ends."""
    return dates.astype("datetime64[M]") > newest_vintage(portfolio, period)


def assign(
    portfolio: Portfolio,
    period: str,
    keys: npt.NDArray[Any],
    dates: npt.NDArray[Any],
    decisions: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any]:
    """Return "train", "validation", "test" or "declined" for each application.

    The newest `test_months` matured vintages test. Of the older applications a keyed hash of the
    key's decimal text picks `validation_percent`, so a key keeps its side in every period. Where
    `decisions` has a 0 the application is "declined", whatever its date.
    """
    is_test = dates.astype("datetime64[M]") >= first_test_vintage(portfolio, period)
    is_validation = np.array(
        [_place(key) < portfolio.split.validation_percent for key in keys.tolist()], dtype=bool
    )
    found = np.where(is_test, "test", np.where(is_validation, "validation", "train"))
    return found if decisions is None else np.where(decisions == 0, DECLINED, found)


def _place(key: object) -> int:
    """Return 0..99, evenly spread over keys."""
    digest = hashlib.blake2b(str(key).encode(), key=_KEY, digest_size=8).digest()
    return int.from_bytes(digest, "big") % 100
