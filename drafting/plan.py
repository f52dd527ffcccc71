"""What the draft decides: key, date, label, and a role for every column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from drafting import calendar, categories, label, names
from drafting.bounds import choose
from drafting.calendar import Calendar
from drafting.column import Column
from drafting.identity import choose_key, choose_time, free
from drafting.label import Target
from drafting.relation import Relation, relate
from drafting.sentinels import find as find_codes
from drafting.sentinels import without
from drafting.source import DraftFault, Source

ROWS_MIN = 200
FEATURES_MIN = 3  # as many reasons as a decision gives
CATEGORIES_MAX = 40
CODES_MAX = 6  # as many different numbers may be codes
TEXT_LENGTH_MAX = 80
STRONG_AUC = 0.75  # a field so strong by itself deserves a question
AGE_BANDS = (25, 35, 45, 60)
CLOSED_ON = "closed_on"


@dataclass(frozen=True)
class Wishes:
    """What the user said; empty means: find out."""

    key: str = ""
    time: str = ""
    bad: str = ""
    window_months: int = 0
    test_months: int = 0
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decided:
    """One column with its role; `notes` are what a reviewer should know, in order."""

    column: Column
    role: str  # id, time, label, protected, feature, ignored, or "" for left out
    relation: Relation | None = None
    codes: Mapping[float, str] = field(default_factory=dict)
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    bands: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def monotone(self) -> int:
        return self.relation.monotone if self.relation and self.role == "feature" else 0

    @property
    def nullable(self) -> bool:
        return bool(self.column.is_missing.any())


@dataclass(frozen=True)
class Plan:
    """The whole draft; `columns` are in the source's order, made ones first."""

    source: Source
    columns: tuple[Decided, ...]
    target: Target
    calendar: Calendar
    notes: tuple[str, ...]

    def with_role(self, *roles: str) -> tuple[Decided, ...]:
        """Return the columns of these roles, in order."""
        return tuple(each for each in self.columns if each.role in roles)

    @property
    def key(self) -> Column:
        return self.with_role("id")[0].column

    @property
    def time(self) -> Column:
        return self.with_role("time")[0].column

    @property
    def is_key_made(self) -> bool:
        return not self.key.source

    @property
    def outcome_closed_on(self) -> npt.NDArray[Any]:
        """The day on which each application's outcome is known."""
        return calendar.add_months(self.calendar.days, self.calendar.window_months)


def make(source: Source, columns: dict[str, Column], target_name: str, wishes: Wishes) -> Plan:
    """Decide on every column; raise DraftFault where no portfolio can be made."""
    if source.rows < ROWS_MIN:
        raise DraftFault(
            f"{source.name}: has {source.rows} rows: a scorecard needs {ROWS_MIN} at least, and "
            "thousands to be worth something"
        )
    for name in wishes.skip:
        label.find(source, columns, name)
    target = label.read(source, label.find(source, columns, target_name), wishes.bad)
    key, key_notes = choose_key(source, columns, target.column, wishes.key)
    time, time_notes = choose_time(source, columns, {target.column.name, key.name}, wishes.time)
    days = time.values if time else calendar.make_days(key.values.tolist())
    months = calendar.plan(
        days,
        target.outcome,
        is_made=time is None,
        window=wishes.window_months,
        test=wishes.test_months,
    )
    dated = time or Column(free("applied_on", columns), "", "date", days)
    taken = {key.name: "id", dated.name: "time", target.column.name: "label"}
    decided = [Decided(key, "id"), Decided(dated, "time")]
    decided += [Decided(target.column, "label", minimum=0, maximum=1)]
    for each in columns.values():
        if each.name not in taken:
            decided.append(_decide(each, target, days, wishes.skip))
    features = [each for each in decided if each.role == "feature"]
    if len(features) < FEATURES_MIN:
        raise DraftFault(
            f"{source.name}: {len(features)} column(s) can be features, "
            f"{FEATURES_MIN} are needed, as every decision cites as many reasons: "
            + "; ".join(
                f"{each.column.source!r} {each.notes[0]}" for each in decided[3:] if each.notes
            )
        )
    notes = (*source.notices, *key_notes, *time_notes, *months.notes)
    return Plan(source, tuple(decided), target, months, notes)


def _decide(column: Column, target: Target, days: Any, skip: tuple[str, ...]) -> Decided:
    if column.name in skip or column.source in skip:
        return Decided(column, "", notes=("as SKIP= says",))
    if why := _personal(column):
        return Decided(column, "", notes=(why,))
    is_code = (
        column.kind == "integer" and names.is_key(column.name) and not names.is_count(column.name)
    )
    codes = find_codes(column.values) if column.is_numeric and not is_code else {}
    relation = relate(column, codes, target.outcome)
    decided = Decided(column, "feature", relation, codes, **_shape(column, codes))
    notes = [f"{code:g} {why}: taken for a code of a missing value" for code, why in codes.items()]
    if relation.missing_note:
        notes.append(relation.missing_note)
    notes += categories.remarks(decided.categories)
    lawful = names.protected(column.name)
    if why := _unusable(column, relation, days, lawful):
        return _with(decided, "ignored", [why, *notes])
    if lawful:
        note = f"looks like {lawful}: audited for fairness, never modelled"
        return _with(decided, "protected", [note, *notes])
    if names.is_proxy(column.name):
        notes.append("may stand for a protected attribute (where someone comes from): think twice")
    if relation.auc > STRONG_AUC:
        notes.insert(0, f"STRONG ALONE: AUC {relation.auc:.3f}: ask when it was filled in")
    is_flat = relation.monotone == 0 and 2 < column.distinct <= CODES_MAX
    if is_code or (column.is_numeric and (is_flat or names.is_listed(column.name))):
        notes.append(
            f"{column.distinct} values: if they are codes whose order means nothing, draft again "
            f"with TEXT={column.source}"
        )
    return _with(decided, "feature", notes)


def _with(decided: Decided, role: str, notes: list[str]) -> Decided:
    bands: tuple[int, ...] = ()
    if role == "protected" and decided.column.is_numeric:
        known = decided.column.values[~np.isnan(decided.column.values)]
        is_age = names.protected(decided.name) == "age"
        bands = tuple(each for each in AGE_BANDS if is_age and known.min() < each <= known.max())
    return Decided(
        decided.column,
        role,
        decided.relation,
        decided.codes,
        decided.minimum,
        decided.maximum,
        decided.categories,
        bands,
        tuple(notes),
    )


def _personal(column: Column) -> str:
    """Say why a column is not even copied: nothing reads it, and it may name a person."""
    if column.kind == "empty":
        return "empty in every row"
    if column.kind != "text":
        is_id = column.kind == "integer" and names.is_key(column.name)
        if is_id and column.distinct > 0.9 * len(column.values):
            return "an identifier: almost every row has another value"
        if names.is_proxy(column.name) and column.distinct > CATEGORIES_MAX:
            return f"{column.distinct} codes of places or names, which may stand for origin"
        return ""
    if names.is_remark(column.name):
        return "somebody's remark: it may name a person, and may be written long after"
    if column.distinct > CATEGORIES_MAX:
        return f"text of {column.distinct:,} different values: free text, a name or an identifier"
    if max(len(each) for each in column.values.tolist() if each) > TEXT_LENGTH_MAX:
        return f"free text of more than {TEXT_LENGTH_MAX} characters"
    return ""


def _unusable(column: Column, relation: Relation, days: Any, lawful: str) -> str:
    """Say why a column is carried along and never modelled."""
    if relation.leak:
        return f"LIKELY LEAK: {relation.leak}"
    if names.is_afterwards(column.name):
        return "LIKELY LEAK: its name speaks of what happens after a loan is granted"
    if column.kind == "date":
        if lawful:
            return (
                f"looks like {lawful}: have prepare.sql make the age of it for the fairness report"
            )
        if calendar.after_application(column, days):
            return "LIKELY LEAK: most of its dates lie after the application's"
        return "a date: have prepare.sql make a number of months of it, if it matters"
    if column.distinct == 1 and not relation.missing_note:
        return "the same value in every row"
    return ""


def _shape(column: Column, codes: dict[float, str]) -> dict[str, Any]:
    if column.is_numeric:
        minimum, maximum = choose(without(column.values, codes), codes)
        return {"minimum": minimum, "maximum": maximum}
    if column.kind == "text":
        known = [each for each in column.values.tolist() if each is not None]
        counts = Counter(known)
        order = sorted(counts, key=lambda each: (-counts[each], each))
        return {"categories": tuple(order)}
    return {}
