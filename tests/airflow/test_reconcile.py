"""Counts that must agree between stages, and what is said when they do not."""

from __future__ import annotations

import dataclasses
import json
from datetime import date

import pytest

from solvencia import extract, layout, reconcile
from solvencia.portfolio import Field, Schedule

PERIOD = "2026-10"
COUNTED = {"raw_applications": 4, "prepared": 1, "immature": 2, "repeated_keys": 1}


@pytest.fixture
def young(product):
    """The portfolio, had it begun in 2026-09."""
    return dataclasses.replace(product, schedule=Schedule(date(2026, 9, 1), date(2026, 10, 31)))


@pytest.fixture
def ingested(warehouse, s3, bucket, product, tmp_path):
    """Two periods with 1 and 3 applications, and a later one that does not count."""
    for period in ("2026-09", "2026-10"):
        extract.ingest(warehouse, s3, bucket, product, period, tmp_path)


@pytest.fixture
def keeping(young):
    """The young portfolio, had it kept the applications that it declined."""
    decision = Field("is_approved", "decision", "integer", minimum=0, maximum=1)
    return dataclasses.replace(young, fields={**young.fields, decision.name: decision})


def part(number, prepared=10, train=7, quarantined=3, by=None):
    return {
        "part": number,
        "prepared": prepared,
        "cleaned": {"train": train, "validation": 0, "test": 0},
        "quarantined": quarantined,
        "quarantined_by": by or {"age_years: below 18": quarantined},
    }


def bound(unexpected, column="age_years", kind="expect_column_values_to_be_between"):
    return {"type": kind, "column": column, "severity": "warning", "unexpected": unexpected}


def test_counts_that_agree_are_reported(ingested, s3, bucket, young):
    """prepared + immature + repeated = raw, and raw is what the manifests declare."""
    report = reconcile.check_prepared(s3, bucket, young, PERIOD, COUNTED)

    key = layout.report(young.name, PERIOD, "prepare")
    stored = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert report == stored == COUNTED | {"declared_applications": 4, "periods": 2}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"immature": 1}, "raw applications 4 are not prepared 1 + immature 1 + repeated_keys 1"),
        (
            {"raw_applications": 5, "immature": 3},
            "Athena reads 5 raw applications, the 2 manifests up to 2026-10 declare 4",
        ),
    ],
)
def test_rows_lost_before_prepare_are_named(ingested, s3, bucket, young, change, problem):
    """A sum that does not add up, or rows that no manifest declares, stop the run."""
    with pytest.raises(reconcile.Unreconciled) as fault:
        reconcile.check_prepared(s3, bucket, young, PERIOD, COUNTED | change)

    assert fault.value.problems == [problem]


def test_a_month_that_was_never_ingested_is_named(ingested, s3, bucket, product):
    """A gap in the history would train a model on less than it seems."""
    with pytest.raises(reconcile.Unreconciled) as fault:
        reconcile.check_prepared(s3, bucket, product, PERIOD, COUNTED)

    assert fault.value.problems == [
        "46 months have no raw data, 2022-11 to 2026-08: ingest or deliver them"
    ]


def test_clean_counts_are_added_up(s3, bucket, product):
    """The parts' counts are summed, by split and by reason."""
    outputs = [part(number) for number in (2, 0, 1, 3)]

    report = reconcile.check_cleaned(s3, bucket, product, PERIOD, outputs, 40, [bound(12)])

    assert report == {
        "prepared": 40,
        "cleaned": {"train": 28, "validation": 0, "test": 0},
        "quarantined": 12,
        "quarantined_by": {"age_years: below 18": 12},
        "parts": 4,
    }


@pytest.mark.parametrize(
    ("outputs", "prepared", "rules", "problem"),
    [
        (
            [part(0), part(1, train=6), part(2), part(3)],
            40,
            [bound(12)],
            "part 1: prepared 10 is not cleaned 6 + quarantined 3",
        ),
        ([part(0), part(1), part(3)], 30, [bound(9)], "3 parts answered, not 0 to 3"),
        (
            [part(number) for number in range(4)],
            41,
            [bound(12)],
            "the Lambdas read 40 rows, prepare wrote 41",
        ),
        (
            [part(number) for number in range(4)],
            40,
            [bound(11)],
            "expect_column_values_to_be_between on age_years failed 11 times in validate, "
            "clean quarantined 12 rows for it",
        ),
        (
            [part(number) for number in range(4)],
            40,
            [bound(12), bound(1, "debt_ratio", "expect_column_values_to_not_be_null")],
            "expect_column_values_to_not_be_null on debt_ratio failed 1 times in validate, "
            "clean quarantined 0 rows for it",
        ),
    ],
)
def test_rows_lost_in_clean_are_named(s3, bucket, product, outputs, prepared, rules, problem):
    """A part that loses rows, a part that is missing, or two readings of a rule stop the run."""
    with pytest.raises(reconcile.Unreconciled) as fault:
        reconcile.check_cleaned(s3, bucket, product, PERIOD, outputs, prepared, rules)

    assert fault.value.problems == [problem]


def decided(number, declined=4, cleaned=3, quarantined=1):
    """A part's counts; 10 prepared rows, some of them declined."""
    found = part(number, train=7 - cleaned)
    return found | {
        "cleaned": {**found["cleaned"], "declined": cleaned},
        "declined": {"prepared": declined, "quarantined": quarantined},
    }


def test_reconcile_counts_the_declined(ingested, s3, bucket, keeping):
    """Without the count in reconcile.sql nobody could tell where the declined went."""
    with pytest.raises(reconcile.Unreconciled) as fault:
        reconcile.check_prepared(s3, bucket, keeping, PERIOD, COUNTED)

    counted = COUNTED | {"declined": 1}
    assert fault.value.problems == [
        "no declined of 1 prepared: have reconcile.sql count, as `declined`, the rows of "
        "`prepared` with is_approved = 0"
    ]
    assert reconcile.check_prepared(s3, bucket, keeping, PERIOD, counted)["declined"] == 1


def test_declined_rows_are_added_up(s3, bucket, keeping):
    """Each that prepare wrote is declined or quarantined after clean."""
    outputs = [decided(number) for number in range(4)]

    report = reconcile.check_cleaned(s3, bucket, keeping, PERIOD, outputs, 40, [bound(12)], 16)

    assert report["declined"] == {"prepared": 16, "quarantined": 4}
    assert report["cleaned"] == {"train": 16, "validation": 0, "test": 0, "declined": 12}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"declined": 5, "quarantined": 2}, "the Lambdas read 17 declined rows, prepare wrote 16"),
        ({"cleaned": 2}, "declined 16 is not cleaned 11 + quarantined 4"),
    ],
)
def test_a_declined_row_in_another_split_is_named(s3, bucket, keeping, change, problem):
    """A row without outcome that trained or tested would poison the model's figures."""
    outputs = [decided(0, **change), *(decided(number) for number in (1, 2, 3))]

    with pytest.raises(reconcile.Unreconciled) as fault:
        reconcile.check_cleaned(s3, bucket, keeping, PERIOD, outputs, 40, [bound(12)], 16)

    assert fault.value.problems == [problem]
