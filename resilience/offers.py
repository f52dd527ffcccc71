"""A made-up CSV for a batch, of which one row in each hundred has a fault; the same for a seed."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience import applicants
from resilience.applicants import Application
from solvencia.batch_rows import ROW
from solvencia.portfolio import Field, Portfolio

EACH = 100  # so many rows hold one with a fault


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row: `field` is what the result must name, ROW the row as a whole."""

    kind: str
    field: str
    spelling: str = ""


def list_faults(product: Portfolio) -> Sequence[Fault]:
    """Return each way in which a row of this portfolio can be broken, field by field."""
    found = [Fault("too few fields", ROW)]
    for each in product.request_fields:
        if not each.nullable:
            found.append(Fault("missing", each.name))
        if each.type == "text":
            found.append(Fault("no such category", each.name, "zq-none-such"))
            continue
        found.append(Fault("text for a number", each.name, "many"))
        if each.type == "integer":
            found.append(Fault("no whole number", each.name, f"{(each.minimum or 0) + 0.5}"))
        if (low := _beyond(each, each.minimum, -1)) is not None:
            found.append(Fault("below its bound", each.name, repr(low)))
        if (high := _beyond(each, each.maximum, 1)) is not None:
            found.append(Fault("above its bound", each.name, repr(high)))
    return found


def expect(product: Portfolio, rows: int, seed: int) -> Iterator[tuple[int, Fault | None]]:
    """Yield each row's number from 1, and its fault: one whole hundred has one of them."""
    kinds, chance = list_faults(product), random.Random(seed)  # noqa: S311 - no secret
    count = broken = 0
    for row in range(1, rows + 1):
        if row % EACH == 1:
            broken = row + chance.randrange(EACH)
        fault = kinds[count % len(kinds)] if row == broken else None
        count += fault is not None
        yield row, fault


def write(
    product: Portfolio, rows: int, seed: int, target: Path, samples: int
) -> dict[int, Application]:
    """Write the CSV, row by row; return about `samples` of its sound rows by their numbers."""
    chance = random.Random(seed + 1)  # noqa: S311 - made-up rows, not secrets
    names = [each.name for each in product.request_fields]
    step, kept = max(1, rows // samples), dict[int, Application]()
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row, fault in expect(product, rows, seed):
            application = applicants.draw(product, chance)
            values = [_spell(application[name]) for name in names]
            if fault is None:
                if row // step >= len(kept) and len(kept) < samples:
                    kept[row] = application
            elif fault.field == ROW:
                values = values[:-1] or ["", ""]
            else:
                values[names.index(fault.field)] = fault.spelling
            writer.writerow(values)
    return kept


def _spell(value: Any) -> str:
    return "" if value is None else str(value)


def _beyond(field: Field, bound: float | None, step: int) -> float | None:
    """Return a number just beyond a bound that is no sentinel; None without a bound."""
    known = {float(each) for each in field.sentinels}
    while bound is not None:
        bound += step
        if bound not in known:
            break
    return int(bound) if bound is not None and float(bound).is_integer() else bound
