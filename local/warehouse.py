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
ORDER = ("applicant", "application", "income", "bureau", "performance")
APPLICANT_OFFSET = 1_000_000  # persons and applications are different things: so are their ids


class UnknownWarehouse(ValueError):
    """The connection names a database that this project has no sample layout for."""


def connection_json(database: Path) -> str:
    """Return the Airflow connection to a SQLite file, as its environment variable wants it."""
    return json.dumps({"conn_type": "sqlite", "host": str(database)})


def connect(value: str) -> Any:
    """Open a DB-API connection from an Airflow connection, in its JSON or URI form."""
    if value.lstrip().startswith("{"):
        given = json.loads(value)
    else:
        parts = urlsplit(value)
        given = {
            "conn_type": parts.scheme,
            "host": unquote(parts.hostname or ""),
            "port": parts.port,
            "login": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "schema": parts.path.lstrip("/"),
        }
    if given["conn_type"] == "sqlite":
        return sqlite3.connect(given["host"])
    if given["conn_type"] in ("postgres", "postgresql"):
        import psycopg2

        return psycopg2.connect(
            host=given.get("host") or None,
            port=given.get("port") or 5432,
            user=given.get("login") or None,
            password=given.get("password") or None,
            dbname=given.get("schema") or None,
        )
    raise UnknownWarehouse(
        f"{CONNECTION_VARIABLE} has type {given['conn_type']!r}: the sample warehouse can be laid "
        "out in sqlite or postgres; for any other, bring your own tables"
    )


@dataclass(frozen=True)
class LaidOut:
    """The rows of each table, and whether they were written just now."""

    rows: dict[str, int]
    is_new: bool


def lay_out(wheel: Path, value: str, limit: int | None = None) -> LaidOut:
    """Create and fill the tables where they are not complete.

    SQLite is built beside its place and moved there when whole; PostgreSQL is filled in one
    transaction: neither is ever seen half-written.
    """
    given = json.loads(value) if value.lstrip().startswith("{") else {}
    if given.get("conn_type") != "sqlite":
        connection = connect(value)
        try:
            if _is_complete(connection, limit):
                return LaidOut(row_counts(connection), is_new=False)
            return LaidOut(_fill(connection, wheel, limit, mark="%s"), is_new=True)
        finally:
            connection.close()
    database = Path(given["host"])
    database.parent.mkdir(parents=True, exist_ok=True)
    if database.exists():
        connection = sqlite3.connect(database)
        try:
            if _is_complete(connection, limit):
                return LaidOut(row_counts(connection), is_new=False)
        finally:
            connection.close()
    draft = database.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft)
    try:
        rows = _fill(connection, wheel, limit, mark="?")
    finally:
        connection.close()
    draft.replace(database)
    return LaidOut(rows, is_new=True)


def _is_complete(connection: Any, limit: int | None) -> bool:
    """Whether the tables hold the sample; they are filled as a whole or not at all."""
    cursor = connection.cursor()
    cursor.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'application'"
        if isinstance(connection, sqlite3.Connection)
        else "SELECT 1 FROM information_schema.tables WHERE table_name = 'application'"
    )
    if cursor.fetchone() is None:
        return False
    return row_counts(connection)["application"] == (limit or sample.BORROWERS)


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


def _fill(connection: Any, wheel: Path, limit: int | None, mark: str) -> dict[str, int]:
    tables = portfolio.load(PORTFOLIO).tables
    people = list(sample.borrowers(wheel, limit))
    cursor = connection.cursor()
    for name in reversed(ORDER):
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
        marks = ", ".join([mark] * len(table.columns))
        _insert(cursor, f"INSERT INTO {name} VALUES ({marks})", _rows(name, table.columns, people))  # noqa: S608
        cursor.execute(f"CREATE INDEX {name}_{table.time} ON {name} ({table.time})")
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
