"""The suite of the prepared data: generated, readable, and run as SQL."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from solvencia import expectations, layout, portfolio, raw, validate
from solvencia.portfolio import Field

ROOT = Path(__file__).resolve().parents[2]

GOOD = {
    "application_id": 1,
    "applied_on": "2024-10-31",
    "is_seriously_delinquent": 0,
    "age_years": 44,
    "revolving_utilisation_ratio": 0.4,
    "past_due_30_59_days_count": 98,
    "past_due_60_89_days_count": 0,
    "past_due_90_days_count": 96,
    "debt_ratio": 0.3,
    "monthly_income_usd": None,
    "open_credit_lines_count": 3,
    "real_estate_loans_count": 1,
    "dependents_count": None,
    "period": "2026-10",
}


@pytest.mark.parametrize("name", portfolio.names())
def test_the_committed_suite_is_the_generated_one(name):
    """A portfolio that changed needs its suite generated anew."""
    committed = (ROOT / "expectations" / name / "prepared.json").read_text(encoding="utf-8")

    assert committed == expectations.to_json(portfolio.load(name))


def test_every_expectation_can_be_read_by_a_risk_officer(product):
    """Each expectation says in words what it wants, and how grave it is."""
    rules = expectations.suite(product)["expectations"]

    assert {rule["severity"] for rule in rules} == {"critical", "warning"}
    assert all(rule["meta"]["notes"].endswith(".") for rule in rules)


def test_sentinels_are_no_bad_values(product):
    """96 and 98 stand for 'not reported': the bound of 60 does not concern them."""
    bound = next(
        rule
        for rule in expectations.suite(product)["expectations"]
        if rule["kwargs"].get("column") == "past_due_90_days_count"
        and rule["type"] == "expect_column_values_to_be_between"
    )

    assert bound["kwargs"]["max_value"] == 60
    assert bound["kwargs"]["row_condition"]["operator"] == "NOT_IN"
    assert bound["kwargs"]["row_condition"]["parameter"] == [96, 98]


def test_the_last_matured_day_ends_the_month_two_years_before():
    """A window of 24 months that closes in the period began in that month at the latest."""
    product = portfolio.load("consumer_credit")

    assert validate.last_matured_day(product, "2026-10") == date(2024, 10, 31)
    assert validate.last_matured_day(product, "2026-02") == date(2024, 2, 29)
    assert validate.last_matured_day(product, "2025-12") == date(2023, 12, 31)


@pytest.fixture
def run(product, tmp_path):
    """Validate literal rows in SQLite; return the outcomes that do not hold."""

    def run(rows, product=product):
        database = tmp_path / "prepared.sqlite"
        database.unlink(missing_ok=True)
        connection = sqlite3.connect(database)
        types = {"applied_on": "DATE", "period": "TEXT"}
        columns = ", ".join(f"{name} {types.get(name, 'REAL')}" for name in rows[0])
        connection.execute(f"CREATE TABLE prepared ({columns})")
        marks = ", ".join("?" * len(rows[0]))
        values = [tuple(row.values()) for row in rows]
        connection.executemany(f"INSERT INTO prepared VALUES ({marks})", values)  # noqa: S608
        connection.execute(
            "CREATE VIEW prepared_2026_10 AS SELECT * FROM prepared WHERE period = '2026-10'"
        )
        connection.commit()
        connection.close()
        suite = json.loads(expectations.to_json(product))
        return validate.validate(
            product, "2026-10", suite, f"sqlite:///{database}", tmp_path / "docs"
        )

    return run


def test_rows_are_counted_and_critical_faults_stop_the_run(run, s3, bucket, product, tmp_path):
    """A doubled key and a label known too early stop the run; bad single rows are counted only."""
    outcomes = run(
        [
            GOOD,
            GOOD | {"application_id": 2, "age_years": 0},
            GOOD | {"application_id": 3, "age_years": 7, "past_due_30_59_days_count": 61},
            GOOD | {"application_id": 3, "open_credit_lines_count": None},
            GOOD | {"application_id": 4, "applied_on": "2024-11-01"},
            GOOD | {"application_id": 1, "period": "2026-09"},
        ]
    )

    with pytest.raises(validate.ExpectationsFailed) as fault:
        validate.publish(s3, bucket, product, "2026-10", outcomes, tmp_path / "docs")

    assert {
        (each.severity, each.type[len("expect_") :], each.column, each.unexpected)
        for each in outcomes
        if not each.success
    } == {
        ("critical", "column_values_to_be_unique", "application_id", 2),
        ("critical", "column_values_to_be_between", "applied_on", 1),
        ("warning", "column_values_to_be_between", "age_years", 1),
        ("warning", "column_values_to_be_between", "past_due_30_59_days_count", 1),
        ("warning", "column_values_to_not_be_null", "open_credit_lines_count", 1),
    }
    assert "expect_column_values_to_be_unique on column 'application_id'" in str(fault.value)
    assert "expected min_value 2022-11-01, max_value 2024-10-31; observed 1 of 5 rows" in str(
        fault.value
    )
    index = layout.data_docs_prefix(product.name, "2026-10") + "index.html"
    assert f"s3://{bucket}/{index}" in str(fault.value)
    assert index in raw.list_keys(s3, bucket, "data_docs/")
    report = s3.get_object(Bucket=bucket, Key=layout.report(product.name, "2026-10", "validate"))
    assert json.loads(report["Body"].read())["failed"] == 5


def test_only_the_approved_must_have_an_outcome(run, product):
    """A declined application without one is right; with one, or an approved without, is not."""
    decision = Field("is_approved", "decision", "integer", minimum=0, maximum=1)
    keeping = replace(product, fields={**product.fields, decision.name: decision})
    approved = GOOD | {"is_approved": 1}
    declined = GOOD | {"is_approved": 0, "is_seriously_delinquent": None}
    sound = [approved, declined | {"application_id": 2}]

    good = run(sound, keeping)
    bad = run(
        [
            *sound,
            approved | {"application_id": 3, "is_seriously_delinquent": None},
            declined | {"application_id": 4, "is_seriously_delinquent": 1},
            approved | {"application_id": 5, "is_approved": 2},
            approved | {"application_id": 6, "is_approved": None},
        ],
        keeping,
    )

    assert [each.describe() for each in good if not each.success] == []
    assert {
        (each.severity, each.type[len("expect_column_values_to_") :], each.column, each.unexpected)
        for each in bad
        if not each.success
    } == {
        ("critical", "not_be_null", "is_seriously_delinquent", 1),
        ("critical", "be_null", "is_seriously_delinquent", 1),
        ("critical", "be_in_set", "is_approved", 1),
        ("critical", "not_be_null", "is_approved", 1),
    }


def test_no_value_of_an_applicant_reaches_the_data_docs(run, tmp_path):
    """The docs count what is wrong; they do not show it."""
    run([GOOD | {"age_years": 171717}])

    pages = "".join(page.read_text() for page in (tmp_path / "docs").rglob("*.html"))
    assert "age_years" in pages
    assert "171717" not in pages


def test_an_empty_period_stops_the_run(run):
    """A period in which nothing has matured fails by its row count."""
    outcomes = run([GOOD | {"period": "2026-09"}])

    assert [each.type for each in outcomes if not each.success] == [
        "expect_table_row_count_to_be_between"
    ]
