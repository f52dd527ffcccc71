from __future__ import annotations

import numpy as np
import pytest

from solvencia import request
from solvencia.clean import clean


def test_a_valid_request_is_read_in_order(consumer_credit, application):
    """Whole numbers become int, others float, absent nullable fields None."""
    del application["dependents_count"]
    given = dict(reversed(application.items())) | {"open_credit_lines_count": 8.0, "debt_ratio": 1}

    parsed = request.parse(consumer_credit, given)

    assert list(parsed) == [each.name for each in consumer_credit.request_fields]
    assert repr(parsed["open_credit_lines_count"]) == "8"
    assert repr(parsed["debt_ratio"]) == "1.0"
    assert parsed["dependents_count"] is None


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("debt_ratio", "0.4", "must be a number"),
        ("debt_ratio", True, "must be a number"),
        ("debt_ratio", [0.4], "must be a number"),
        ("debt_ratio", {"value": 1}, "must be a number"),
        ("debt_ratio", float("nan"), "must be a finite number"),
        ("debt_ratio", float("-inf"), "must be a finite number"),
        ("debt_ratio", -0.01, "must be at least 0"),
        ("debt_ratio", 10**400, "must be at most 1000000"),
        ("monthly_income_usd", 10_000_001, "must be at most 10000000"),
        ("past_due_90_days_count", 1.5, "must be a whole number"),
        ("past_due_90_days_count", 97, "must be at most 60"),
        ("past_due_90_days_count", None, "missing"),
        ("age_years", 40, "unknown field"),
        ("monthly_debt_usd", 40, "unknown field"),
    ],
)
def test_a_bad_field_is_named(consumer_credit, application, field, value, reason):
    """A refused field says why, and never repeats the value."""
    with pytest.raises(request.InvalidRequest) as raised:
        request.parse(consumer_credit, application | {field: value})

    assert raised.value.problems == {field: reason}


def test_every_problem_is_named_at_once(consumer_credit):
    """An empty request with a stranger in it names the stranger and all required fields."""
    with pytest.raises(request.InvalidRequest) as raised:
        request.parse(consumer_credit, {"name": "Ana"})

    assert raised.value.problems == {
        "name": "unknown field",
        "revolving_utilisation_ratio": "missing",
        "past_due_30_59_days_count": "missing",
        "past_due_60_89_days_count": "missing",
        "past_due_90_days_count": "missing",
        "open_credit_lines_count": "missing",
        "real_estate_loans_count": "missing",
    }
    assert "Ana" not in str(raised.value)


@pytest.mark.parametrize("body", [None, [], "text", 3, [{"debt_ratio": 1}]])
def test_only_an_object_is_a_request(consumer_credit, body):
    """Any other JSON value is refused as a whole."""
    with pytest.raises(request.InvalidRequest) as raised:
        request.parse(consumer_credit, body)

    assert list(raised.value.problems) == ["body"]


def test_a_sentinel_is_allowed(consumer_credit, application):
    """A declared sentinel may stand outside the bounds."""
    parsed = request.parse(consumer_credit, application | {"past_due_90_days_count": 98})

    assert parsed["past_due_90_days_count"] == 98


@pytest.mark.parametrize("value", ["boat", 1, True, ["own"], "OWN", ""])
def test_a_text_is_one_of_its_categories(cards, value):
    """A text outside the portfolio's list is refused with the list."""
    with pytest.raises(request.InvalidRequest) as raised:
        request.parse(cards, {"housing": value})

    assert raised.value.problems == {"housing": "must be one of rent, own, parents"}


def test_what_is_accepted_is_clean(consumer_credit):
    """Cleaning refuses no request that was accepted, and both read the same numbers."""
    rng = np.random.default_rng(3)
    pool = [None, 0, 1, 2.0, 0.5, -1, 60, 61, 96, 98, 100, 101, 1e6, 1e6 + 1, 1e7, "1", True]
    accepted = []
    for _ in range(20_000):
        body = {
            each.name: pool[rng.integers(len(pool) if rng.random() < 0.2 else 4)]
            for each in consumer_credit.request_fields
        }
        try:
            accepted.append(request.parse(consumer_credit, body))
        except request.InvalidRequest:
            continue
    columns = {
        each.name: np.array([row[each.name] for row in accepted], dtype=object)
        for each in consumer_credit.request_fields
    }

    cleaned = clean(consumer_credit, columns)

    assert len(accepted) > 100
    assert cleaned.reasons == {}
