from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from clean_oracle import judge
from conftest import make_prepared

from solvencia.clean import MissingColumn, clean

DIRT = [
    None, float("nan"), "", "  ", "abc", "1_000", "nan", "inf", float("inf"), True, [3], "12.5",
    " 7 ", "98", 96, 98.0, "1e2", "-1", -0.5, 1.5, 61, 101, 201, 1e7, 1e7 + 1, "+3", "٣", 0,
    0.9999999, "0.9999999",
]  # fmt: skip


def bits(values: np.ndarray) -> bytes:
    return np.asarray(values, dtype=np.float64).tobytes()


def make_dirty(consumer_credit, rows: int) -> dict[str, np.ndarray]:
    """Requests in which each value is dirt with a chance of one in eight."""
    rng = np.random.default_rng(5)
    columns = {}
    for each in consumer_credit.request_fields:
        column = np.empty(rows, dtype=object)
        for row in range(rows):
            clean_value = int(rng.integers(0, 9))
            is_dirty = rng.random() < 0.125
            column[row] = DIRT[rng.integers(len(DIRT))] if is_dirty else clean_value
        columns[each.name] = column
    return columns


def test_rules_agree_with_the_oracle(consumer_credit):
    """Planted dirt of every kind is cleaned or refused as a second writing of the rules says."""
    columns = make_dirty(consumer_credit, 3000)
    expected = pd.DataFrame(columns).apply(judge, axis=1)

    cleaned = clean(consumer_credit, columns)

    refused = {row: frozenset(reasons) for row, reasons in cleaned.reasons.items()}
    assert refused == {row: why for row, why in enumerate(expected["reasons"]) if why}
    assert cleaned.is_accepted.tolist() == [not why for why in expected["reasons"]]
    assert 500 < len(refused) < 2500
    for each in consumer_credit.features:
        wanted = expected[each.name].to_numpy(dtype=np.float64)[cleaned.is_accepted]
        assert bits(cleaned.columns[each.name][cleaned.is_accepted]) == bits(wanted), each.name


def test_a_row_alone_is_cleaned_as_in_a_batch(consumer_credit):
    """One request gives the bits and the reasons that it has among thousands."""
    columns = make_dirty(consumer_credit, 400)

    batch = clean(consumer_credit, columns)

    for row in range(400):
        alone = clean(
            consumer_credit, {name: each[row : row + 1] for name, each in columns.items()}
        )
        assert alone.reasons.get(0) == batch.reasons.get(row)
        for name, values in alone.columns.items():
            assert bits(values) == bits(batch.columns[name][row : row + 1])


def test_a_request_is_cleaned_as_its_prepared_row(consumer_credit):
    """Values that came as JSON give the bits that the same values give from Parquet."""
    prepared = make_prepared(500)
    batch = clean(consumer_credit, prepared)

    for row in range(500):
        request = {
            each.name: np.array(
                [None if np.isnan(value := float(prepared[each.name][row])) else value],
                dtype=object,
            )
            for each in consumer_credit.request_fields
        }
        alone = clean(consumer_credit, request)
        for each in consumer_credit.features:
            assert bits(alone.columns[each.name]) == bits(batch.columns[each.name][row : row + 1])


def test_age_zero_is_missing_and_a_child_is_refused(consumer_credit):
    """An age of 0 means not recorded; an age below the bound refuses the row."""
    prepared = make_prepared(3) | {"age_years": np.array([0, 17, 44])}

    cleaned = clean(consumer_credit, prepared)

    assert np.isnan(cleaned.columns["age_years"][0])
    assert cleaned.reasons == {1: ("age_years: below 18",)}


@pytest.mark.parametrize(
    ("income", "ratio", "expected_ratio", "expected_debt"),
    [(None, 900.0, None, 900.0), (2000.0, 0.25, 0.25, 500.0), (2000.0, None, None, None)],
)
def test_a_ratio_without_income_is_an_amount(
    consumer_credit, application, income, ratio, expected_ratio, expected_debt
):
    """Where the income is missing the debt ratio moves to the monthly debt, in USD."""
    given = application | {"monthly_income_usd": income, "debt_ratio": ratio}
    columns = {name: np.array([value], dtype=object) for name, value in given.items()}

    cleaned = clean(consumer_credit, columns).columns

    found = [cleaned["debt_ratio"][0], cleaned["monthly_debt_usd"][0]]
    wanted = [np.nan if each is None else each for each in (expected_ratio, expected_debt)]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("counts", "total", "severity"),
    [((1, 2, 3), 6, 14), ((0, 0, 0), 0, 0), ((1, 98, 3), None, None)],
)
def test_a_sum_is_missing_where_a_part_is(consumer_credit, application, counts, total, severity):
    """A declared sum weights its parts, and one that is not reported leaves it unknown."""
    names = [f"past_due_{days}_days_count" for days in ("30_59", "60_89", "90")]
    given = application | dict(zip(names, counts, strict=True))
    columns = {name: np.array([value], dtype=object) for name, value in given.items()}

    cleaned = clean(consumer_credit, columns).columns

    found = [cleaned["past_due_count"][0], cleaned["past_due_severity"][0]]
    wanted = [np.nan if each is None else each for each in (total, severity)]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("given", "ratio", "state"), [(0, None, 0), ("0.9999999", None, 1), (0.5, 0.5, None)]
)
def test_a_sentinel_keeps_its_meaning(consumer_credit, application, given, ratio, state):
    """A sentinel leaves the number and becomes a category; an ordinary value has none."""
    columns = {name: np.array([value], dtype=object) for name, value in application.items()}
    columns["revolving_utilisation_ratio"] = np.array([given], dtype=object)

    cleaned = clean(consumer_credit, columns).columns

    found = [cleaned["revolving_utilisation_ratio"][0], cleaned["revolving_state"][0]]
    wanted = [np.nan if each is None else each for each in (ratio, state)]
    np.testing.assert_array_equal(found, wanted)


def test_categories_are_coded_by_their_place(cards):
    """A text becomes its place in the portfolio's list; an unknown one refuses the row."""
    columns = {
        "card_no": np.array(["7", "8", None, "9"], dtype=object),
        "asked_on": np.array(["2025-01-31", "2025-02-30", None, "2025-03-01"], dtype=object),
        "housing": np.array(["parents", " rent ", "boat", None], dtype=object),
        "years_at_address": np.array(["2.5", None, 1, 0], dtype=object),
    }

    cleaned = clean(cards, columns)

    assert cleaned.columns["housing"][:2].tolist() == [2.0, 0.0]
    assert cleaned.columns["asked_on"][0] == np.datetime64("2025-01-31")
    assert cleaned.reasons == {
        1: ("asked_on: not a date",),
        2: ("card_no: missing", "asked_on: missing", "housing: unknown category"),
        3: ("housing: missing",),
    }


def test_a_missing_column_is_named(consumer_credit):
    """Data without a request field stop the run and say which."""
    prepared = make_prepared(2)
    del prepared["debt_ratio"]

    with pytest.raises(MissingColumn, match="has no column debt_ratio") as raised:
        clean(consumer_credit, prepared)

    assert raised.value.columns == ["debt_ratio"]


def test_arguments_are_not_changed(consumer_credit):
    """Cleaning leaves the caller's arrays as they were."""
    prepared = make_prepared(200)
    copies = {name: each.copy() for name, each in prepared.items()}

    clean(consumer_credit, prepared)

    for name, each in prepared.items():
        np.testing.assert_array_equal(each, copies[name])
