"""Reject inference by parcelling: declined applications train too, with outcomes drawn from a PD.

A model learns from those who were approved and is asked about all who apply. Nobody knows how the
declined would have paid, so this rests on an assumption, `odds_factor`, that no data can prove:
how many times the odds of default of a declined applicant are those that the model of the
approved gives to the same values. At 1 the declined are believed to be like the approved, and
nothing is learnt but how applicants look. See docs/decisions/0007-reject-inference.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]

_KEY = b"solvencia/reject/1"
_SCALE = 2**64


class UninferableData(PermanentFault):
    """Declined applications cannot be given outcomes; the message says why."""


@dataclass(frozen=True)
class Effect:
    """What reject inference changed, on approved applications of known outcome and on declined.

    `swapped_in` is the share of the declined that only the new model would approve at the
    cut-off, `swapped_out` that of the approved that only the old one would.
    """

    auc_before: float
    auc_after: float
    approved_pd_before: float
    approved_pd_after: float
    declined_pd_before: float
    declined_pd_after: float
    swapped_in: float
    swapped_out: float


def parcel(keys: npt.NDArray[Any], pd: Numbers, odds_factor: float = 1.0) -> npt.NDArray[np.int64]:
    """Return an outcome for each declined application: bad (1) with its PD, its odds multiplied.

    A hash of the key decides, so the same application has the same outcome in every run. (Siddiqi,
    "Credit Risk Scorecards", 2006, chapter 6; he draws within score bands, here each row is one.)
    """
    if not odds_factor > 0:
        raise UninferableData(f"odds_factor {odds_factor:g}: give a number above 0")
    odds = odds_factor * pd / (1 - pd)
    draws = np.array([_draw(key) for key in keys.tolist()])
    return (draws < odds / (1 + odds)).astype(np.int64)


def augment(
    portfolio: Portfolio,
    approved: Columns,
    declined: Columns,
    pd: Numbers,
    odds_factor: float = 1.0,
) -> dict[str, npt.NDArray[Any]]:
    """Return the training columns with the declined among them, sorted by key.

    `pd` is a model's of the declined, trained on `approved` alone.
    """
    key, label = portfolio.key.name, portfolio.label.field
    both = np.intersect1d(approved[key], declined[key])
    if len(both):
        raise UninferableData(
            f"{len(both)} applications are approved and declined at once: correct prepare.sql, "
            "so that each application has one decision"
        )
    inferred = {**declined, label: parcel(declined[key], pd, odds_factor)}
    joined = {name: np.concatenate([values, inferred[name]]) for name, values in approved.items()}
    order = np.argsort(joined[key], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def measure_effect(
    outcome: npt.NDArray[Any],
    approved: tuple[Numbers, Numbers],
    declined: tuple[Numbers, Numbers],
    pd_max: float,
) -> Effect:
    """Return what changed between two models' PDs, each pair (before, after).

    `outcome` is that of the approved; up to `pd_max` an application would be approved.
    """
    from solvencia.evaluate import measure_auc

    stays, enters = approved[0] <= pd_max, declined[1] <= pd_max
    return Effect(
        auc_before=measure_auc(outcome, approved[0]),
        auc_after=measure_auc(outcome, approved[1]),
        approved_pd_before=float(approved[0].mean()),
        approved_pd_after=float(approved[1].mean()),
        declined_pd_before=float(declined[0].mean()),
        declined_pd_after=float(declined[1].mean()),
        swapped_in=float((enters & (declined[0] > pd_max)).mean()),
        swapped_out=float((stays & (approved[1] > pd_max)).mean()),
    )


def _draw(key: object) -> float:
    """Return a number from 0 to below 1, evenly spread over keys."""
    digest = hashlib.blake2b(str(key).encode(), key=_KEY, digest_size=8).digest()
    return int.from_bytes(digest, "big") / _SCALE
