"""The file's rows laid out as the portfolio's local warehouse: two tables in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from drafting.column import Column
from drafting.plan import CLOSED_ON, Plan
from drafting.sql_files import APPLICATION, OUTCOME

SQL_TYPES = {"integer": "BIGINT", "number": "DOUBLE PRECISION", "text": "TEXT", "date": "DATE"}


def lay_out(plan: Plan, path: Path) -> dict[str, int]:
    """Write the tables into a new file at `path`, whole or not at all; return their rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    held = [each.column for each in plan.with_role("id", "time", "protected", "feature", "ignored")]
    key, label = plan.key, plan.target.column
    closed = Column(CLOSED_ON, "", "date", plan.outcome_closed_on)
    outcome = Column(label.name, "", "integer", plan.target.outcome)
    is_known = ~np.isnan(plan.target.outcome) & plan.calendar.matured
    connection = sqlite3.connect(draft)
    try:
        rows = {
            APPLICATION: _fill(connection, APPLICATION, held, plan.time.name),
            OUTCOME: _fill(connection, OUTCOME, [key, closed, outcome], CLOSED_ON, is_known),
        }
        connection.commit()
    finally:
        connection.close()
    draft.replace(path)
    return rows


def _fill(
    connection: sqlite3.Connection,
    table: str,
    columns: list[Column],
    time: str,
    wanted: Any = None,
) -> int:
    described = ", ".join(f'"{each.name}" {SQL_TYPES[each.kind]}' for each in columns)
    connection.execute(f'CREATE TABLE {table} ({described}, PRIMARY KEY ("{columns[0].name}"))')
    marks = ", ".join("?" * len(columns))
    rows = zip(*(_values(each, wanted) for each in columns), strict=True)
    done = connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
    connection.execute(f'CREATE INDEX {table}_time ON {table} ("{time}")')
    return done.rowcount


def _values(column: Column, wanted: Any) -> Iterator[object]:
    values = column.values if wanted is None else column.values[wanted]
    is_missing = column.is_missing if wanted is None else column.is_missing[wanted]
    if column.kind == "integer":
        values = np.where(is_missing, 0, values).astype(np.int64)
    if column.kind == "date":
        values = values.astype(str)
    for value, absent in zip(values.tolist(), is_missing.tolist(), strict=True):
        yield None if absent else value
