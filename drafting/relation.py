"""How a field goes with the outcome: bad rates by bin, what it ranks alone, what it betrays."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from drafting import leak
from drafting.column import Column
from drafting.sentinels import without

type Numbers = npt.NDArray[np.float64]
type Codes = npt.NDArray[np.int64]

BINS = 10
FINE_BINS = 20
CATEGORIES_SHOWN = 12
PRIOR_ROWS = 20.0  # weight of the overall bad rate in a bin's
SURE = 4.0  # standard errors
STEP_BACK = 2.0  # standard errors
ROWS_OF_A_STEP = 10


@dataclass(frozen=True)
class Bin:
    """A group of values: `kind` is value, sentinel or missing."""

    label: str
    kind: str
    rows: int
    bads: int

    @property
    def rate(self) -> float:
        return self.bads / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Relation:
    """`auc` is cross-fitted and free of direction; `leak` says why it seems one, or nothing."""

    bins: tuple[Bin, ...]
    auc: float
    monotone: int
    missing_share: float
    missing_note: str
    leak: str


def relate(column: Column, codes: dict[float, str], outcome: Numbers) -> Relation:
    """Measure a field against the outcome: 0 good, 1 bad, NaN not known (left out)."""
    known = ~np.isnan(outcome)
    is_bad = outcome[known].astype(bool)
    groups, labels, kinds = _group(column, codes, known, BINS)
    bins = _count(groups, labels, kinds, is_bad)
    fine, fine_labels, fine_kinds = _group(column, codes, known, FINE_BINS)
    auc = rank_alone(fine, is_bad)
    is_filled = ~column.is_missing[known]
    return Relation(
        bins=bins,
        auc=auc,
        monotone=_direction(bins) if column.is_numeric else 0,
        missing_share=float(1 - is_filled.mean()),
        missing_note=_weigh_missing(is_filled, is_bad),
        leak=leak.find(auc, is_filled, is_bad, _count(fine, fine_labels, fine_kinds, is_bad)),
    )


def rank_alone(groups: Codes, is_bad: npt.NDArray[np.bool_]) -> float:
    """Return the AUC of the groups' bad rates, each half scored by the other half's rates."""
    half = np.arange(len(groups)) % 2 == 0
    overall, size = float(is_bad.mean()), int(groups.max(initial=0)) + 1
    found = []
    for fit, judge in ((half, ~half), (~half, half)):
        rows = np.bincount(groups[fit], minlength=size)
        bads = np.bincount(groups[fit], weights=is_bad[fit], minlength=size)
        rates = (bads + PRIOR_ROWS * overall) / (rows + PRIOR_ROWS)
        found.append(auc(is_bad[judge], rates[groups[judge]]))
    return float(np.mean(found))


def auc(is_bad: npt.NDArray[np.bool_], score: Numbers) -> float:
    """Return the area under the ROC curve; 0.5 where there is one outcome only."""
    bads, goods = int(is_bad.sum()), int((~is_bad).sum())
    if not bads or not goods:
        return 0.5
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[is_bad].sum() - bads * (bads + 1) / 2) / (bads * goods))


def auc_error(area: float, bads: int, goods: int) -> float:
    """Return an AUC's standard error. Source: Hanley and McNeil, Radiology 143, 1982."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (bads - 1) * (q1 - area**2) + (goods - 1) * (q2 - area**2)
    return math.sqrt(max(spread, 0.0) / max(bads * goods, 1))


def _group(
    column: Column, codes: dict[float, str], known: npt.NDArray[np.bool_], bins: int
) -> tuple[Codes, list[str], list[str]]:
    """Return each row's group, and the groups' labels and kinds, in order."""
    if column.kind == "date":
        days = column.values[known].astype("datetime64[D]").astype(np.float64)
        values = np.where(np.isnat(column.values[known]), np.nan, days)
        return _group_numbers(values, {}, bins, dates=True)
    if column.is_numeric:
        return _group_numbers(column.values[known], codes, bins)
    texts = column.values[known].tolist()
    names, counts = np.unique([each for each in texts if each is not None], return_counts=True)
    order = np.argsort(-counts, kind="stable")[: CATEGORIES_SHOWN if bins == BINS else 100]
    place = {str(names[each]): number for number, each in enumerate(order.tolist())}
    labels = [*place]
    kinds = ["value"] * len(labels)
    if len(names) > len(order):
        labels, kinds = [*labels, "others"], [*kinds, "value"]
    other = len(labels) - 1
    missing = len(labels)
    groups = [missing if each is None else place.get(each, other) for each in texts]
    return np.array(groups, dtype=np.int64), [*labels, "missing"], [*kinds, "missing"]


def _group_numbers(
    given: Numbers, codes: dict[float, str], bins: int, *, dates: bool = False
) -> tuple[Codes, list[str], list[str]]:
    values = without(given, codes)
    usual = values[~np.isnan(values)]
    distinct = np.unique(usual)
    edges = distinct[1:] if len(distinct) <= bins else _cut(usual, distinct, bins)
    groups = np.searchsorted(edges, values, side="right").astype(np.int64)
    starts = [distinct[0] if len(distinct) else 0.0, *edges]
    labels = [
        _label(float(start), distinct, [*starts, np.inf][number + 1], dates)
        for number, start in enumerate(starts)
    ]
    kinds = ["value"] * len(labels)
    for code in codes:
        groups[given == code] = len(labels)
        labels.append(f"{code:g}")
        kinds.append("sentinel")
    groups[np.isnan(given)] = len(labels)
    return groups, [*labels, "missing"], [*kinds, "missing"]


def _cut(usual: Numbers, distinct: Numbers, bins: int) -> Numbers:
    """Return where bins start: a value that would fill one stands alone, the rest share alike."""
    counts = np.unique(usual, return_counts=True)[1]
    alone = np.flatnonzero(counts > len(usual) / bins)
    rest = usual[~np.isin(usual, distinct[alone])]
    shares = max(round(bins * len(rest) / len(usual)), 1)
    marks = np.linspace(0, 1, shares + 1)[1:-1]
    found = np.quantile(rest, marks, method="higher") if len(rest) else rest
    after = distinct[np.minimum(alone + 1, len(distinct) - 1)]
    edges = np.unique(np.concatenate([found, distinct[alone], after]))
    return np.asarray(edges[edges > distinct[0]])


def _label(start: float, distinct: Numbers, end: float, dates: bool) -> str:
    inside = distinct[(distinct >= start) & (distinct < end)]
    first, last = (start, float(inside[-1]) if len(inside) else start)
    texts = [
        str(np.datetime64(int(each), "D")) if dates else f"{each:.4g}" for each in (first, last)
    ]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} to {texts[1]}"


def _count(
    groups: Codes, labels: list[str], kinds: list[str], is_bad: npt.NDArray[Any]
) -> tuple[Bin, ...]:
    rows = np.bincount(groups, minlength=len(labels))
    bads = np.bincount(groups, weights=is_bad, minlength=len(labels))
    return tuple(
        Bin(label, kind, int(rows[place]), int(bads[place]))
        for place, (label, kind) in enumerate(zip(labels, kinds, strict=True))
        if rows[place]
    )


def _direction(bins: tuple[Bin, ...]) -> int:
    """Return 1 or -1 where the bad rate clearly rises or falls with the value, else 0.

    The order of the bins ranks the outcome by four standard errors, and no step goes back by more
    than two.
    """
    usual = [each for each in bins if each.kind == "value" and each.rows >= ROWS_OF_A_STEP]
    bads = np.array([each.bads for each in usual])
    goods = np.array([each.rows - each.bads for each in usual])
    if len(usual) < 3 or not bads.sum() or not goods.sum():
        return 0
    below = np.cumsum(goods) - goods / 2
    area = float((bads * below).sum() / (bads.sum() * goods.sum()))
    if abs(area - 0.5) < SURE * auc_error(area, int(bads.sum()), int(goods.sum())):
        return 0
    direction = 1 if area > 0.5 else -1
    for left, right in itertools.pairwise(usual):
        if direction * (left.rate - right.rate) > STEP_BACK * _error(left, right):
            return 0
    return direction


def _error(left: Bin, right: Bin) -> float:
    """Return the standard error of the difference of two bad rates, each with one row of doubt."""
    total = 0.0
    for each in (left, right):
        rate = (each.bads + 0.5) / (each.rows + 1)
        total += rate * (1 - rate) / each.rows
    return math.sqrt(total)


def _weigh_missing(is_filled: npt.NDArray[np.bool_], is_bad: npt.NDArray[np.bool_]) -> str:
    empty = ~is_filled
    if empty.sum() < 10 or is_filled.sum() < 10:
        return ""
    absent = Bin("", "", int(empty.sum()), int(is_bad[empty].sum()))
    present = Bin("", "", int(is_filled.sum()), int(is_bad[is_filled].sum()))
    if abs(absent.rate - present.rate) < SURE * _error(absent, present):
        return ""
    return f"bad rate {absent.rate:.1%} where it is missing, {present.rate:.1%} where it is not"
