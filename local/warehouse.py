"""The lenders' warehouses: one database for each Airflow connection that a portfolio names.

A portfolio's connection is SQLite in `build/warehouse/<portfolio>.sqlite`, unless the environment
names another database for it (`AIRFLOW_CONN_<ID>`).
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from local.samples import SAMPLES
from solvencia import layout, portfolio
from solvencia.portfolio import Portfolio
from solvencia.reconcile import application_table


class UnknownWarehouse(ValueError):
    """A connection names a database that is not there, or none that this machine can read."""


def variable(product: Portfolio) -> str:
    """Return the environment variable of the portfolio's Airflow connection."""
    return f"AIRFLOW_CONN_{product.warehouse.upper()}"


def connections(folder: Path) -> dict[str, str]:
    """Return the Airflow connection of every portfolio folder, by environment variable.

    A portfolio with a sample comes first where several name the same connection.
    """
    found: dict[str, str] = {}
    for name in sorted(portfolio.names(), key=lambda each: (each not in SAMPLES, each)):
        product = portfolio.load(name)
        found.setdefault(variable(product), connection_json(folder / f"{name}.sqlite"))
    return {name: os.environ.get(name) or default for name, default in found.items()}


def connection_json(database: Path) -> str:
    """Return the Airflow connection to a SQLite file, as its environment variable wants it."""
    return json.dumps({"conn_type": "sqlite", "host": str(database)})


def read_connection(value: str) -> dict[str, Any]:
    """Return an Airflow connection's parts from its JSON or its URI form; raise UnknownWarehouse.

    A SQLite connection has its file's path under `host`.
    """
    if value.lstrip().startswith("{"):
        given: dict[str, Any] = json.loads(value)
    else:
        parts = urlsplit(value)
        given = {
            "conn_type": parts.scheme,
            "host": unquote(parts.hostname or ""),
            "port": parts.port,
            "login": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "schema": unquote(parts.path.lstrip("/")),
        }
        if parts.scheme == "sqlite":
            given["host"] = unquote(parts.netloc) or unquote(parts.path)
    if given["conn_type"] not in ("sqlite", "postgres", "postgresql"):
        raise UnknownWarehouse(
            f"the warehouse's connection has type {given['conn_type']!r}: on this machine it can "
            "be sqlite or postgres"
        )
    return given


def connect(value: str) -> Any:
    """Open a DB-API connection from an Airflow connection, in its JSON or URI form."""
    given = read_connection(value)
    if given["conn_type"] == "sqlite":
        return sqlite3.connect(given["host"])
    import psycopg2

    try:
        return psycopg2.connect(
            host=given.get("host") or None,
            port=given.get("port") or 5432,
            user=given.get("login") or None,
            password=given.get("password") or None,
            dbname=given.get("schema") or None,
        )
    except psycopg2.OperationalError as error:
        raise UnknownWarehouse(f"PostgreSQL does not answer as the connection says: {error}") from (
            error
        )


def require(product: Portfolio, value: str) -> None:
    """Raise UnknownWarehouse unless the lender's own tables are where the connection says."""
    given = read_connection(value)
    own = f"bring the tables there, or name another database in {variable(product)}"
    if given["conn_type"] == "sqlite" and not Path(given["host"]).is_file():
        raise UnknownWarehouse(
            f"portfolio {product.name!r} has no sample, and no warehouse at {given['host']}: {own}"
        )
    connection = connect(value)
    try:
        there = table_names(connection)
    finally:
        connection.close()
    # A name with a schema is looked for by the ingest task, which knows the database's dialect.
    wanted = {each.source_name for each in product.tables.values() if "." not in each.source_name}
    if absent := sorted(wanted - there):
        raise UnknownWarehouse(
            f"the warehouse of portfolio {product.name!r} has no table {', '.join(absent)}: {own}. "
            f"A portfolio of your own wants a connection of its own: set "
            f'warehouse = "warehouse_{product.name}" in its portfolio.toml'
        )


def table_names(connection: Any) -> set[str]:
    """Return the names of all tables and views."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        if isinstance(connection, sqlite3.Connection)
        else "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = current_schema()"
    )
    return {str(row[0]) for row in cursor.fetchall()}


def row_counts(connection: Any, product: Portfolio) -> dict[str, int]:
    """Return the rows of each of the portfolio's tables."""
    cursor = connection.cursor()
    counts = {}
    for table in product.tables.values():
        cursor.execute(f"SELECT count(*) FROM {table.source_name}")  # noqa: S608 - declared names
        counts[table.name] = int(cursor.fetchone()[0])
    return counts


def rows_outside(connection: Any, product: Portfolio, period: str) -> dict[str, int]:
    """Return the rows of each table that no month of the schedule up to `period` holds."""
    start, (_, end) = product.schedule.start, layout.period_bounds(period)
    cursor = connection.cursor()
    counts = {}
    for table in product.tables.values():
        cursor.execute(
            f"SELECT count(*) - count(CASE WHEN {table.time} >= '{start}' "  # noqa: S608 - declared names
            f"AND {table.time} < '{end}' THEN 1 END) FROM {table.source_name}"
        )
        counts[table.name] = int(cursor.fetchone()[0])
    return counts


def last_period(value: str, product: Portfolio) -> str:
    """Return the month that the portfolio ends with, else the newest with an application."""
    if product.schedule.end:
        return f"{product.schedule.end:%Y-%m}"
    table = product.tables[application_table(product)]
    (newest,) = _first_row(value, f"SELECT max({table.time}) FROM {table.source_name}")  # noqa: S608
    if newest is None:
        raise UnknownWarehouse(f"table {table.source_name} of {product.name!r} has no row yet")
    return f"{newest if isinstance(newest, date) else date.fromisoformat(str(newest)[:10]):%Y-%m}"


def newest_application(value: str, product: Portfolio) -> dict[str, Any] | None:
    """Return the request fields of a sample's last application; None where there is no sample."""
    if product.name not in SAMPLES:
        return None
    connection = connect(value)
    try:
        cursor = connection.cursor()
        cursor.execute(SAMPLES[product.name].newest)
        row = dict(zip(_columns(cursor), cursor.fetchone(), strict=True))
    finally:
        connection.close()
    return {each.name: row[each.name] for each in product.request_fields}


def _columns(cursor: Any) -> Iterable[str]:
    return [str(each[0]) for each in cursor.description]


def _first_row(value: str, query: str) -> tuple[Any, ...]:
    connection = connect(value)
    try:
        cursor = connection.cursor()
        cursor.execute(query)
        return tuple(cursor.fetchone())
    finally:
        connection.close()
