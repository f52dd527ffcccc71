"""Which of the target's two values is the bad one."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drafting import vocabulary
from drafting.column import Column
from drafting.source import DraftFault, Source

OUTCOMES_MIN = 20  # of each kind
VALUES_TOLD = 6


@dataclass(frozen=True)
class Target:
    """The target: 0 good, 1 bad, NaN not known; `note` says how the bad one was told."""

    column: Column
    bad: str
    good: str
    note: str
    outcome: npt.NDArray[np.float64]

    @property
    def bads(self) -> int:
        return int(np.nansum(self.outcome))

    @property
    def known(self) -> int:
        return int((~np.isnan(self.outcome)).sum())

    @property
    def bad_rate(self) -> float:
        return self.bads / self.known


def find(source: Source, columns: dict[str, Column], wanted: str) -> Column:
    """Return a column by its own name or its field's; raise DraftFault with the nearest names."""
    for each in columns.values():
        if wanted in (each.source, each.name):
            return each
    for each in columns.values():
        if wanted.lower() == each.source.lower():
            return each
    pool = [each.source for each in columns.values()]
    near = difflib.get_close_matches(wanted, pool, 3, 0.5) or pool
    raise DraftFault(f"{source.name}: has no column {wanted!r}: there is {', '.join(near)}")


def read(source: Source, column: Column, bad: str = "") -> Target:
    """Map the target's two values to 0 and 1; raise DraftFault where there are not two."""
    texts = [_text(each) for each in column.values.tolist()]
    is_missing = column.is_missing
    known = [text for text, absent in zip(texts, is_missing, strict=True) if not absent]
    where = f"{source.name}: column {column.source!r}"
    values = sorted({*known})
    if len(values) != 2:
        raise DraftFault(
            f"{where}: the target has {len(values)} different values, not 2{_tell(known)}: make it "
            "one of two, good and bad; where the outcome is not known yet, leave it empty or name "
            "the word with MISSING="
        )
    chosen, note = _choose(values, known, column, bad, where)
    good = values[0] if chosen == values[1] else values[1]
    outcome = np.array(
        [
            np.nan if absent else float(text == chosen)
            for text, absent in zip(texts, is_missing, strict=True)
        ]
    )
    target = Target(column, chosen, good, note, outcome)
    if min(target.bads, target.known - target.bads) < OUTCOMES_MIN:
        raise DraftFault(
            f"{where}: {target.bads} bad and {target.known - target.bads} good rows: a model needs "
            f"{OUTCOMES_MIN} of each at least, so bring more history"
        )
    return target


def _choose(
    values: list[str], known: list[str], column: Column, bad: str, where: str
) -> tuple[str, str]:
    if bad:
        match = [each for each in values if each.lower() == bad.strip().lower()]
        if not match:
            raise DraftFault(f"{where}: BAD={bad!r} is not one of its values: {', '.join(values)}")
        return match[0], "as BAD= says"
    if values == ["1", "2"]:
        return "2", "of 1 and 2, the 2 is taken as bad"
    low = [each.lower() for each in values]
    is_positive = any(each in column.name for each in vocabulary.POSITIVE)
    bad_like = [each in vocabulary.BAD for each in low]
    good_like = [each in vocabulary.GOOD for each in low]
    if bad_like[0] != bad_like[1] and not (bad_like[0] and good_like[0]):
        place = bad_like.index(True)
    elif good_like[0] != good_like[1]:
        place = good_like.index(False)
    else:
        rarer = min(values, key=known.count)
        return rarer, "the RARER value is taken as bad: if that is wrong, say BAD=value"
    if is_positive:
        place = 1 - place
        return values[place], f"the name {column.source!r} speaks of the good outcome"
    return values[place], "from the value itself"


def _tell(known: list[str]) -> str:
    """List the values of an outcome with their rows; not those of a column that is none."""
    counts = Counter(known).most_common()
    if not 1 <= len(counts) <= VALUES_TOLD:
        return ""
    return f" ({', '.join(f'{value!r} {count:,}' for value, count in counts)})"


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
