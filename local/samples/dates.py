"""The dates that we give to data sets without dates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Calendar:
    """Spreads applications evenly over [first, last] by a keyed hash of their number.

    Month and outcome are therefore unrelated. The key was written down once, before any model was
    fitted.
    """

    key: bytes
    first: date
    last: date
    window_months: int

    def applied_on(self, number: int) -> date:
        """Return the application date of this number, the same for ever."""
        digest = hashlib.blake2b(str(number).encode(), key=self.key, digest_size=8).digest()
        days = (self.last - self.first).days + 1
        return self.first + timedelta(days=int.from_bytes(digest) % days)

    def closed_on(self, applied: date) -> date:
        """Return the day on which the performance window of an application closes."""
        months = applied.year * 12 + applied.month - 1 + self.window_months
        year, month = divmod(months, 12)
        last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
        return date(year, month + 1, min(applied.day, last))

    def outcome(self, applied: date, label: str, value: int) -> dict[str, object]:
        """Return the outcome's columns, or none while nobody can know it yet."""
        closed = self.closed_on(applied)
        return {} if closed > self.last else {"closed_on": closed.isoformat(), label: value}
