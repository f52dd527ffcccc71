import csv
import gzip
import json
import os
import sqlite3
from datetime import date

import pytest

from local import export, sample, warehouse
from solvencia import portfolio


def test_each_borrower_becomes_one_row_of_each_table(wheel, connection_value):
    """Tables keep the real values; an outcome stands only where its window has closed."""
    laid_out = warehouse.lay_out(wheel, connection_value, limit=4)

    connection = warehouse.connect(connection_value)
    closed = sum(sample.closed_on(sample.applied_on(n)) <= sample.LAST_DAY for n in (1, 2, 3, 4))
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


def test_a_complete_warehouse_is_left_alone(wheel, connection_value):
    """The second call writes nothing."""
    first = warehouse.lay_out(wheel, connection_value, limit=4)
    path = json.loads(connection_value)["host"]
    before = os.stat(path).st_mtime_ns

    second = warehouse.lay_out(wheel, connection_value, limit=4)

    assert (first.is_new, second.is_new) == (True, False)
    assert os.stat(path).st_mtime_ns == before


def test_keys_are_enforced(wheel, connection_value):
    """A second row with an application's key is refused by the database itself."""
    warehouse.lay_out(wheel, connection_value, limit=4)
    connection = warehouse.connect(connection_value)

    with pytest.raises(sqlite3.IntegrityError, match="application_id"):
        connection.execute("INSERT INTO application VALUES (1, 1000001, '2024-01-01')")


def test_an_unknown_kind_of_database_is_named():
    """A connection that the sample cannot be laid out in says what can."""
    with pytest.raises(warehouse.UnknownWarehouse, match="sqlite or postgres"):
        warehouse.connect('{"conn_type": "oracle"}')


def test_an_export_holds_the_rows_of_its_time_and_their_checksums(
    wheel, connection_value, tmp_path
):
    """A delivery is whole: every row of the span once, the manifest naming each file."""
    warehouse.lay_out(wheel, connection_value, limit=4)
    connection = warehouse.connect(connection_value)
    product = portfolio.load(warehouse.PORTFOLIO)
    applied = sample.applied_on(1)
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
