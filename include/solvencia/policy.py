"""What a score leads to: the portfolio's bands and cut-offs, and how long decisions are kept.

A cut-off is the lender's policy and no rule of a model: it changes without a new model, and every
logged decision names the policy that it was made under.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

APPROVE, REFER, DECLINE = "approve", "refer", "decline"
OUTCOMES = (APPROVE, REFER, DECLINE)  # from best to worst


@dataclass(frozen=True)
class Band:
    """Scores from `points_min` up to the band above; the last band takes all that are left."""

    name: str
    decision: str
    points_min: float | None = None


@dataclass(frozen=True)
class Decisions:
    """How long the log keeps a decision: 60 months, within which ECOA lets an applicant sue.

    Source: 15 U.S.C. 1691e(f); Regulation B, 12 CFR 1002.12(b), asks for 25 months at least.
    """

    keep_months: int = 60


DEFAULT = Decisions()
UNDECIDED = (Band("all", REFER),)  # a portfolio without bands: a person decides


def find_band(bands: Sequence[Band], points: float) -> Band:
    """Return the band of a score; the last one has no lower bound."""
    return next(each for each in bands if each.points_min is None or points >= each.points_min)


def write(bands: Sequence[Band]) -> str:
    """Return a policy as JSON: name, cut-off and decision of each band, in their order."""
    rules = [
        [each.name, None if each.points_min is None else float(each.points_min), each.decision]
        for each in bands
    ]
    return json.dumps(rules)


def read(text: str) -> tuple[Band, ...]:
    """Return the bands that `write` wrote."""
    return tuple(Band(name, decision, least) for name, least, decision in json.loads(text))


def digest(bands: Sequence[Band]) -> str:
    """Return the SHA-256 that names a policy, of what `write` makes of it."""
    return hashlib.sha256(write(bands).encode()).hexdigest()


def find_faults(bands: Sequence[Band], decisions: Decisions | None) -> Iterator[tuple[str, str]]:
    """Yield the key and the problem of every fault among the bands and their keeping."""
    names = [each.name for each in bands]
    for number, each in enumerate(bands):
        key = f"bands[{number}]"
        if not (isinstance(each.name, str) and each.name) or names.count(each.name) > 1:
            yield f"{key}.name", f"{each.name!r}: give each band a name of its own"
        if each.decision not in OUTCOMES:
            yield f"{key}.decision", f"{each.decision!r}: use one of {OUTCOMES}"
        if number == len(bands) - 1:
            if each.points_min is not None:
                yield f"{key}.points_min", "the last band takes all that are left: leave it out"
        elif not _is_number(each.points_min):
            yield f"{key}.points_min", f"{each.points_min!r}: give the points that it starts at"
    yield from _find_disorder(bands)
    months = decisions.keep_months if decisions else 1
    if not isinstance(months, int) or isinstance(months, bool) or months < 1:
        yield "decisions.keep_months", f"{months!r}: give whole months, 1 or more"


def _find_disorder(bands: Sequence[Band]) -> Iterator[tuple[str, str]]:
    for number, (better, worse) in enumerate(itertools.pairwise(bands), start=1):
        high, low = better.points_min, worse.points_min
        if _is_number(high) and _is_number(low) and float(high or 0) <= float(low or 0):
            yield f"bands[{number}].points_min", f"{low!r} is not below {high!r}: best band first"
        if {better.decision, worse.decision} <= set(OUTCOMES) and (
            OUTCOMES.index(worse.decision) < OUTCOMES.index(better.decision)
        ):
            yield (
                f"bands[{number}].decision",
                f"{worse.decision!r} below a band with {better.decision!r}: a worse score must "
                "not decide better",
            )


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(float(str(value)))
