"""How far an evaluation's figures could lie by chance: a seeded, stratified bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import ranking
from solvencia.evaluate import BINS

type Numbers = npt.NDArray[np.float64]

ROUNDS = 500
SEED = 20_090_601
_NAMES = ("auc", "ks", "brier", "ece", "h_measure", "lift_10")


def intervals(
    outcome: npt.NDArray[Any], pd: Numbers, rounds: int = ROUNDS, seed: int = SEED
) -> dict[str, tuple[float, float]]:
    """Return 95 % percentile intervals of auc, ks, brier, ece, h_measure and lift_10.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. Bad and good
    applications are drawn separately, as many as there are: the bad rate stays, so what is
    measured is the noise of the score and not that of the bad rate. A sum of absolute gaps grows
    with each draw's own noise, so the ECE's interval is shifted back by what its mean exceeds
    the measured one (chapter 10).
    """
    is_bad = outcome.astype(bool)
    distinct, place = np.unique(pd, return_inverse=True)
    sides = (place[is_bad], place[~is_bad])
    size = len(distinct)
    rng = np.random.default_rng(seed)
    found = np.array(
        [
            _measure(
                distinct,
                *(
                    np.bincount(side[rng.integers(0, len(side), len(side))], minlength=size)
                    for side in sides
                ),
            )
            for _ in range(rounds)
        ]
    )
    whole = _measure(distinct, *(np.bincount(side, minlength=size) for side in sides))
    ece = _NAMES.index("ece")
    found[:, ece] = centre(found[:, ece], whole[ece])
    low, high = np.quantile(found, (0.025, 0.975), axis=0).tolist()
    return dict(zip(_NAMES, zip(low, high, strict=True), strict=True))


def centre(drawn: Numbers, measured: float) -> Numbers:
    """Return drawn figures that are never below 0, shifted so that their mean is the measured."""
    return np.maximum(drawn - (drawn.mean() - measured), 0.0)


def _measure(
    distinct: Numbers, bad: npt.NDArray[np.int64], good: npt.NDArray[np.int64]
) -> list[float]:
    """Return the figures of so many bad and good applications at each distinct PD, ascending.

    Sums, not `@`: BLAS would start threads for each of these small products.
    """
    held = np.flatnonzero(bad + good)
    distinct, bad, good = distinct[held], bad[held], good[held]
    bads, goods = int(bad.sum()), int(good.sum())
    rows = bads + goods
    below_bad, below_good = np.cumsum(bad), np.cumsum(good)
    zero = np.zeros(1)
    mass = np.concatenate([zero, below_bad + below_good])
    defaults = np.concatenate([zero, below_bad])
    expected = np.concatenate([zero, np.cumsum((bad + good) * distinct)])
    ends = [0, *np.cumsum([len(each) for each in np.array_split(np.arange(rows), BINS)]).tolist()]
    gaps = np.diff(np.interp(ends, mass, expected) - np.interp(ends, mass, defaults))
    caught = bads - float(np.interp(rows - rows / 10, mass, defaults))
    false_rate, true_rate = (
        np.concatenate([zero, np.cumsum(each[::-1]) / count])
        for each, count in ((good, goods), (bad, bads))
    )
    return [
        float((bad * (below_good - good / 2)).sum() / (bads * goods)),
        float(np.max(np.abs(below_bad / bads - below_good / goods))),
        float(((bad * (distinct - 1) ** 2).sum() + (good * distinct**2).sum()) / rows),
        float(np.abs(gaps).sum() / rows),
        ranking.h_of_curve(false_rate, true_rate, bads / rows),
        caught / bads * 10,
    ]
