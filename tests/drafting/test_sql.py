"""The drafted queries, run over the drafted tables; three macros stand for Athena's functions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import lender
import pytest

from drafting import plan, sql_files, warehouse
from drafting.column import Reading, read_all
from drafting.source import Source

PERIOD = "2024-12"
ROWS = 600
MACROS = (
    "date_add(part, count, day) AS CAST(day + count * INTERVAL 1 MONTH AS DATE)",
    "to_utf8(text) AS text",
    "to_hex(digest) AS upper(digest)",  # DuckDB's md5 is a text already
)


@pytest.fixture(params=["text", "none"], ids=["key of text", "numbered rows"])
def drafted(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[plan.Plan, Path]:
    """A plan and its warehouse, keyed by the lender's text or by the row's number."""
    rows = lender.rows(ROWS)
    columns = {name: [row[name] or None for row in rows] for name in rows[0]}
    source = Source("x.csv", columns, range(2, ROWS + 2), total=ROWS)
    wishes = plan.Wishes(key="none" if request.param == "none" else "")
    made = plan.make(source, read_all(source, Reading()), "Estado", wishes)
    warehouse.lay_out(made, tmp_path / "x.sqlite")
    return made, tmp_path / "x.sqlite"


def run(database: duckdb.DuckDBPyConnection, text: str) -> list[tuple[object, ...]]:
    """Put the run's values in and return the rows."""
    for name, value in (
        ("partition_key", PERIOD),
        ("params.window_months", "1"),
        ("params.parts", "3"),
    ):
        text = text.replace(f"{{{{ {name} }}}}", value)
    return database.execute(text).fetchall()


def test_every_application_is_prepared_once_or_told(drafted: tuple[plan.Plan, Path]) -> None:
    """A repeated key counts once, by its newest row; prepared, immature and repeated add up."""
    made, path = drafted
    database = duckdb.connect()
    for each in MACROS:
        database.execute(f"CREATE MACRO {each}")
    with sqlite3.connect(path) as lenders:
        for table, time in (("application", made.time.name), ("outcome", "closed_on")):
            cursor = lenders.execute(f"SELECT *, substr({time}, 1, 7) AS period FROM {table}")
            names = [each[0] for each in cursor.description]
            kinds = dict.fromkeys(names, "VARCHAR") | {time: "DATE", "estado": "INTEGER"}
            if made.key.kind == "integer":
                kinds[made.key.name] = "BIGINT"
            described = ", ".join(f"{name} {kinds[name]}" for name in names)
            database.execute(f"CREATE TABLE {table} ({described})")
            marks = ", ".join("?" * len(names))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", cursor.fetchall())
    database.execute(
        f"INSERT INTO application SELECT * REPLACE ('again' AS vivienda, '{PERIOD}' AS period) "
        "FROM application WHERE period = '2023-05' LIMIT 5"
    )

    prepared = run(database, sql_files.prepare(made))
    database.execute(
        "CREATE TABLE prepared AS SELECT range AS n, ? AS period FROM range(?)",
        [PERIOD, len(prepared)],
    )
    (counted,) = run(database, sql_files.reconcile(made))
    raw, repeated, immature, seen = counted

    assert len({row[0] for row in prepared}) == len(prepared)
    assert sum("again" in row for row in prepared) == 5
    assert {row[-1] for row in prepared} == {"0", "1", "2"}
    assert (raw, repeated, seen) == (ROWS + 5, 5, len(prepared))
    assert raw == seen + immature + repeated
    assert immature == (~made.calendar.matured).sum() > 0
