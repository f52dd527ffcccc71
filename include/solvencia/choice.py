"""Which challenger becomes the model: the best, unless a simpler one ties with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]
type Spans = npt.NDArray[np.intp]  # which rows one model scored

BLEND = "blend"
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Gain:
    """AUC of one score less that of another on the same rows, with its 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """The difference's standard error."""
        return (self.high - self.difference) / _Z95


def compare(outcome: Numbers, new: Numbers, old: Numbers) -> Gain:
    """Return how much better `new` ranks than `old` (DeLong et al., 1988, paired)."""
    is_bad = outcome.astype(bool)
    parts = [_placements(is_bad, each) for each in (new, old)]
    bads, goods = (parts[0][side] - parts[1][side] for side in (0, 1))
    difference = float(bads.mean())
    variance = sum(
        float(each.var(ddof=1)) / len(each) if len(each) > 1 else 0.0 for each in (bads, goods)
    )
    reach = _Z95 * float(np.sqrt(variance))
    return Gain(difference, difference - reach, difference + reach)


def compare_within(outcome: Numbers, new: Numbers, old: Numbers, span: Spans) -> Gain:
    """Return the mean gain over spans, rows compared only within theirs.

    Spans scored by different models have no common order, so each has a gain of its own, which
    counts by its bad applications.
    """
    total, variance, bads_all = 0.0, 0.0, outcome.sum()
    for each in np.unique(span):
        here = span == each
        bads = outcome[here].sum()
        if 0 < bads < here.sum():
            gain = compare(outcome[here], new[here], old[here])
            total += bads / bads_all * gain.difference
            variance += (bads / bads_all * (gain.high - gain.difference) / _Z95) ** 2
    reach = _Z95 * float(np.sqrt(variance))
    return Gain(float(total), float(total) - reach, float(total) + reach)


def choose(
    outcome: Numbers, log_odds: Mapping[str, Numbers], span: Spans | None = None
) -> tuple[str, str]:
    """Return the kind to take and why; `log_odds` are by kind, in ascending complexity.

    Among single models the one-standard-error rule (Breiman et al., "Classification and
    regression trees", 1984): of all whose AUC lies within one standard error of the best, the
    simplest. The error is that of the paired difference. A blend, which is several models to
    keep and explain, must be proven better than that one: the 95 % interval lies above 0. `span`
    numbers the rows by the model that scored them; by default it was one.
    """
    span = np.zeros(len(outcome), dtype=np.intp) if span is None else span
    singles = [kind for kind in log_odds if kind != BLEND]
    if not singles:
        return BLEND, f"{BLEND} is the only challenger"
    chosen, texts = _choose_single(outcome, log_odds, singles, span)
    if BLEND in log_odds:
        gain = compare_within(outcome, log_odds[BLEND], log_odds[chosen], span)
        is_proven = gain.low > 0
        texts.append(
            f"{BLEND} against {chosen}: AUC {gain.difference:+.4f} (95 % interval {gain.low:+.4f} "
            f"to {gain.high:+.4f}) on unseen rows: "
            + (f"{BLEND} is better" if is_proven else f"not proven, so {chosen} stays")
        )
        chosen = BLEND if is_proven else chosen
    if len(log_odds) == 1:
        return chosen, f"{chosen} is the only challenger"
    return chosen, "; ".join(texts) or f"{chosen}, the simplest, has the highest AUC on unseen rows"


def _choose_single(
    outcome: Numbers, log_odds: Mapping[str, Numbers], kinds: list[str], span: Spans
) -> tuple[str, list[str]]:
    """Return the simplest kind within one standard error of the best, and each comparison."""
    best = kinds[0]
    for kind in kinds[1:]:
        if compare_within(outcome, log_odds[kind], log_odds[best], span).difference > 0:
            best = kind
    texts = []
    for kind in kinds[: kinds.index(best)]:
        gain = compare_within(outcome, log_odds[best], log_odds[kind], span)
        is_tie = gain.difference <= gain.error
        verdict = f"a tie, so the simpler {kind} stays" if is_tie else f"{best} is better"
        measured = f"AUC {gain.difference:+.4f} (standard error {gain.error:.4f})"
        texts.append(f"{best} against {kind}: {measured} on unseen rows: {verdict}")
        if is_tie:
            return kind, texts
    return best, texts


def _placements(is_bad: npt.NDArray[np.bool_], score: Numbers) -> tuple[Numbers, Numbers]:
    """Return for each bad one the share of goods below it, and for each good one of bads above."""
    bad, good = score[is_bad], score[~is_bad]
    return _share_below(bad, good), 1 - _share_below(good, bad)


def _share_below(values: Numbers, others: Numbers) -> Numbers:
    """Return the share of others below each value, equal ones counted by half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return np.asarray((below + upto) / (2 * len(others)))
