"""A sample portfolio's whole history as a bulk delivery, for an account without a warehouse.

`make delivery PORTFOLIO=…` lays it below build/deliveries/; docs/from-an-empty-account.md says how
it comes into the account.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from local import export, lender, place, processes, sample_tables, warehouse
from local.samples import SAMPLES, sample
from solvencia import layout, portfolio

NAME = "sample"
FAULTS = (
    portfolio.UnknownPortfolio,
    processes.Busy,
    sample.SampleUnavailable,
    sample_tables.NotOurs,
    warehouse.UnknownWarehouse,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the delivery and say what to do with it; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.delivery", description=__doc__)
    parser.add_argument("--portfolio", choices=sorted(SAMPLES), default="consumer_credit")
    name = parser.parse_args(arguments).portfolio
    where = place.here()
    try:
        with processes.exclusive(where.build / "run" / "lock"):
            folder, period = write(where, name)
    except FAULTS as fault:
        print(f"delivery: {fault}", file=sys.stderr)
        return 1
    prefix = layout.delivery_prefix(name, NAME)
    size = sum(each.stat().st_size for each in folder.iterdir())
    print(f"{os.path.relpath(folder)}: {size / 1e6:.1f} MB, the last period is {period}")
    print(f"lay it below the data bucket's {prefix}, manifest.json last")
    return 0


def write(where: place.Place, name: str) -> tuple[Path, str]:
    """Return the folder of the sample's delivery, from its first month on, and its last period."""
    product = portfolio.load(name)
    database = where.warehouses / f"{name}.sqlite"
    value = warehouse.connection_json(database)
    lender.lay_out(where, product, value)
    period = warehouse.last_period(value, product)
    _, end = layout.period_bounds(period)
    folder = where.build / "deliveries" / name / NAME
    shutil.rmtree(folder, ignore_errors=True)  # it may be of other rows
    folder.parent.mkdir(parents=True, exist_ok=True)
    connection = warehouse.connect(value)
    try:
        export.write_delivery(connection, product, folder, product.schedule.start, end)
    finally:
        connection.close()
    return folder, period


if __name__ == "__main__":
    raise SystemExit(main())
