"""The `sql` way in: one month of the warehouse's tables, streamed into raw partitions.

Any DB-API connection will do; SQLite and PostgreSQL are tested. Memory holds one fetched batch
and one Parquet row group, whatever the table's size.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from solvencia import columns, layout, raw
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio, Table

ROWS_PER_FETCH = 10_000


class WarehouseMismatch(PermanentFault):
    """The warehouse lacks a table or a column that the portfolio declares."""


class UnfitValue(PermanentFault):
    """A value of the warehouse does not fit the type that the portfolio declares."""


def ingest(
    connection: Any, s3: Any, bucket: str, portfolio: Portfolio, period: str, folder: Path
) -> dict[str, Any]:
    """Copy one period of every table into raw; return the manifest.

    `folder` is scratch space for the period's Parquet files. All of them are written before
    the first is uploaded. Raises WarehouseMismatch, UnfitValue or EmptyMonth.
    """
    parts = {}
    for table in portfolio.tables.values():
        batches = read(connection, portfolio, table, period)
        parts[table.name] = raw.write_part(folder / f"{table.name}.parquet", table, batches)
    return raw.publish(s3, bucket, portfolio, period, "sql", parts)


def read(connection: Any, portfolio: Portfolio, table: Table, period: str) -> Iterator[Any]:
    """Yield one table's rows of one period as typed record batches, in the portfolio's order."""
    import pyarrow as pa

    _check_columns(connection, portfolio, table)
    schema = raw.arrow_schema(table)
    cursor = _open_cursor(connection)
    try:
        cursor.execute(select(table, period, is_postgres=_is_postgres(connection)))
        while rows := cursor.fetchmany(ROWS_PER_FETCH):
            try:
                arrays = columns.convert(table, list(zip(*rows, strict=True)))
            except columns.Unfit as unfit:
                raise _unfit(table, unfit, rows[unfit.row]) from unfit
            yield pa.record_batch(arrays, schema=schema)
    finally:
        cursor.close()


def select(table: Table, period: str, *, is_postgres: bool) -> str:
    """Return the query for one table and period; every column orders it, the key first."""
    first, after = layout.period_bounds(period)
    names = ", ".join(_quote(name) for name in table.columns)
    order = ", ".join(
        f"{_quote(name)} IS NOT NULL, {_quote(name)}{_collation(table, name, is_postgres)}"
        for name in columns.order(table)
    )
    time = _quote(table.time)
    return (
        f"SELECT {names} FROM {_quote_path(table.source_name)} "  # noqa: S608 - the portfolio's own names
        f"WHERE {time} >= '{first}' AND {time} < '{after}' ORDER BY {order}"
    )


def _check_columns(connection: Any, portfolio: Portfolio, table: Table) -> None:
    """Ask for no rows: the cursor's description names the columns on any database."""
    cursor = connection.cursor()
    where = f"[tables.{table.name}] of portfolios/{portfolio.name}/portfolio.toml"
    try:
        cursor.execute(f"SELECT * FROM {_quote_path(table.source_name)} WHERE 1 = 0")  # noqa: S608
    except Exception as error:
        # No two drivers share an exception for it: the text tells a missing table from the rest.
        text = str(error).lower()
        connection.rollback()
        if any(each in text for each in ("no such table", "does not exist", "permission denied")):
            raise WarehouseMismatch(
                f"the warehouse shows no table {table.source_name!r}, which {where} declares. "
                "Create or rename the table (or a view of that name), or grant the right to read "
                "it."
            ) from error
        raise
    found = [each[0] for each in cursor.description]
    cursor.close()
    missing = [name for name in table.columns if name not in found]
    if missing:
        raise WarehouseMismatch(
            f"table {table.source_name!r} of the warehouse has no column "
            f"{', '.join(map(repr, missing))}, which {where} declares; it has {', '.join(found)}. "
            "Add or rename the column, or change the portfolio."
        )


def _open_cursor(connection: Any) -> Any:
    """PostgreSQL sends a whole result at once unless the cursor is a named, server-side one."""
    if _is_postgres(connection):
        return connection.cursor(name=f"solvencia_{uuid.uuid4().hex}")
    return connection.cursor()


def _is_postgres(connection: Any) -> bool:
    kinds = {type(connection), *type(connection).__mro__}
    return any(kind.__module__.startswith("psycopg") for kind in kinds)


def _quote_path(name: str) -> str:
    """Quote a table's name, and its schema's before a dot."""
    return ".".join(map(_quote, name.split(".")))


def _quote(name: str) -> str:
    return f'"{name}"'


def _collation(table: Table, name: str, is_postgres: bool) -> str:
    """Text sorts by bytes everywhere, as SQLite and Arrow do by themselves."""
    return ' COLLATE "C"' if is_postgres and table.columns[name] == "text" else ""


def _unfit(table: Table, unfit: columns.Unfit, row: Any) -> UnfitValue:
    names = list(table.columns)
    key = ", ".join(f"{name} {row[names.index(name)]}" for name in table.key)
    return UnfitValue(
        f"table {table.source_name!r} of the warehouse, column {unfit.column!r}, row with {key}: "
        f"the value {unfit.problem}. Correct the row, or the column's type in the portfolio."
    )
