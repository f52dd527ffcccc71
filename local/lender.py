"""The lender's side on this machine: a portfolio's data in its warehouse, ready to be asked for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

from local import sample_tables, warehouse
from local.place import Place
from local.samples import SAMPLES, sample
from solvencia.portfolio import Portfolio

SWITCHES = ("SOLVENCIA_APPROVAL", "SOLVENCIA_AIRFLOW_USERS")


def lay_out(
    place: Place, product: Portfolio, value: str, limit: int | None = None
) -> dict[str, int]:
    """See to it that the portfolio's tables stand in its warehouse; return their rows.

    A sample is fetched and laid out, `limit` applications at most; the tables of a lender's own
    must be there. What was exported from other rows is forgotten.
    """
    if known := SAMPLES.get(product.name):
        wheel = sample.fetch(known.source, place.build / "downloads", place.python("uv"))
        laid_out = sample_tables.lay_out(known, product, wheel, value, limit)
        rows, is_new = laid_out.rows, laid_out.is_new
    else:
        warehouse.require(product, value)
        rows, is_new = _count(product, value), True
    if is_new:
        shutil.rmtree(place.exports / product.name, ignore_errors=True)
    place.exports.mkdir(parents=True, exist_ok=True)
    return rows


def record_connections(place: Place) -> None:
    """Keep which connections a starting Airflow is given, and who logs in and approves there."""
    _record(place).write_text(_digest(place))


def knows_connections(place: Place) -> bool:
    """Whether the running Airflow was given what the portfolios and the environment name now."""
    record = _record(place)
    return record.is_file() and record.read_text() == _digest(place)


def _record(place: Place) -> Path:
    return place.build / "run" / "connections.sha256"


def _digest(place: Place) -> str:
    switches = {name: os.environ.get(name, "") for name in SWITCHES}
    given = json.dumps(warehouse.connections(place.warehouses) | switches, sort_keys=True)
    return hashlib.sha256(given.encode()).hexdigest()


def _count(product: Portfolio, value: str) -> dict[str, int]:
    connection = warehouse.connect(value)
    try:
        return warehouse.row_counts(connection, product)
    finally:
        connection.close()
