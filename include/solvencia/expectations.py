"""The Great Expectations suite of the prepared data, generated from the portfolio.

Two severities. `critical` stops the run: the data as a whole cannot be used. `warning` concerns
single rows: `clean` quarantines them with the reason, and the run goes on.
"""

from __future__ import annotations

import json
from typing import Any

from solvencia.portfolio import Field, Portfolio

FIRST_DAY = {"$PARAMETER": "first_day"}
LAST_MATURED_DAY = {"$PARAMETER": "last_matured_day"}
GX_VERSION = "1.24.1"


def suite(portfolio: Portfolio) -> dict[str, Any]:
    """Return the suite in Great Expectations' own format."""
    rules = [*_rules_of_table(portfolio)]
    for each in portfolio.prepared_fields:
        rules += _rules_of_field(each)
    return {
        "name": f"{portfolio.name}.prepared",
        "id": None,
        "expectations": rules,
        "meta": {
            "great_expectations_version": GX_VERSION,
            "notes": (
                f"What one period of {portfolio.title.get('en', portfolio.name)} must look like "
                "before it is cleaned. Generated from portfolio.toml: change the portfolio, then "
                "run `make contracts`."
            ),
        },
        "notes": None,
    }


def to_json(portfolio: Portfolio) -> str:
    """Return the suite as the text that is committed."""
    return json.dumps(suite(portfolio), indent=2, ensure_ascii=False) + "\n"


def _rules_of_table(portfolio: Portfolio) -> list[dict[str, Any]]:
    names = [*(each.name for each in portfolio.prepared_fields), "period"]
    key, time, label = portfolio.key.name, portfolio.time.name, portfolio.label
    return [
        _rule(
            "expect_table_columns_to_match_set",
            {"column_set": names, "exact_match": True},
            "critical",
            "The columns are those that the portfolio declares, and the partition's period.",
        ),
        _rule(
            "expect_table_row_count_to_be_between",
            {"min_value": 1},
            "critical",
            "At least one application has matured.",
        ),
        _rule(
            "expect_column_values_to_not_be_null",
            {"column": key},
            "critical",
            "Every application can be identified.",
        ),
        _rule(
            "expect_column_values_to_be_unique",
            {"column": key},
            "critical",
            "An application counts once.",
        ),
        _rule(
            "expect_column_values_to_not_be_null",
            {"column": time},
            "critical",
            "Every application has its date, which decides its vintage.",
        ),
        _rule(
            "expect_column_values_to_be_between",
            {"column": time, "min_value": FIRST_DAY, "max_value": LAST_MATURED_DAY},
            "critical",
            f"The {label.window_months} months after which a label counts were over when the "
            f"period ended, and none is older than {portfolio.schedule.start}, when the portfolio "
            "began. The run fills in both days.",
        ),
        *_rules_of_decision(portfolio),
        _rule(
            "expect_column_values_to_be_in_set",
            {"column": label.field, "value_set": [0, 1]},
            "critical",
            "The outcome is 0 (good) or 1 (bad).",
        ),
    ]


def _rules_of_decision(portfolio: Portfolio) -> list[dict[str, Any]]:
    """Which applications have an outcome: all, or those that were approved and no other."""
    label, decision = portfolio.label.field, portfolio.decision_field
    if decision is None:
        return [
            _rule(
                "expect_column_values_to_not_be_null",
                {"column": label},
                "critical",
                "Every prepared application has its outcome.",
            )
        ]
    return [
        _rule(
            "expect_column_values_to_not_be_null",
            {"column": decision.name},
            "critical",
            "Every prepared application was decided.",
        ),
        _rule(
            "expect_column_values_to_be_in_set",
            {"column": decision.name, "value_set": [0, 1]},
            "critical",
            "The decision is 1 (approved) or 0 (declined).",
        ),
        _rule(
            "expect_column_values_to_not_be_null",
            {"column": label, "row_condition": _where(decision.name, "==", 1)},
            "critical",
            "Every approved application has its outcome.",
        ),
        _rule(
            "expect_column_values_to_be_null",
            {"column": label, "row_condition": _where(decision.name, "==", 0)},
            "critical",
            "A declined application has none: what would have become of it, nobody knows.",
        ),
    ]


def _rules_of_field(field: Field) -> list[dict[str, Any]]:
    if field.role in ("id", "time", "label", "decision", "ignored"):
        return []
    rules = []
    unit = f" {field.unit}" if field.unit else ""
    what = field.help.get("en", field.name)
    sentinels = [_value(each, field) for each in field.sentinels]
    meaning = "; ".join(f"{code} means {text}" for code, text in field.sentinels.items())
    aside = f" {meaning[0].upper()}{meaning[1:]}, and may stand here." if meaning else ""
    if not field.nullable:
        rules.append(
            _rule(
                "expect_column_values_to_not_be_null",
                {"column": field.name},
                "warning",
                f"{what}: always given. A row without it goes to quarantine.",
            )
        )
    if field.is_numeric and not field.minimum == field.maximum is None:
        limits = {"min_value": field.minimum, "max_value": field.maximum}
        kwargs: dict[str, Any] = {
            "column": field.name,
            **{name: limit for name, limit in limits.items() if limit is not None},
        }
        if sentinels:
            kwargs["row_condition"] = _where(field.name, "NOT_IN", sentinels)
        rules.append(
            _rule(
                "expect_column_values_to_be_between",
                kwargs,
                "warning",
                f"{what}: {_bounds(field)}{unit}. A row outside goes to quarantine.{aside}",
            )
        )
    if field.categories:
        rules.append(
            _rule(
                "expect_column_values_to_be_in_set",
                {"column": field.name, "value_set": [*field.categories, *sentinels]},
                "warning",
                f"{what}: one of the portfolio's categories. A row with another goes to "
                f"quarantine.{aside}",
            )
        )
    return rules


def _rule(kind: str, kwargs: dict[str, Any], severity: str, notes: str) -> dict[str, Any]:
    return {"type": kind, "severity": severity, "meta": {"notes": notes}, "kwargs": kwargs}


def _where(column: str, operator: str, parameter: object) -> dict[str, Any]:
    """Return Great Expectations' condition on the rows that a rule concerns."""
    return {
        "type": "comparison",
        "column": {"name": column},
        "operator": operator,
        "parameter": parameter,
    }


def _value(text: str, field: Field) -> int | float | str:
    """Return a sentinel in the field's type: TOML writes every one of them as a key."""
    if field.type == "integer":
        return int(text)
    return float(text) if field.type == "number" else text


def _bounds(field: Field) -> str:
    if field.maximum is None:
        return f"{field.minimum:g} or more"
    if field.minimum is None:
        return f"{field.maximum:g} or less"
    return f"{field.minimum:,} to {field.maximum:,}"
