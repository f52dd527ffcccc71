"""What a reviewer should know of a column's categories: spellings of one, and marks of none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from drafting.column import MISSING_NUMBERS

SHOWN = 3


def remarks(categories: Sequence[str]) -> list[str]:
    """Return a note for categories that are one, spelled twice, and one for marks of missing."""
    spelled: dict[str, list[str]] = defaultdict(list)
    for each in categories:
        spelled[" ".join(each.casefold().split())].append(each)
    twins = [group for group in spelled.values() if len(group) > 1]
    marks = [each for each in categories if each.casefold() in MISSING_NUMBERS]
    notes = []
    if twins:
        shown = "; ".join(", ".join(map(repr, group)) for group in twins[:SHOWN])
        more = "; …" if twins[SHOWN:] else ""
        notes.append(f"spellings of one category: {shown}{more}: make them one before you export")
    if marks:
        words = ",".join(marks)
        notes.append(
            f"{', '.join(map(repr, marks))} could mean that it is missing: if so, draft again with "
            f"MISSING={words!r}"
        )
    return notes
