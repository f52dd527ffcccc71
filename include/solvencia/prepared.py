"""The Glue table `prepared`: its DDL, generated from the portfolio, and its registration.

Each period is a partition whose `part=N/` folders Athena reads recursively, so `part` is no column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from solvencia import layout
from solvencia.catalogue import GLUE_TYPES
from solvencia.portfolio import Portfolio

TABLE = "prepared"


def create_table(portfolio: Portfolio, bucket: str) -> str:
    """Return the CREATE statement of the portfolio's prepared table."""
    columns = ",\n  ".join(
        f"`{each.name}` {GLUE_TYPES[each.type]}" for each in portfolio.prepared_fields
    )
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{TABLE}` (\n  {columns}\n)\n"
        "PARTITIONED BY (`period` string)\nSTORED AS PARQUET\n"
        f"LOCATION 's3://{bucket}/prepared/{portfolio.name}/'"
    )


def drop_table() -> str:
    """Return the DROP statement; the data stays, as the table is external."""
    return f"DROP TABLE IF EXISTS `{TABLE}`"


def add_partition(portfolio: Portfolio, bucket: str, period: str) -> str:
    """Return the statement that registers one period."""
    location = f"s3://{bucket}/{layout.prepared_partition(portfolio.name, period)}"
    return (
        f"ALTER TABLE `{TABLE}` ADD IF NOT EXISTS PARTITION (period = '{period}') "
        f"LOCATION '{location}'"
    )


def create_view(period: str) -> str:
    """Return the statement of the view that shows one period alone.

    Great Expectations asks Glue for a view's columns. Of a query it would fetch every row instead.
    """
    select = f"SELECT * FROM {TABLE} WHERE period = '{period}'"  # noqa: S608 - a checked period
    return f"CREATE OR REPLACE VIEW {view(period)} AS {select}"


def view(period: str) -> str:
    """Return the name of a period's view; each has its own, so that runs cannot mix them up."""
    layout.period_bounds(period)
    return f"{TABLE}_{period.replace('-', '_')}"


def register(
    run: Callable[[str], object],
    glue: Any,
    s3: Any,
    database: str,
    portfolio: Portfolio,
    bucket: str,
    period: str,
) -> list[str]:
    """Make the table, this period's partition and its view known; return the statements run.

    `run` executes one statement and waits. A table whose columns are not the portfolio's any more
    is dropped, created anew and given back every period that has files: a schema change in place
    (ALTER TABLE) would leave the old partitions with the old columns.
    """
    statements = []
    missing = [period]
    found = _columns(glue, database)
    wanted = [(each.name, GLUE_TYPES[each.type]) for each in portfolio.prepared_fields]
    if found is not None and found != wanted:
        statements.append(drop_table())
        missing = sorted({*_stored_periods(s3, bucket, portfolio), period})
    statements.append(create_table(portfolio, bucket))
    statements += [add_partition(portfolio, bucket, each) for each in missing]
    statements.append(create_view(period))
    for statement in statements:
        run(statement)
    return statements


def _columns(glue: Any, database: str) -> list[tuple[str, str]] | None:
    try:
        table = glue.get_table(DatabaseName=database, Name=TABLE)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return None
    return [(each["Name"], each["Type"]) for each in table["StorageDescriptor"]["Columns"]]


def _stored_periods(s3: Any, bucket: str, portfolio: Portfolio) -> Iterable[str]:
    prefix = layout.prepared_partition(portfolio.name, "").removesuffix("/")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, Delimiter="/"
    )
    for page in pages:
        for each in page.get("CommonPrefixes", []):
            yield each["Prefix"].removeprefix(prefix).removesuffix("/")
