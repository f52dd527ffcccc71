"""The sample warehouse: the borrowers laid out as a lender's relational tables.

The layout in tables and the application dates are ours; every value is a real borrower's.
SQLite by default, PostgreSQL when the Airflow connection `warehouse` says so.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from local import sample
from solvencia import portfolio

CONNECTION_VARIABLE = "AIRFLOW_CONN_WAREHOUSE"
PORTFOLIO = "consumer_credit"
SQL_TYPES = {"integer": "BIGINT", "number": "DOUBLE PRECISION", "text": "TEXT", "date": "DATE"}
REFERENCES = {
    "application": "applicant (applicant_id)",
    "income": "applicant (applicant_id)",
    "bureau": "application (application_id)",
    "performance": "application (application_id)",
}
MARK = "solvencia_sample"  # its presence says that the tables are the sample's
ORDER = ("applicant", "application", "income", "bureau", "performance")
APPLICANT_OFFSET = 1_000_000  # persons and applications are different things: so are their ids


class NotOurs(RuntimeError):
    """The database holds a lender's own tables where the sample would be laid out."""


class UnknownWarehouse(ValueError):
    """The connection names a database that this project has no sample layout for."""


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
            f"{CONNECTION_VARIABLE} has type {given['conn_type']!r}: the sample warehouse can be "
            "laid out in sqlite or postgres; for any other, bring your own tables"
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
        raise UnknownWarehouse(
            f"PostgreSQL does not answer as {CONNECTION_VARIABLE} says: {error}"
        ) from error


@dataclass(frozen=True)
class LaidOut:
    """The rows of each table, and whether they were written just now."""

    rows: dict[str, int]
    is_new: bool


def lay_out(wheel: Path, value: str, limit: int | None = None) -> LaidOut:
    """Create and fill the tables in one transaction, unless the sample stands there already.

    A table of this name that is not the sample's is a lender's own: it is never touched, and
    NotOurs is raised. Only a sample of another size is written anew.
    """
    given = read_connection(value)
    if given["conn_type"] == "sqlite":
        Path(given["host"]).parent.mkdir(parents=True, exist_ok=True)
    connection = connect(value)
    try:
        there = _tables(connection)
        if MARK not in there:
            if taken := sorted(there & {*ORDER}):
                raise NotOurs(
                    f"the warehouse has tables of its own named {', '.join(taken)}; the sample is "
                    f"laid out only where none of {', '.join(ORDER)} exists. Give "
                    f"{CONNECTION_VARIABLE} an empty database, or leave it unset for the SQLite "
                    "sample"
                )
        elif row_counts(connection)["application"] == (limit or sample.BORROWERS):
            return LaidOut(row_counts(connection), is_new=False)
        return LaidOut(_fill(connection, wheel, limit), is_new=True)
    finally:
        connection.close()


def _tables(connection: Any) -> set[str]:
    cursor = connection.cursor()
    cursor.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if isinstance(connection, sqlite3.Connection)
        else "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = current_schema()"
    )
    return {str(row[0]) for row in cursor.fetchall()}


def row_counts(connection: Any) -> dict[str, int]:
    """Return the rows of each table of the portfolio."""
    cursor = connection.cursor()
    counts = {}
    for table in portfolio.load(PORTFOLIO).tables:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - names from the portfolio
        counts[table] = int(cursor.fetchone()[0])
    return counts


def newest_application(value: str) -> dict[str, Any]:
    """Return the request fields of the last application in the warehouse, by date and key."""
    wanted = portfolio.load(PORTFOLIO)
    by_column: dict[str, str] = {}
    for table in wanted.tables.values():
        for column in table.columns:
            by_column.setdefault(column, f"{table.name}.{column}")
    names = [each.name for each in wanted.request_fields]
    connection = connect(value)
    try:
        cursor = connection.cursor()
        cursor.execute(
            f"SELECT {', '.join(by_column[name] for name in names)} FROM application "  # noqa: S608
            "JOIN applicant ON applicant.applicant_id = application.applicant_id "
            "JOIN income ON income.applicant_id = application.applicant_id "
            "JOIN bureau ON bureau.application_id = application.application_id "
            "ORDER BY application.applied_on DESC, application.application_id DESC LIMIT 1"
        )
        return dict(zip(names, cursor.fetchone(), strict=True))
    finally:
        connection.close()


def _fill(connection: Any, wheel: Path, limit: int | None) -> dict[str, int]:
    tables = portfolio.load(PORTFOLIO).tables
    people = list(sample.borrowers(wheel, limit))
    is_sqlite = isinstance(connection, sqlite3.Connection)
    if is_sqlite:
        connection.isolation_level = None  # so that the DDL belongs to the transaction, too
    cursor = connection.cursor()
    if is_sqlite:
        cursor.execute("BEGIN IMMEDIATE")
    for name in (MARK, *reversed(ORDER)):
        cursor.execute(f"DROP TABLE IF EXISTS {name}")
    for name in ORDER:
        table = tables[name]
        columns = ", ".join(f"{each} {SQL_TYPES[kind]}" for each, kind in table.columns.items())
        reference = REFERENCES.get(name)
        own = reference[reference.index("(") + 1 : -1] if reference else ""
        foreign = f", FOREIGN KEY ({own}) REFERENCES {reference}" if reference else ""
        cursor.execute(
            f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({', '.join(table.key)}){foreign})"
        )
        marks = ", ".join(["?" if is_sqlite else "%s"] * len(table.columns))
        _insert(cursor, f"INSERT INTO {name} VALUES ({marks})", _rows(name, table.columns, people))  # noqa: S608
        cursor.execute(f"CREATE INDEX {name}_{table.time} ON {name} ({table.time})")
    cursor.execute(f"CREATE TABLE {MARK} (source TEXT)")
    cursor.execute(f"INSERT INTO {MARK} VALUES ('{sample.REQUIREMENT}')")  # noqa: S608
    if is_sqlite:
        cursor.execute("COMMIT")
    else:
        connection.commit()
    return row_counts(connection)


def _insert(cursor: Any, statement: str, rows: Iterable[Sequence[object]]) -> None:
    if isinstance(cursor, sqlite3.Cursor):
        cursor.executemany(statement, rows)
        return
    from psycopg2.extras import execute_values

    prefix = statement[: statement.index("VALUES")]
    execute_values(cursor, f"{prefix}VALUES %s", rows, page_size=10_000)


def _rows(
    table: str, columns: Iterable[str], people: Iterable[sample.Borrower]
) -> Iterator[tuple[object, ...]]:
    names = tuple(columns)
    for person in people:
        applied = person.applied_on
        values: dict[str, object] = {
            **vars(person),
            "application_id": person.borrower_id,
            "applicant_id": APPLICANT_OFFSET + person.borrower_id,
            "applied_on": applied.isoformat(),
            "recorded_on": applied.isoformat(),
        }
        if table == "performance":
            closed = sample.closed_on(applied)
            if closed > sample.LAST_DAY:
                continue  # this loan's two years are not over: nobody knows its outcome yet
            values["closed_on"] = closed.isoformat()
        yield tuple(values[name] for name in names)


def from_env(default: Path) -> str:
    """Return the warehouse connection that the environment names, else SQLite at `default`."""
    return os.environ.get(CONNECTION_VARIABLE) or connection_json(default)
