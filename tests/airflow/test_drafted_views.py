"""Views over a lender's own PostgreSQL table: sampled, created and read as the pipeline reads."""

from __future__ import annotations

import json
import random
from datetime import date, datetime, timedelta

import psycopg2
import pytest
from test_postgres import BINARIES, port  # noqa: F401 - a server of the test's own

from drafting import connection, plan, sql_files
from drafting.column import Reading, read_all
from drafting.source import Source
from solvencia import extract
from solvencia.portfolio import Table

pytestmark = pytest.mark.skipif(
    BINARIES is None, reason="PostgreSQL's server is not installed (Debian: postgresql)"
)
ROWS = 600


@pytest.fixture
def address(port):  # noqa: F811 - the fixture above
    """A table with names, types and a schema of the lender's own."""
    opened = psycopg2.connect(
        host="127.0.0.1", port=port, user="lender", password="-", dbname="postgres"
    )
    cursor, chance = opened.cursor(), random.Random(3)  # noqa: S311 - a sample
    cursor.execute("DROP SCHEMA IF EXISTS core CASCADE")
    cursor.execute("CREATE SCHEMA core")
    cursor.execute(
        'CREATE TABLE core.loans ("Nº" text, "Fecha" timestamp, "Ingreso" numeric(12,2), '
        '"Uso" double precision, "Atrasos" int, "Moroso" boolean)'
    )
    for number in range(ROWS):
        use, late = chance.random(), chance.randrange(4)
        asked = datetime.fromisoformat("2024-01-31 13:05") + timedelta(days=number % 300)
        bad = chance.random() < 0.1 + 0.3 * use + 0.1 * late
        income = None if number % 9 == 0 else chance.randrange(90_000) / 100
        cursor.execute(
            "INSERT INTO core.loans VALUES (%s, %s, %s, %s, %s, %s)",
            (f"S-{number}", asked, income, use, late, bad),
        )
    opened.commit()
    opened.close()
    value = {
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": port,
        "login": "lender",
        "password": "-",
        "schema": "postgres",
    }
    return connection.Address("core_bank", json.dumps(value), "core.loans")


def test_the_views_show_the_table_as_the_portfolio_reads_it(address, product):
    """A time of day becomes a date, a boolean 0 or 1, and the outcome comes a month later."""
    answer = connection.sample(address.value, address.table, 100_000)
    columns = {
        name: [row[place] for row in answer["rows"]] for place, name in enumerate(answer["names"])
    }
    source = Source("core", columns, range(1, ROWS + 1), total=ROWS, unique=frozenset({"Nº"}))
    made = plan.make(source, read_all(source, Reading()), "Moroso", plan.Wishes())
    script = sql_files.views(made, address.table, "pg_loans", is_sqlite=False)

    connection.execute(address.value, script)
    opened = connection._connect(address.value)
    names = sql_files.view_names(address.table, "pg_loans")
    kinds = {"no_field": "text", "fecha": "date", "ingreso": "number", "uso": "number"}
    applications = Table("application", ("no_field",), "fecha", kinds, names[0])
    outcomes = Table(
        "outcome",
        ("no_field",),
        "closed_on",
        {"no_field": "text", "closed_on": "date", "moroso": "integer"},
        names[1],
    )
    first = next(extract.read(opened, product, applications, "2024-01")).to_pylist()
    known = next(extract.read(opened, product, outcomes, "2024-02")).to_pylist()
    opened.close()

    assert "Nº" in answer["unique"]
    assert [each["fecha"] for each in first] == [date(2024, 1, 31)] * 2
    assert {each["closed_on"] for each in known} == {date(2024, 2, 29)}
    assert {each["moroso"] for each in known} <= {0, 1}
