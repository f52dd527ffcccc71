"""What one feature alone does to the predicted risk: each moved, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """Mean PD of all rows when a feature has its 10th and then its 90th percentile in all."""

    feature: str
    low: float
    high: float
    mean_pd_low: float
    mean_pd_high: float


def move_each(
    predict: Callable[[Numbers], Numbers], matrix: Numbers, names: Sequence[str]
) -> list[Effect]:
    """Return each feature's effect, the largest difference first.

    Percentiles are values that occur (the inverted distribution), of the rows where the feature
    is not missing; missing ones are moved too. One-at-a-time: Saltelli et al., "Global
    Sensitivity Analysis" (2008), section 2.1.1; joint effects stay unseen. A feature that is
    missing everywhere is left out.
    """
    effects = []
    for place, name in enumerate(names):
        known = matrix[:, place][~np.isnan(matrix[:, place])]
        if not len(known):
            continue
        ends = np.quantile(known, (0.1, 0.9), method="inverted_cdf").tolist()
        means = []
        for end in ends:
            moved = matrix.copy()
            moved[:, place] = end
            means.append(float(predict(moved).mean()))
        effects.append(Effect(name, *ends, *means))
    return sorted(effects, key=lambda each: -abs(each.mean_pd_high - each.mean_pd_low))
