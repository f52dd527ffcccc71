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
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import features, split
from solvencia.faults import PermanentFault
from solvencia.model import Model
from solvencia.portfolio import Portfolio
from solvencia.scorecard import to_pd

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]

APPROVED_ONLY = "approved_only"  # the model before, among those that travel in the artefact
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


def infer(
    portfolio: Portfolio,
    period: str,
    approved: Mapping[str, Columns],
    declined: Columns,
    before: Model,
) -> tuple[dict[str, dict[str, npt.NDArray[Any]]], dict[str, Any]]:
    """Return the approved's splits with the declined among them, and what was assumed.

    `before` is the model of the approved. A declined application falls into the split that it
    would have as an approved one; of the test's months none trains. Raises UninferableData.
    """
    factor = portfolio.modelling.declined_odds_factor or 1.0
    keys, dates = declined[portfolio.key.name], declined[portfolio.time.name]
    places = split.assign(portfolio, period, keys, dates)
    joined, counts, bads = {}, {}, 0
    for name, columns in approved.items():
        chosen = {each: values[places == name] for each, values in declined.items()}
        counts[name] = len(chosen[portfolio.key.name])
        pd = before.predict(features.build(portfolio, chosen))
        joined[name] = augment(portfolio, columns, chosen, pd, factor)
        label = portfolio.label.field
        bads += int(joined[name][label].sum() - columns[label].sum())
    if not counts["train"]:
        raise UninferableData(
            f"{portfolio.name} {period} has no declined application that is older than the test "
            f"({split.first_test_vintage(portfolio, period)} on) and could train: have prepare.sql "
            'yield them, or set model.reject_inference = "none"'
        )
    return joined, {
        "method": portfolio.modelling.reject_inference,
        "odds_factor": factor,
        "declined_train": counts["train"],
        "declined_validation": counts["validation"],
        "inferred_bads": bads,
        "kind_before": before.kind,
    }


def describe_effect(
    portfolio: Portfolio,
    model: Model,
    columns: Columns,
    pd: Numbers,
    declined: Columns | None,
) -> dict[str, Any] | None:
    """Return what was assumed and what it changed out of time; None where nothing was inferred.

    `columns` are the test's, all approved, with the PDs `pd`; of `declined` the test's months
    count. Without such applications the figures are None.
    """
    assumed = model.selection.get("reject_inference")
    if not assumed:
        return None
    points = portfolio.fairness.approve_points
    found = {**assumed, "approve_points": points, "approved_rows": len(pd), "declined_rows": 0}
    blank = dict.fromkeys(Effect.__dataclass_fields__)
    if declined is None:
        return {**found, **blank}
    keys, dates = declined[portfolio.key.name], declined[portfolio.time.name]
    is_new = split.assign(portfolio, model.period, keys, dates) == "test"
    if not is_new.any():
        return {**found, **blank}
    before = model.challengers[APPROVED_ONLY]
    matrix = features.build(portfolio, columns, model.features)
    unseen = features.build(portfolio, declined, model.features)[is_new]
    effect = measure_effect(
        columns[portfolio.label.field],
        (before.predict(matrix), pd),
        (before.predict(unseen), model.predict(unseen)),
        to_pd(model.scaling, points),
    )
    return {**found, "declined_rows": len(unseen), **asdict(effect)}


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
