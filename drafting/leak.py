"""What betrays that a field was written after the outcome: what it ranks, where it is filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from drafting.relation import Bin

RANKS_ALONE = 0.9  # AUC
NEVER = 0.02  # of the share among the other kind
EXPECTED_MIN = 8.0  # rows that chance would have given, where there are none
SURE_RATE, SURE_ROWS = 0.98, 20

type Mask = npt.NDArray[np.bool_]


def find(area: float, is_filled: Mask, is_bad: Mask, bins: Sequence[Bin]) -> str:
    """Say why a field seems to know the outcome, or nothing."""
    bad, good = float(is_filled[is_bad].mean()), float(is_filled[~is_bad].mean())
    bads, goods = int(is_bad.sum()), int((~is_bad).sum())
    if bad > NEVER and good < NEVER * bad and bad * goods > EXPECTED_MIN:
        return f"filled for {bad:.1%} of the bad and {good:.1%} of the good: known only afterwards"
    if good > NEVER and bad < NEVER * good and good * bads > EXPECTED_MIN:
        return f"filled for {good:.1%} of the good and {bad:.1%} of the bad: known only afterwards"
    if area > RANKS_ALONE:
        return f"ranks the outcome by itself with AUC {area:.3f}, above {RANKS_ALONE}"
    return _find_sure(bins) if bads < goods else ""


def _find_sure(bins: Sequence[Bin]) -> str:
    """Name the values that only the bad have: nothing known beforehand is so sure."""
    sure = [each for each in bins if each.rows >= SURE_ROWS and each.rate >= SURE_RATE]
    if not sure:
        return ""
    rows, bads = sum(each.rows for each in sure), sum(each.bads for each in sure)
    shown = sure[0].label + (" …" if sure[1:] else "")
    return f"{bads / rows:.1%} of the {rows:,} rows with {shown} are bad: known only afterwards"
