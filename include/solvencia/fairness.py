"""Whether a score treats groups alike: approvals, missed good applicants, calibration, ranking.

Protected values come in here and nowhere else: the model never sees them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import breakdown, evaluate
from solvencia.portfolio import Field

type Numbers = npt.NDArray[np.float64]

ROWS_MIN = 100
FOUR_FIFTHS = 0.8
MISSING = "not recorded"
_VALUES_MAX = 6  # a number with more distinct values is cut at its quartiles


@dataclass(frozen=True)
class Group:
    """One group; ratios and differences are against the audit's reference group.

    `opportunity` is the share of good applicants who are approved. None is not measurable:
    there is no good applicant, or one outcome only. `ece` is the calibration error over the
    group's own tenths, `ece_by_chance` what perfect PDs would show on as many applications.
    """

    name: str
    rows: int
    bads: int
    is_small: bool
    approval_rate: float
    impact_ratio: float | None
    opportunity: float | None
    opportunity_difference: float | None
    mean_pd: float
    bad_rate: float
    bad_rate_low: float
    bad_rate_high: float
    ece: float
    ece_by_chance: float
    auc: float | None
    calibration: tuple[breakdown.Tenth, ...]


@dataclass(frozen=True)
class Audit:
    """One attribute; the two summaries leave small groups out, and need two that are not.

    `impact_ratio_group` and `opportunity_group` are the groups that fare worst.
    """

    field: str
    unit: str
    reference: str
    impact_ratio_min: float | None
    impact_ratio_group: str | None
    opportunity_difference_max: float | None
    opportunity_group: str | None
    groups: tuple[Group, ...]


def picture_name(field: str) -> str:
    """File name of one attribute's picture."""
    return f"fairness_{field}.png"


def audit(
    field: Field,
    values: Numbers,
    outcome: npt.NDArray[Any],
    pd: Numbers,
    is_approved: npt.NDArray[np.bool_],
) -> Audit:
    """Compare the groups of one protected attribute.

    Adverse impact ratio: a group's approval rate over that of the group with the highest one
    (Uniform Guidelines, 29 CFR 1607.4(D), four fifths as the rule of thumb). Equal opportunity:
    differences between groups in the approved share of good applicants (Hardt, Price and Srebro,
    2016). A group of fewer than 100 rows is reported, flagged, and no reference unless all are.
    """
    is_bad = outcome.astype(bool)
    members = [(name, chosen) for name, chosen in group(field, values) if chosen.any()]
    large = [each for each in members if each[1].sum() >= ROWS_MIN] or members
    reference, best = max(large, key=lambda each: float(is_approved[each[1]].mean()))
    best_rate = float(is_approved[best].mean())
    best_opportunity = _rate(is_approved, best & ~is_bad)
    groups = []
    for name, chosen in members:
        rows, bads = int(chosen.sum()), int(is_bad[chosen].sum())
        rate = float(is_approved[chosen].mean())
        opportunity = _rate(is_approved, chosen & ~is_bad)
        is_comparable = opportunity is not None and best_opportunity is not None
        low, high = breakdown.wilson(bads / rows, rows)
        groups.append(
            Group(
                name=name,
                rows=rows,
                bads=bads,
                is_small=rows < ROWS_MIN,
                approval_rate=rate,
                impact_ratio=rate / best_rate if best_rate else None,
                opportunity=opportunity,
                opportunity_difference=(
                    (opportunity or 0.0) - (best_opportunity or 0.0) if is_comparable else None
                ),
                mean_pd=float(pd[chosen].mean()),
                bad_rate=bads / rows,
                bad_rate_low=low,
                bad_rate_high=high,
                ece=evaluate.calibration_error(outcome[chosen], pd[chosen]),
                ece_by_chance=_chance_error(pd[chosen]),
                auc=evaluate.measure_auc(outcome[chosen], pd[chosen]) if 0 < bads < rows else None,
                calibration=tuple(breakdown.by_tenth(outcome[chosen], pd[chosen])),
            )
        )
    counted = [each for each in groups if not each.is_small]
    ratios = [(each.impact_ratio, each.name) for each in counted if each.impact_ratio is not None]
    chances = [(each.opportunity, each.name) for each in counted if each.opportunity is not None]
    has_ratios, has_chances = len(ratios) > 1, len(chances) > 1
    return Audit(
        field=field.name,
        unit=field.unit,
        reference=reference,
        impact_ratio_min=min(ratios)[0] if has_ratios else None,
        impact_ratio_group=min(ratios)[1] if has_ratios else None,
        opportunity_difference_max=max(chances)[0] - min(chances)[0] if has_chances else None,
        opportunity_group=min(chances)[1] if has_chances else None,
        groups=tuple(groups),
    )


def group(field: Field, values: Numbers) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """Return each group's name and members, in order, the missing last.

    A text field groups by category; a number by the portfolio's `bands`, else by its values
    when there are at most six, else by quartiles of the values at hand.
    """
    is_missing = np.isnan(values)
    known = values[~is_missing]
    distinct = np.unique(known)
    if not field.is_numeric:
        groups = [(name, values == code) for code, name in enumerate(field.categories)]
    elif not field.bands and len(distinct) <= _VALUES_MAX:
        groups = [(f"{value:g}", values == value) for value in distinct.tolist()]
    else:
        cuts = field.bands or np.unique(
            np.quantile(known, (0.25, 0.5, 0.75), method="inverted_cdf")
        )
        edges = [float(each) for each in cuts]
        places = np.searchsorted(edges, values, side="right")
        names = _band_names(edges, is_whole=field.type == "integer")
        groups = [(name, ~is_missing & (places == place)) for place, name in enumerate(names)]
    return [*groups, (MISSING, is_missing)]


def _band_names(edges: Sequence[float], is_whole: bool) -> list[str]:
    """Name the bands that start at each edge, and the one below them all."""
    names = [f"under {edges[0]:g}"]
    for low, high in itertools.pairwise(edges):
        if is_whole:
            names.append(f"{low:g}-{high - 1:g}" if high - low > 1 else f"{low:g}")
        else:
            names.append(f"{low:g} to under {high:g}")
    return [*names, f"{edges[-1]:g}+"]


def _rate(is_approved: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_]) -> float | None:
    return float(is_approved[chosen].mean()) if chosen.any() else None


def _chance_error(pd: Numbers) -> float:
    """Return the calibration error that chance alone gives PDs that are exactly right.

    A bin's rate then errs by sqrt(2 p (1 - p) / (pi n)) on average (normal approximation).
    """
    bins = evaluate.bin_by_mass(np.zeros(len(pd)), pd)
    return sum(
        rows * math.sqrt(2 * mean * (1 - mean) / (math.pi * rows)) for mean, _, rows in bins
    ) / len(pd)
