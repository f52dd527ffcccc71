"""A sample laid out as a lender's relational tables, in SQLite or PostgreSQL."""

from __future__ import annotations

import hashlib
import inspect
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import warehouse
from local.samples import SAMPLES
from local.samples.sample import Record, Sample
from solvencia.portfolio import Portfolio, Table
from solvencia.reconcile import application_table

SQL_TYPES = {"integer": "BIGINT", "number": "DOUBLE PRECISION", "text": "TEXT", "date": "DATE"}
MARK = "solvencia_sample"  # its presence says that the tables are the sample's


class NotOurs(RuntimeError):
    """The database holds other tables where the sample would be laid out."""


@dataclass(frozen=True)
class LaidOut:
    """The rows of each table, and whether they were written just now."""

    rows: dict[str, int]
    is_new: bool


def lay_out(
    sample: Sample, product: Portfolio, wheel: Path, value: str, limit: int | None = None
) -> LaidOut:
    """Create and fill the tables in one transaction, unless the sample stands there already.

    A table of this name that is not the sample's is a lender's own: it is never touched, and
    NotOurs is raised. Only a sample of another size or another layout is written anew.
    """
    given = warehouse.read_connection(value)
    if given["conn_type"] == "sqlite":
        Path(given["host"]).parent.mkdir(parents=True, exist_ok=True)
    connection = warehouse.connect(value)
    try:
        there = warehouse.table_names(connection)
        if MARK not in there:
            if taken := sorted(there & {*product.tables}):
                raise NotOurs(
                    f"the warehouse has tables of its own named {', '.join(taken)}; the sample is "
                    f"laid out only where none of {', '.join(sorted(product.tables))} exists. Give "
                    f"{warehouse.variable(product)} an empty database, or leave it unset for the "
                    "SQLite sample"
                )
        elif _is_laid_out(connection, sample, product):
            rows = warehouse.row_counts(connection, product)
            if rows[application_table(product)] == (limit or sample.rows):
                return LaidOut(rows, is_new=False)
        return LaidOut(_fill(connection, sample, product, wheel, limit), is_new=True)
    finally:
        connection.close()


def _is_laid_out(connection: Any, sample: Sample, product: Portfolio) -> bool:
    """Whether the sample stands there in today's layout; NotOurs where it is another sample."""
    cursor = connection.cursor()
    cursor.execute(f"SELECT source FROM {MARK}")  # noqa: S608 - our name
    (source,) = cursor.fetchone()
    owner = str(source).partition(" ")[0]
    if owner != sample.portfolio and owner in SAMPLES:
        raise NotOurs(
            f"the warehouse holds the sample of {owner}: give {warehouse.variable(product)} a "
            "database of its own, or leave it unset"
        )
    return str(source) == _source(sample, product)


def _source(sample: Sample, product: Portfolio) -> str:
    """Return what the mark says: whose sample it is, and the digest of its layout."""
    layout = repr([(each.name, [*each.columns.items()]) for each in product.tables.values()])
    code = inspect.getsource(inspect.getmodule(sample.read) or inspect)
    return f"{sample.portfolio} {hashlib.sha256((layout + code).encode()).hexdigest()[:16]}"


def _fill(
    connection: Any, sample: Sample, product: Portfolio, wheel: Path, limit: int | None
) -> dict[str, int]:
    records = list(sample.read(wheel, limit, sample.calendar))
    order = _in_order(sample, product)
    is_sqlite = isinstance(connection, sqlite3.Connection)
    if is_sqlite:
        connection.isolation_level = None  # so that the DDL belongs to the transaction, too
    cursor = connection.cursor()
    if is_sqlite:
        cursor.execute("BEGIN IMMEDIATE")
    for name in (MARK, *(each.name for each in reversed(order))):
        cursor.execute(f"DROP TABLE IF EXISTS {name}")
    for table in order:
        cursor.execute(_create(sample, table))
        marks = ", ".join(["?" if is_sqlite else "%s"] * len(table.columns))
        _insert(cursor, f"INSERT INTO {table.name} VALUES ({marks})", _rows(table, records))  # noqa: S608
        cursor.execute(f"CREATE INDEX {table.name}_{table.time} ON {table.name} ({table.time})")
    cursor.execute(f"CREATE TABLE {MARK} (source TEXT)")
    cursor.execute(f"INSERT INTO {MARK} VALUES ('{_source(sample, product)}')")  # noqa: S608
    if is_sqlite:
        cursor.execute("COMMIT")
    else:
        connection.commit()
    return warehouse.row_counts(connection, product)


def _in_order(sample: Sample, product: Portfolio) -> list[Table]:
    """Return the tables, each behind the one that its foreign key points to."""
    order: list[Table] = []

    def add(name: str) -> None:
        if product.tables[name] not in order:
            if name in sample.references:
                add(sample.references[name][0])
            order.append(product.tables[name])

    for name in product.tables:
        add(name)
    return order


def _create(sample: Sample, table: Table) -> str:
    columns = ", ".join(f"{each} {SQL_TYPES[kind]}" for each, kind in table.columns.items())
    foreign = ""
    if table.name in sample.references:
        other, column = sample.references[table.name]
        foreign = f", FOREIGN KEY ({column}) REFERENCES {other} ({column})"
    return f"CREATE TABLE {table.name} ({columns}, PRIMARY KEY ({', '.join(table.key)}){foreign})"


def _insert(cursor: Any, statement: str, rows: Iterable[Sequence[object]]) -> None:
    if isinstance(cursor, sqlite3.Cursor):
        cursor.executemany(statement, rows)
        return
    from psycopg2.extras import execute_values

    prefix = statement[: statement.index("VALUES")]
    execute_values(cursor, f"{prefix}VALUES %s", rows, page_size=10_000)


def _rows(table: Table, records: Iterable[Record]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each record that has the table's time: an open loan has no outcome."""
    for record in records:
        if table.time in record:
            yield tuple(record[name] for name in table.columns)
