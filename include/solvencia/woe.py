"""Bins of one field by weight of evidence: optimal, monotone where the portfolio says so.

WOE = ln(share of all goods / share of all bads), so that a high WOE means little risk. The bins
maximise the information value less what chance alone would give each bin, found exactly by
dynamic programming over fine quantiles: the same bins on every machine, without a solver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]
type Places = npt.NDArray[np.intp]

PREBINS = 40
SHARE_MIN = 0.01  # of the rows, in each bin
ROWS_MIN = 25
CATEGORY_ROWS_MIN = 10  # of a category, for a bin of its own
NOISE = 8.0  # a further bin must add this many times the information value of pure chance
NOISE_FEW_ROWS = 2.0  # the same where a bin missed costs more than one too many
FEW_ROWS = 2_000


@dataclass(frozen=True)
class Binning:
    """The bins of one field; `woe`, `goods` and `bads` have one more for missing, the last.

    A number falls into the first bin whose edge it does not exceed, or into the last known bin.
    A text falls by its category's code: `groups` names each code's bin.
    """

    edges: tuple[float, ...]
    groups: tuple[int, ...]
    goods: tuple[int, ...]
    bads: tuple[int, ...]
    woe: tuple[float, ...]
    information_value: float

    def place(self, values: Numbers) -> Places:
        """Return each value's bin; missing ones, and categories never seen, are in the last."""
        last = len(self.woe) - 1
        is_missing = np.isnan(values)
        if not self.groups:
            return np.where(is_missing, last, np.searchsorted(np.array(self.edges), values))
        groups = np.array([*self.groups, last])
        codes = np.where(is_missing, len(self.groups), values).astype(np.intp)
        return np.asarray(groups[np.minimum(codes, len(self.groups))])

    def transform(self, values: Numbers) -> Numbers:
        """Return each value's WOE."""
        return np.asarray(np.array(self.woe)[self.place(values)])


def fit(
    values: Numbers,
    outcome: Numbers,
    direction: int = 0,
    categories: int = 0,
    prior: float = 0.0,
    noise_few_rows: float = NOISE_FEW_ROWS,
) -> Binning:
    """Return the best bins of one field; `categories` is the number of codes of a text.

    `direction` 1: the bad rate rises from bin to bin, -1: it falls, 0: it goes as it likes. A
    text without a direction has a bin for each category with enough rows; the rare ones are
    grouped in the order of their bad rates. `prior` rows of the overall bad rate join each bin
    before its WOE is taken. `noise_few_rows` is what a further bin must add up to FEW_ROWS rows,
    as a multiple of the information value of pure chance.
    """
    is_missing = np.isnan(values)
    known, known_outcome = values[~is_missing], outcome[~is_missing]
    bads_all = int(outcome.sum())
    totals = (len(outcome) - bads_all, bads_all)
    missing = [(len(outcome) - len(known)) - outcome[is_missing].sum(), outcome[is_missing].sum()]
    if categories and not direction:
        counts, groups = _group(known, known_outcome, categories, totals, noise_few_rows)
        return tabulate(np.vstack([counts, missing]).astype(np.int64), (), groups, prior)
    edges = _quantiles(known)
    kept = _optimum(_count(known, known_outcome, edges), totals, direction, noise_few_rows)
    cuts = edges[kept[:-1] - 1] if len(edges) else edges
    while True:
        counts = np.vstack([_count(known, known_outcome, cuts), missing]).astype(np.int64)
        groups = tuple(np.searchsorted(cuts, np.arange(categories)).tolist())
        found = tabulate(counts, () if categories else tuple(cuts.tolist()), groups, prior)
        falls = np.flatnonzero(np.diff(found.woe[:-1]) * direction > 0)
        if not len(falls):
            return found
        cuts = np.delete(cuts, falls[0])  # the prior turned two bins round: join them


def _group(
    known: Numbers,
    outcome: Numbers,
    categories: int,
    totals: tuple[int, int],
    noise_few_rows: float,
) -> tuple[npt.NDArray[np.int64], tuple[int, ...]]:
    """Return the (goods, bads) of a text's bins, and each category's bin."""
    codes = np.arange(categories)
    places = known.astype(np.intp)
    rows_min = max(CATEGORY_ROWS_MIN, SHARE_MIN * sum(totals))
    is_rare = np.bincount(places, minlength=categories)[:categories] < rows_min
    groups = np.cumsum(~is_rare) - 1
    if is_rare.any():
        ranks = rank_categories(known, outcome, categories)
        chosen = is_rare[places]
        edges = _quantiles(ranks[places[chosen]])
        rare = _count(ranks[places[chosen]], outcome[chosen], edges)
        kept = _optimum(rare, totals, 1, noise_few_rows)
        cuts = edges[kept[:-1] - 1] if len(edges) else edges
        groups = np.where(is_rare, (~is_rare).sum() + np.searchsorted(cuts, ranks), groups)
    counts = np.zeros((int(groups.max(initial=0)) + 1, 2), dtype=np.int64)
    np.add.at(counts, (groups[places], outcome.astype(np.intp)), 1)
    return counts, tuple(groups[codes].tolist())


def tabulate(
    counts: npt.NDArray[np.int64],
    edges: tuple[float, ...],
    groups: tuple[int, ...] = (),
    prior: float = 0.0,
) -> Binning:
    """Return the binning of bins with these (goods, bads), the missing last.

    Without a prior, a bin without a good or without a bad application has WOE 0. The information
    value is that of the counts themselves, and such a bin adds none.
    """
    totals = counts.sum(axis=0)
    shares = counts / totals
    plain = _log_ratio(counts, totals)
    woe = _log_ratio(counts + prior * totals / totals.sum(), totals) if prior else plain
    return Binning(
        edges=edges,
        groups=groups,
        goods=tuple(counts[:, 0].tolist()),
        bads=tuple(counts[:, 1].tolist()),
        woe=tuple(woe.tolist()),
        information_value=float(((shares[:, 0] - shares[:, 1]) * plain).sum()),
    )


def _log_ratio(counts: Numbers | npt.NDArray[np.int64], totals: npt.NDArray[np.int64]) -> Numbers:
    shares = counts / totals
    is_mixed = (counts > 0).all(axis=1)
    ratio = np.divide(shares[:, 0], shares[:, 1], out=np.ones(len(counts)), where=is_mixed)
    return np.asarray(np.log(ratio))


def rate_categories(codes: Numbers, outcome: Numbers, categories: int) -> Numbers:
    """Return each category's bad rate.

    Shrunk to the overall one by twenty rows' weight, so that rare categories stand in the middle
    and those never seen share its place.
    """
    places = codes.astype(np.intp)
    rows = np.bincount(places, minlength=categories)[:categories]
    bads = np.bincount(places, outcome, minlength=categories)[:categories]
    overall = outcome.mean() if len(outcome) else 0.0
    return np.asarray((bads + 20 * overall) / (rows + 20))


def rank_categories(codes: Numbers, outcome: Numbers, categories: int) -> Numbers:
    """Return each category's rank by bad rate, the lowest first."""
    rates = rate_categories(codes, outcome, categories)
    return np.unique(rates, return_inverse=True)[1].astype(np.float64)


def _quantiles(known: Numbers) -> Numbers:
    """Return the inner edges of fine bins: values that occur, ascending and distinct."""
    if not len(known):
        return np.empty(0)
    shares = np.arange(1, PREBINS) / PREBINS
    values = np.unique(known)
    if len(values) > PREBINS:
        top = values[-1]
        values = np.unique(np.quantile(known, shares, method="inverted_cdf"))
        return np.asarray(values[values < top])
    return np.asarray(values[:-1])


def _count(known: Numbers, outcome: Numbers, edges: Numbers) -> npt.NDArray[np.int64]:
    """Return (goods, bads) of each bin."""
    places = np.searchsorted(edges, known)
    rows = np.bincount(places, minlength=len(edges) + 1)
    bads = np.bincount(places, outcome, minlength=len(edges) + 1).astype(np.int64)
    return np.column_stack([rows - bads, bads])


def _optimum(
    counts: npt.NDArray[np.int64],
    totals: tuple[int, int],
    direction: int,
    noise_few_rows: float,
) -> npt.NDArray[np.intp]:
    """Return where the best bins end (one past their last fine bin)."""
    sums = np.vstack([[0, 0], np.cumsum(counts, axis=0)])
    spans = (sums[None, 1:] - sums[:-1, None]).astype(np.float64)  # [first, last] -> goods, bads
    rows = spans.sum(axis=2)
    rows_min = max(ROWS_MIN, SHARE_MIN * sum(totals))
    is_allowed = (spans > 0).all(axis=2) & (rows >= rows_min)
    is_allowed &= np.arange(len(counts))[:, None] <= np.arange(len(counts))
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = spans / np.array(totals)
        gain = (shares[..., 0] - shares[..., 1]) * np.log(shares[..., 0] / shares[..., 1])
        rate = spans[..., 1] / rows * direction
    factor = NOISE if sum(totals) > FEW_ROWS else noise_few_rows
    noise = factor * (1 / max(totals[0], 1) + 1 / max(totals[1], 1))
    gain = np.where(is_allowed, gain - noise, -np.inf)
    best, before = gain.copy(), np.full(gain.shape, -1)
    best[1:] = -np.inf
    for first in range(1, len(counts)):
        for last in np.flatnonzero(is_allowed[first]).tolist():
            reached = best[:first, first - 1]
            if direction:
                reached = np.where(rate[:first, first - 1] < rate[first, last], reached, -np.inf)
            before[first, last] = place = int(np.argmax(reached))
            best[first, last] = reached[place] + gain[first, last]
    last = len(counts) - 1
    first = int(np.argmax(best[:, last]))
    if not np.isfinite(best[first, last]):
        return np.array([len(counts)])
    ends = [last + 1]
    while first:
        first, last = int(before[first, last]), first - 1
        ends.append(last + 1)
    return np.array(ends[::-1])
