"""The `sql` way in: one month of a warehouse becomes raw partitions, or nothing does."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pyarrow.parquet as pq
import pytest

from solvencia import extract, layout, months, raw

PERIOD = "2026-10"


def read(s3: Any, bucket: str, table: str, period: str = PERIOD) -> Any:
    key = layout.raw_partition("consumer_credit", table, period) + "part-0000.parquet"
    return pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))


def snapshot(s3: Any, bucket: str) -> dict[str, bytes]:
    return {
        key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in raw.list_keys(s3, bucket, "")
    }


def test_a_month_is_copied_in_the_portfolios_types(warehouse, s3, bucket, product, tmp_path):
    """Only the month's rows are copied, sorted by key, typed as the portfolio says."""
    manifest = extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)

    income = read(s3, bucket, "income")
    assert income.to_pylist() == [
        {
            "applicant_id": 1001,
            "recorded_on": date(2026, 10, 1),
            "monthly_income_usd": 3200.5,
            "debt_ratio": 0.31,
        },
        {
            "applicant_id": 1002,
            "recorded_on": date(2026, 10, 15),
            "monthly_income_usd": None,
            "debt_ratio": 1450.0,
        },
        {
            "applicant_id": 1003,
            "recorded_on": date(2026, 10, 31),
            "monthly_income_usd": 2500.0,
            "debt_ratio": 0.1,
        },
    ]
    assert [str(kind) for kind in income.schema.types] == [
        "int64",
        "date32[day]",
        "double",
        "double",
    ]
    assert {name: table["rows"] for name, table in manifest["tables"].items()} == {
        "application": 3,
        "applicant": 3,
        "income": 3,
        "bureau": 3,
        "performance": 2,
    }


def test_the_manifest_declares_what_lies_there(warehouse, s3, bucket, product, tmp_path):
    """The manifest carries each object's key, size and SHA-256, and comes back as stored."""
    manifest = extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)

    stored = raw.read_manifest(s3, bucket, product.name, PERIOD)
    entry = stored["tables"]["bureau"]["objects"][0]
    head = s3.head_object(Bucket=bucket, Key=entry["key"])
    assert stored == manifest
    assert (stored["portfolio"], stored["period"], stored["way"]) == (product.name, PERIOD, "sql")
    assert entry["bytes"] == head["ContentLength"]
    assert entry["sha256"] == raw.digest(tmp_path / "bureau.parquet")


def test_a_rerun_replaces_the_partition_by_the_same_bytes(warehouse, s3, bucket, product, tmp_path):
    """Ingesting twice leaves the same objects, and none beside them."""
    extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)
    first = snapshot(s3, bucket)
    stale = layout.raw_partition(product.name, "income", PERIOD) + "part-0001.parquet"
    s3.put_object(Bucket=bucket, Key=stale, Body=b"left over")

    extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)

    assert snapshot(s3, bucket) == first


def test_how_rows_are_fetched_leaves_no_trace(
    warehouse, s3, bucket, product, tmp_path, monkeypatch
):
    """Small fetches and several row groups give the bytes that the rows alone decide."""
    monkeypatch.setattr(raw, "ROW_GROUP_ROWS", 2)
    extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)
    first = snapshot(s3, bucket)
    monkeypatch.setattr(extract, "ROWS_PER_FETCH", 1)

    extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)

    assert snapshot(s3, bucket) == first
    assert pq.ParquetFile(tmp_path / "income.parquet").num_row_groups == 2


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("DROP TABLE bureau", ["'bureau'", "[tables.bureau]", "Create or rename"]),
        (
            "ALTER TABLE income RENAME COLUMN debt_ratio TO ratio",
            ["'income'", "'debt_ratio'", "[tables.income]", "Add or rename the column"],
        ),
    ],
)
def test_a_missing_table_or_column_is_named(
    warehouse, s3, bucket, product, tmp_path, damage, named
):
    """A warehouse that lacks something says what, where it is declared, and the cure."""
    warehouse.execute(damage)

    with pytest.raises(extract.WarehouseMismatch) as fault:
        extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)

    assert all(text in str(fault.value) for text in named)
    assert snapshot(s3, bucket) == {}


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE applicant SET age_years = 'old' WHERE applicant_id = 1002", "'age_years'"),
        ("UPDATE applicant SET age_years = 44.5 WHERE applicant_id = 1002", "'age_years'"),
        (
            "UPDATE applicant SET recorded_on = '2026-10-15 12:30' WHERE applicant_id = 1002",
            "'recorded_on'",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named_without_the_value(
    warehouse, s3, bucket, product, tmp_path, damage, named
):
    """The fault names table, column and key; the applicant's value stays out of it."""
    warehouse.execute(damage)

    with pytest.raises(extract.UnfitValue) as fault:
        extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)

    assert "'applicant'" in str(fault.value)
    assert named in str(fault.value)
    assert "applicant_id 1002" in str(fault.value)
    assert not any(value in str(fault.value) for value in ("old", "44.5", "12:30"))
    assert snapshot(s3, bucket) == {}


def test_an_empty_month_keeps_the_old_partition(warehouse, s3, bucket, product, tmp_path):
    """A table without a row in the month is refused by name, and what was there stays whole."""
    extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)
    before = snapshot(s3, bucket)
    warehouse.execute("DELETE FROM income WHERE recorded_on >= '2026-10-01'")

    with pytest.raises(raw.EmptyMonth, match=r"empty month: table 'income'.*2026-10"):
        extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)

    assert snapshot(s3, bucket) == before


def move_all_but_performance(warehouse: Any, day: str) -> None:
    warehouse.execute("UPDATE application SET applied_on = ?", (day,))
    warehouse.execute("UPDATE applicant SET recorded_on = ?", (day,))
    warehouse.execute("UPDATE income SET recorded_on = ?", (day,))
    warehouse.execute("UPDATE bureau SET recorded_on = ?", (day,))


def test_no_performance_is_expected_before_the_first_window_closes(
    warehouse, s3, bucket, product, tmp_path
):
    """In the first 24 months the label's table is empty, and still is a table of the right type."""
    move_all_but_performance(warehouse, "2024-10-05")

    extract.ingest(warehouse, s3, bucket, product, "2024-10", tmp_path)

    assert read(s3, bucket, "performance", "2024-10").num_rows == 0
    assert read(s3, bucket, "performance", "2024-10").schema.names[0] == "application_id"


def test_performance_is_expected_once_the_first_window_has_closed(
    warehouse, s3, bucket, product, tmp_path
):
    """From the 25th month on, a month without outcomes is an empty month."""
    move_all_but_performance(warehouse, "2024-11-05")

    with pytest.raises(raw.EmptyMonth, match="'performance'"):
        extract.ingest(warehouse, s3, bucket, product, "2024-11", tmp_path)


def test_an_upload_that_fails_leaves_no_half_period(warehouse, s3, bucket, product, tmp_path):
    """When the last table cannot be uploaded, neither objects nor a manifest are left."""
    extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)
    parts = {
        table.name: raw.write_part(
            tmp_path / f"{table.name}.parquet",
            table,
            extract.read(warehouse, product, table, PERIOD),
        )
        for table in product.tables.values()
    }
    parts["performance"].path.unlink()

    with pytest.raises(FileNotFoundError):
        raw.publish(s3, bucket, product, PERIOD, "sql", parts)

    assert snapshot(s3, bucket) == {}


def test_postgresql_orders_text_by_bytes(product):
    """Text sorts alike in every warehouse: PostgreSQL is told to, whatever its locale."""
    from solvencia.portfolio import Table

    table = Table("branch", ("code",), "opened_on", {"code": "text", "opened_on": "date"})

    assert '"code" COLLATE "C"' in extract.select(table, PERIOD, is_postgres=True)
    assert "COLLATE" not in extract.select(table, PERIOD, is_postgres=False)


def test_a_model_needs_matured_applications_beside_the_test(product):
    """24 months until the first outcome and 7 months of test: the first model is of 2025-06."""
    assert months.first_trainable(product) == "2025-06"
    assert not months.is_trainable(product, "2025-05")
    assert months.is_trainable(product, "2025-06")
