"""How far AUC, KS and Brier could lie by chance: a seeded, stratified bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]

ROUNDS = 500
SEED = 20_090_601


def intervals(
    outcome: npt.NDArray[Any], pd: Numbers, rounds: int = ROUNDS, seed: int = SEED
) -> dict[str, tuple[float, float]]:
    """Return 95 % percentile intervals of auc, ks and brier.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. Bad and good
    applications are drawn separately, as many as there are: the bad rate stays, so what is
    measured is the noise of the score and not that of the bad rate.
    """
    is_bad = outcome.astype(bool)
    distinct, place = np.unique(pd, return_inverse=True)
    sides = (place[is_bad], place[~is_bad])
    bads, goods = (len(each) for each in sides)
    error_bad, error_good = (distinct - 1) ** 2, distinct**2
    rng = np.random.default_rng(seed)
    found = np.empty((rounds, 3))
    # Sums, not `@`: BLAS would start threads for each of these small products.
    for row in found:
        bad, good = (
            np.bincount(side[rng.integers(0, len(side), len(side))], minlength=len(distinct))
            for side in sides
        )
        below_bad, below_good = np.cumsum(bad), np.cumsum(good)
        row[0] = (bad * (below_good - good / 2)).sum() / (bads * goods)
        row[1] = np.max(np.abs(below_bad / bads - below_good / goods))
        row[2] = ((bad * error_bad).sum() + (good * error_good).sum()) / (bads + goods)
    low, high = np.quantile(found, (0.025, 0.975), axis=0).tolist()
    return dict(zip(("auc", "ks", "brier"), zip(low, high, strict=True), strict=True))
