"""The cleaning rules of consumer credit again, in pandas and row by row, from the written rules."""

from __future__ import annotations

import math
import re

import pandas as pd

COUNTS = {
    "past_due_30_59_days_count": 60,
    "past_due_60_89_days_count": 60,
    "past_due_90_days_count": 60,
    "open_credit_lines_count": 200,
    "real_estate_loans_count": 100,
    "dependents_count": 50,
}
AMOUNTS = {
    "revolving_utilisation_ratio": 100,
    "debt_ratio": 1_000_000,
    "monthly_income_usd": 10_000_000,
}
MAY_BE_EMPTY = {"debt_ratio", "monthly_income_usd", "dependents_count"}
NOT_REPORTED = {
    "past_due_30_59_days_count",
    "past_due_60_89_days_count",
    "past_due_90_days_count",
}
NO_USE = {0: 0, 0.9999999: 1}  # "no use" and "limit not known"


def judge(row: pd.Series) -> pd.Series:
    """Return the row's cleaned values, and under "reasons" why it is refused."""
    values: dict[str, float] = {"revolving_state": math.nan}
    reasons: list[str] = []
    for name, highest in {**COUNTS, **AMOUNTS}.items():
        given = row[name]
        if isinstance(given, str):
            given = given.strip() or None
        values[name] = math.nan
        if given is None or (isinstance(given, float) and math.isnan(given)):
            if name not in MAY_BE_EMPTY:
                reasons.append(f"{name}: missing")
            continue
        if isinstance(given, str) and not re.match(r"^[-+]?[0-9.]+(e[-+]?[0-9]+)?$", given):
            reasons.append(f"{name}: not a number")
            continue
        if isinstance(given, bool | list):
            reasons.append(f"{name}: not a number")
            continue
        number = float(given)
        if name in NOT_REPORTED and number in (96, 98):
            continue
        if name == "revolving_utilisation_ratio" and number in NO_USE:
            values["revolving_state"] = NO_USE[number]
            continue
        if math.isinf(number):
            reasons.append(f"{name}: not finite")
            continue
        if name in COUNTS and number % 1:
            reasons.append(f"{name}: not a whole number")
        if number < 0:
            reasons.append(f"{name}: below 0")
        if number > highest:
            reasons.append(f"{name}: above {highest}")
        values[name] = number
    if math.isnan(values["monthly_income_usd"]):
        values["monthly_debt_usd"] = values["debt_ratio"]
        values["debt_ratio"] = math.nan
    else:
        values["monthly_debt_usd"] = values["debt_ratio"] * values["monthly_income_usd"]
    short, middle, long = (
        values[f"past_due_{days}_days_count"] for days in ("30_59", "60_89", "90")
    )
    values["past_due_count"] = short + middle + long
    values["past_due_severity"] = short + 2 * middle + 3 * long
    return pd.Series({**values, "reasons": frozenset(reasons)})
