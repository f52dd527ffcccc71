"""What identifies an application, and when it was made."""

from __future__ import annotations

import numpy as np

from drafting import label, names
from drafting.column import Column
from drafting.source import DraftFault, Source

NEARLY = 0.02  # so few repeated keys are a slip rather than another kind of column


def choose_key(
    source: Source, columns: dict[str, Column], target: Column, wanted: str
) -> tuple[Column, list[str]]:
    """Return the key's column and what to say of it; raise DraftFault where none will do."""
    if wanted and wanted != "none":
        found = label.find(source, columns, wanted)
        _check_key(source, found)
        return found, []
    pool = [] if wanted else [each for each in columns.values() if each.name != target.name]
    unique = [each for each in pool if each.kind in ("integer", "text") and _is_key(source, each)]
    named = [each for each in unique if names.is_key(each.name)]
    first = [each for each in unique if each is pool[0]]
    if chosen := next(iter([*named, *first]), None):
        return chosen, [f"the key is {chosen.source!r}: no value of it repeats"]
    if source.is_database:
        raise DraftFault(
            f"{source.name}: no column has a different value in every row: name the application's "
            "key with KEY=, or make a view that has one"
        )
    for each in pool:
        repeats = len(each.values) - each.distinct
        if names.is_key(each.name) and 0 < repeats < NEARLY * len(each.values):
            raise DraftFault(
                f"{source.name}: column {each.source!r} looks like the key, but {repeats:,} of its "
                f"values repeat or are missing: KEY={each.source!r} says which, KEY=none numbers "
                "the rows"
            )
    name = free("application_id", columns)
    rows = np.arange(1, source.rows + 1, dtype=np.float64)
    note = (
        "no column identifies an application: the row's number was made its key, so a file in "
        "another order gives other keys"
    )
    return Column(name, "", "integer", rows), [note]


def _is_key(source: Source, column: Column) -> bool:
    if source.unique is not None:
        return column.source in source.unique
    return not column.is_missing.any() and column.distinct == len(column.values)


def _check_key(source: Source, column: Column) -> None:
    where = "row" if source.is_database else "line"
    seen: set[object] = set()
    for line, value, absent in zip(
        source.lines, column.values.tolist(), column.is_missing.tolist(), strict=True
    ):
        if absent or value in seen:
            problem = "is missing" if absent else "stands in an earlier row, too"
            raise DraftFault(
                f"{source.name}: {where} {line}, column {column.source!r}: the key {problem}: "
                "remove the row, name another column with KEY=, or say KEY=none to number the rows"
            )
        seen.add(value)
    if column.kind not in ("integer", "text"):
        raise DraftFault(f"KEY={column.source}: is a {column.kind}: name whole numbers or texts")


def choose_time(
    source: Source, columns: dict[str, Column], taken: set[str], wanted: str
) -> tuple[Column | None, list[str]]:
    """Return the column of the application's date, None to make one; raise DraftFault if unfit."""
    if wanted and wanted != "none":
        found = label.find(source, columns, wanted)
        if found.kind != "date":
            raise DraftFault(
                f"{source.name}: column {found.source!r}: TIME= wants dates, this is a "
                f"{found.kind}: write them YYYY-MM-DD, or say TIME=none to have dates made"
            )
        if found.is_missing.any():
            row = int(np.flatnonzero(found.is_missing)[0])
            raise DraftFault(
                f"{source.name}: line {source.lines[row]}, column {found.source!r}: the date is "
                "missing: every application needs one"
            )
        return found, []
    pool = [] if wanted else [each for each in columns.values() if each.name not in taken]
    dates = [
        each
        for each in pool
        if each.kind == "date"
        and not each.is_missing.any()
        and names.time_rank(each.name) < 99
        and not names.is_afterwards(each.name)
    ]
    if dates:
        chosen = min(dates, key=lambda each: (names.time_rank(each.name), each.values.min()))
        notes = [f"the application's date is {chosen.source!r}"]
        return chosen, notes + ([chosen.note] if chosen.note else [])
    if source.is_database:
        raise DraftFault(
            f"{source.name}: no column is a date that every row has: name it with TIME=, or make a "
            "view that has one; months are taken in by it"
        )
    return None, [
        "THE DATES ARE MADE: no column says when an application was made, so a keyed hash of its "
        "key spreads them over thirteen months. Month and outcome are unrelated, and the "
        "out-of-time test shows no drift"
    ]


def free(name: str, columns: dict[str, Column]) -> str:
    """Return a name that no column has."""
    while name in columns:
        name += "_made"
    return name
