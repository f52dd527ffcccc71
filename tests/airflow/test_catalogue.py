"""The crawler's tables against the portfolio, and the prepared table's registration."""

from __future__ import annotations

import uuid
from typing import Any

import boto3
import pytest

from solvencia import catalogue, prepared

GLUE_TYPES = {"integer": "bigint", "number": "double", "text": "string", "date": "date"}


@pytest.fixture
def glue(aws: str) -> Any:
    return boto3.client("glue")


@pytest.fixture
def database(glue, product):
    """A Glue database as a crawl of sound data leaves it."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    glue.create_database(DatabaseInput={"Name": name})
    for table in product.tables.values():
        columns = {column: GLUE_TYPES[kind] for column, kind in table.columns.items()}
        create(glue, name, table.name, columns)
    return name


def create(glue: Any, database: str, table: str, columns: dict[str, str]) -> None:
    storage = {
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        "Location": f"s3://raw/{table}/",
    }
    glue.create_table(
        DatabaseName=database,
        TableInput={
            "Name": table,
            "PartitionKeys": [{"Name": "period", "Type": "string"}],
            "StorageDescriptor": storage,
        },
    )
    glue.batch_create_partition(
        DatabaseName=database,
        TableName=table,
        PartitionInputList=[{"Values": ["2026-10"], "StorageDescriptor": storage}],
    )


def test_a_sound_catalogue_passes(glue, database, product):
    """Every table that agrees with the portfolio is counted."""
    assert catalogue.check(glue, database, product, "2026-10") == 5


def test_all_disagreements_are_named_at_once(glue, database, product):
    """Missing table, missing, surplus and mistyped columns: each with its table and column."""
    glue.delete_table(DatabaseName=database, Name="bureau")
    glue.delete_table(DatabaseName=database, Name="income")
    create(
        glue,
        database,
        "income",
        {
            "applicant_id": "bigint",
            "recorded_on": "string",
            "monthly_income_usd": "double",
            "bonus_usd": "double",
        },
    )

    with pytest.raises(catalogue.CatalogueMismatch) as fault:
        catalogue.check(glue, database, product, "2026-10")

    assert fault.value.problems == [
        "table 'income': column 'debt_ratio' is missing",
        "table 'income': column 'bonus_usd' is not in the portfolio",
        "table 'income': column 'recorded_on' has type string, the portfolio says date",
        "table 'bureau': the crawler found no such table",
    ]


def test_a_period_that_was_not_crawled_is_named(glue, database, product):
    """A partition that the crawler did not register is a disagreement of every table."""
    with pytest.raises(catalogue.CatalogueMismatch) as fault:
        catalogue.check(glue, database, product, "2026-11")

    assert fault.value.problems[0] == "table 'application': partition period=2026-11 is missing"
    assert len(fault.value.problems) == 5


def test_the_prepared_table_is_declared_by_the_portfolio(product):
    """The DDL names each prepared field with its Athena type, and no part column."""
    statement = prepared.create_table(product, "lake")

    assert statement.startswith("CREATE EXTERNAL TABLE IF NOT EXISTS `prepared` (")
    assert "`application_id` bigint" in statement
    assert "`applied_on` date" in statement
    assert "`debt_ratio` double" in statement
    assert "monthly_debt_usd" not in statement
    assert "part" not in statement.replace("PARTITIONED", "").replace("s3://", "")
    assert statement.endswith("LOCATION 's3://lake/prepared/consumer_credit/'")


def register(glue, s3, database, product, bucket):
    return prepared.register(lambda statement: None, glue, s3, database, product, bucket, "2026-10")


def test_a_new_table_gets_this_periods_partition(glue, s3, bucket, database, product):
    """Where the table is new, it is created, the period added and the view made."""
    statements = register(glue, s3, database, product, bucket)

    assert [each.split(" `")[0].split(" prepared")[0] for each in statements] == [
        "CREATE EXTERNAL TABLE IF NOT EXISTS",
        "ALTER TABLE",
        "CREATE OR REPLACE VIEW",
    ]
    assert f"s3://{bucket}/prepared/consumer_credit/period=2026-10/" in statements[1]


def test_a_table_with_other_columns_is_made_anew_with_all_its_periods(
    glue, s3, bucket, database, product
):
    """After a change of the portfolio every stored period comes back with the new columns."""
    create(glue, database, "prepared", {"application_id": "bigint", "was_dropped": "string"})
    for period in ("2026-08", "2026-09"):
        key = f"prepared/consumer_credit/period={period}/part=0/x.parquet"
        s3.put_object(Bucket=bucket, Key=key, Body=b"")

    statements = register(glue, s3, database, product, bucket)

    assert statements[0] == "DROP TABLE IF EXISTS `prepared`"
    assert statements[1].startswith("CREATE EXTERNAL TABLE")
    assert [each[-16:-1] for each in statements[2:5]] == [
        "period=2026-08/",
        "period=2026-09/",
        "period=2026-10/",
    ]
