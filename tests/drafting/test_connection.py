"""A table of a lender's own database, drafted over its connection: SQLite here."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from lender import ROWS

from drafting import connection, draft
from drafting.column import Reading
from drafting.draft import Options
from drafting.source import DraftFault
from solvencia import portfolio


@pytest.fixture
def database(tmp_path, table):
    """The export as a table `loans`, typed, under the lender's own names."""
    path = tmp_path / "lender.db"
    names = [each for each in table[0] if each != "Monto Recuperado"]
    with sqlite3.connect(path) as opened:
        opened.execute("CREATE TABLE loans (" + ", ".join(f'"{each}"' for each in names) + ")")
        for row in table:
            day, month, year = row["Fecha de Solicitud"].split("/")
            values = {**row, "Fecha de Solicitud": f"{year}-{month}-{day}"}
            given = [_typed(values[each]) for each in names]
            opened.execute(f"INSERT INTO loans VALUES ({', '.join('?' * len(names))})", given)
    return path


def _typed(value: str) -> object:
    if not value:
        return None
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


def options(database, **changes) -> Options:
    given = {"origin": f"sqlite:///{database}?table=loans", "target": "Estado", **changes}
    return Options(name="prestamos", **given)


def test_a_table_is_drafted_with_views_over_it(database, place, table):
    """The views show the lender's table under the portfolio's names; nothing else is written."""
    made = draft.make(options(database, views="create", connection_id="core_bank"), place)
    product = portfolio.load("prestamos", place.portfolios)
    with sqlite3.connect(database) as opened:
        for each in product.tables.values():
            names = ", ".join(each.columns)
            cursor = opened.execute(f"SELECT {names} FROM {each.source_name} ORDER BY 1")
            assert len(cursor.fetchall()) == len(table)
        bads = opened.execute("SELECT sum(estado) FROM prestamos_outcome").fetchone()
        closed = opened.execute(
            "SELECT min(julianday(closed_on) - julianday(fecha_de_solicitud)) "
            "FROM prestamos_outcome JOIN prestamos_application USING (no_solicitud)"
        ).fetchone()

    assert product.warehouse == "core_bank"
    assert made.sqlite == f'''\'{{"conn_type": "sqlite", "host": "{database}"}}\''''
    assert product.tables["application"].source == "prestamos_application"
    assert bads == (made.plan.target.bads,)
    assert closed[0] >= 28
    assert not place.warehouse("prestamos").exists()


def test_without_the_wish_the_database_is_only_read(database, place):
    """The statements lie in views.sql for the database's owner."""
    before = database.read_bytes()
    made = draft.make(options(database), place)

    assert database.read_bytes() == before
    assert "CREATE VIEW prestamos_outcome" in (made.folder / "views.sql").read_text("utf-8")


def test_a_sample_stands_for_a_large_table(database, place, table):
    """About as many rows as asked for are read; the file says of how many."""
    made = draft.make(options(database, rows=1200), place)

    assert 1000 < made.plan.source.rows < 1400
    assert made.plan.source.total == len(table)
    assert f"rows of {len(table):,}." in (made.folder / "portfolio.toml").read_text("utf-8")


def test_an_id_stands_for_the_environment_s_connection(database, place):
    """`FROM=core?table=loans` reads AIRFLOW_CONN_CORE, so that no password is typed."""
    environment = {"AIRFLOW_CONN_CORE": f"sqlite:///{database}"}
    found = connection.find("core?table=loans", "", "", environment)

    assert (found.connection_id, found.table) == ("core", "loans")
    assert connection.read(found, 100_000, place.python).rows == ROWS


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"origin": "sqlite:////nowhere.db?table=loans"},
            "nowhere.db: write sqlite:////absolute/path.db",
        ),
        ({"origin": "core?table=loans"}, "the environment has no AIRFLOW_CONN_CORE"),
        ({"origin": "postgres://u:secret@h/d"}, "names no table: add ?table=loans"),
        ({"origin": "mysql://u:secret@h/d?table=t"}, "has type 'mysql'"),
        ({"table": "loans; DROP TABLE x"}, "give a table or view"),
        ({"table": "lones"}, "the database says: no such table: lones"),
    ],
)
def test_a_connection_s_fault_is_named(database, place, changes, problem):
    """Each says what is wrong and never shows a password."""
    given = {"origin": f"sqlite:///{database}?table=loans", **changes}
    with pytest.raises(DraftFault) as raised:
        draft.make(Options(name="prestamos", target="Estado", **given), place)

    assert problem in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_table_needs_dates_and_a_key(database, place):
    """A warehouse is read by month and key: neither can be made for it."""
    with sqlite3.connect(database) as opened:
        opened.execute('ALTER TABLE loans DROP COLUMN "Fecha de Solicitud"')
    with pytest.raises(DraftFault, match="no column is a date that every row has"):
        draft.make(options(database), place)
    with sqlite3.connect(database) as opened:
        opened.execute('UPDATE loans SET "Nº Solicitud" = \'S-1\' WHERE "Edad (años)" > 70')
        opened.execute("UPDATE loans SET Nombre = 'Ana'")
    with pytest.raises(DraftFault, match="no column has a different value in every row"):
        draft.make(options(database), place)


def test_what_a_database_holds_is_taken_as_it_stands(database, place):
    """A word is a category, and a date that is not written year first is no date."""
    with sqlite3.connect(database) as opened:
        opened.execute("UPDATE loans SET Vivienda = 'NA' WHERE Atrasos = 0")
        opened.execute('ALTER TABLE loans ADD COLUMN "Fecha" TEXT')
        opened.execute("UPDATE loans SET Fecha = '31/12/2023'")
    made = draft.make(options(database), place)
    product = portfolio.load("prestamos", place.portfolios)

    assert "NA" in product.fields["vivienda"].categories
    assert product.time.name == "fecha_de_solicitud"
    assert product.fields["fecha"].type == "text"
    with pytest.raises(DraftFault, match="MISSING= is for files"):
        draft.make(options(database, force=True, reading=Reading(missing=frozenset({"NA"}))), place)
    assert made.folder.exists()


def test_a_password_stays_hidden():
    """A connection's text is shown without its password."""
    assert connection._hide("postgres://u:s3cret@h/d") == "postgres://u:***@h/d"
    assert np.char.find(connection._hide("x://a:b@c"), "b@") == -1
