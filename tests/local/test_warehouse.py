import csv
import dataclasses
import gzip
import json
import os
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from local import export, lender, sample_tables, warehouse
from local.place import Place
from local.samples import SAMPLES
from local.samples.consumer_credit import CALENDAR
from solvencia import portfolio


def test_each_borrower_becomes_one_row_of_each_table(sample, product, wheel, connection_value):
    """Tables keep the real values; an outcome stands only where its window has closed."""
    laid_out = sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)

    connection = warehouse.connect(connection_value)
    closed = sum(CALENDAR.closed_on(CALENDAR.applied_on(n)) <= CALENDAR.last for n in (1, 2, 3, 4))
    assert laid_out.rows == {
        "application": 4,
        "applicant": 4,
        "income": 4,
        "bureau": 4,
        "performance": closed,
    }
    assert connection.execute(
        "SELECT monthly_income_usd, debt_ratio FROM income WHERE applicant_id = 1000002"
    ).fetchone() == (None, 0.12)
    assert connection.execute(
        "SELECT past_due_30_59_days_count FROM bureau WHERE application_id = 3"
    ).fetchone() == (98,)


def test_a_complete_warehouse_is_left_alone(sample, product, wheel, connection_value):
    """The second call writes nothing."""
    first = sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)
    path = json.loads(connection_value)["host"]
    before = os.stat(path).st_mtime_ns

    second = sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)

    assert (first.is_new, second.is_new) == (True, False)
    assert os.stat(path).st_mtime_ns == before


def test_keys_are_enforced(sample, product, wheel, connection_value):
    """A second row with an application's key is refused by the database itself."""
    sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)
    connection = warehouse.connect(connection_value)

    with pytest.raises(sqlite3.IntegrityError, match="application_id"):
        connection.execute("INSERT INTO application VALUES (1, 1000001, '2024-01-01')")


def test_another_sample_is_never_laid_over(sample, product, wheel, connection_value):
    """Two samples in one database are refused, with the connection to change."""
    sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)
    other = portfolio.load("german_loans")

    with pytest.raises(sample_tables.NotOurs, match="AIRFLOW_CONN_WAREHOUSE_GERMAN_LOANS"):
        sample_tables.lay_out(SAMPLES["german_loans"], other, wheel, connection_value)


def test_tables_of_a_lenders_own_are_never_touched(sample, product, wheel, connection_value):
    """A table with one of the sample's names stops the layout before anything is written."""
    path = Path(json.loads(connection_value)["host"])
    path.parent.mkdir()
    warehouse.connect(connection_value).execute("CREATE TABLE income (own INTEGER)")

    with pytest.raises(sample_tables.NotOurs, match="tables of its own named income"):
        sample_tables.lay_out(sample, product, wheel, connection_value)


def test_every_portfolio_has_a_connection_of_its_own(tmp_path, monkeypatch):
    """Each sample has its SQLite file, and the environment may name another database for it."""
    given = "postgres://lender@127.0.0.1/loans"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_GERMAN_LOANS", given)

    found = warehouse.connections(tmp_path)

    assert found["AIRFLOW_CONN_WAREHOUSE_GERMAN_LOANS"] == given
    assert json.loads(found["AIRFLOW_CONN_WAREHOUSE"])["host"] == str(
        tmp_path / "consumer_credit.sqlite"
    )


def test_a_portfolio_without_sample_wants_its_own_tables(product, tmp_path):
    """A missing database and a missing table are named, each with the connection to set."""
    own = dataclasses.replace(product, name="mine", warehouse="warehouse_mine")
    value = warehouse.connection_json(tmp_path / "mine.sqlite")

    with pytest.raises(warehouse.UnknownWarehouse, match="AIRFLOW_CONN_WAREHOUSE_MINE"):
        warehouse.require(own, value)
    warehouse.connect(value).execute("CREATE TABLE application (application_id INTEGER)")
    with pytest.raises(warehouse.UnknownWarehouse, match="no table applicant, bureau, income"):
        warehouse.require(own, value)


def test_an_open_portfolio_ends_with_its_newest_application(
    sample, product, wheel, connection_value
):
    """Without a last day in the schedule, the newest month with an application is the period."""
    sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)
    schedule = dataclasses.replace(product.schedule, end=None)
    newest = max(CALENDAR.applied_on(number) for number in (1, 2, 3, 4))

    period = warehouse.last_period(
        connection_value, dataclasses.replace(product, schedule=schedule)
    )

    assert period == f"{newest:%Y-%m}"


def test_rows_without_a_month_are_counted(sample, product, wheel, connection_value):
    """What the schedule leaves out, or what has no date, is told and not lost in silence."""
    sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)
    connection = warehouse.connect(connection_value)
    connection.execute("UPDATE income SET recorded_on = NULL WHERE applicant_id = 1000001")
    connection.execute("UPDATE income SET recorded_on = '2019-01-01' WHERE applicant_id = 1000002")

    outside = warehouse.rows_outside(connection, product, "2026-10")

    assert outside == {**dict.fromkeys(product.tables, 0), "income": 2}


def test_the_newest_application_is_a_request(sample, product, wheel, connection_value):
    """It has the portfolio's request fields, of the last date and key."""
    sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)

    found = warehouse.newest_application(connection_value, product)

    assert list(found) == [each.name for each in product.request_fields]


def test_an_unknown_kind_of_database_is_named():
    """A connection that the sample cannot be laid out in says what can."""
    with pytest.raises(warehouse.UnknownWarehouse, match="sqlite or postgres"):
        warehouse.connect('{"conn_type": "oracle"}')


def test_an_export_holds_the_rows_of_its_time_and_their_checksums(
    sample, product, wheel, connection_value, tmp_path
):
    """A delivery is whole: every row of the span once, the manifest naming each file."""
    sample_tables.lay_out(sample, product, wheel, connection_value, limit=4)
    connection = warehouse.connect(connection_value)
    applied = CALENDAR.applied_on(1)
    following = date(applied.year + applied.month // 12, applied.month % 12 + 1, 1)

    folder = export.write_delivery(
        connection, product, tmp_path / "delivery", applied.replace(day=1), following
    )

    manifest = json.loads((folder / "manifest.json").read_text())
    entry = next(each for each in manifest["files"] if each["table"] == "application")
    with gzip.open(folder / "application.csv.gz", "rt") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["application_id", "applicant_id", "applied_on"]
    assert ["1", "1000001", applied.isoformat()] in rows[1:]
    assert entry["rows"] == len(rows) - 1


@pytest.mark.parametrize("switch", lender.SWITCHES)
def test_a_running_stack_does_not_keep_an_old_switch(tmp_path, monkeypatch, switch):
    """Airflow reads who logs in and who approves when it starts: another value wants a new one."""
    place = Place(tmp_path, tmp_path / "build", 1, 2)
    (place.build / "run").mkdir(parents=True)
    monkeypatch.setenv(switch, "manual")
    lender.record_connections(place)
    before = lender.knows_connections(place)

    monkeypatch.delenv(switch)

    assert before
    assert not lender.knows_connections(place)
