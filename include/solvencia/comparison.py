"""One model against another on the same out-of-time applications: champion and challengers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import evaluate, features
from solvencia.bootstrap import ROUNDS, SEED
from solvencia.clean import MissingColumn
from solvencia.features import NotAFeature
from solvencia.model import Model
from solvencia.portfolio import Portfolio
from solvencia.reject_inference import APPROVED_ONLY

type Numbers = npt.NDArray[np.float64]
type Columns = Mapping[str, npt.NDArray[Any]]


_UNKNOWN: Mapping[str, Any] = {
    "digest": "",
    "kind": "",
    "period": "",
    "auc": None,
    "difference": None,
    "low": None,
    "high": None,
}
_ON_VALIDATION = ("gini", "ks", "brier", "ece", "h_measure")  # absent in older artefacts
_OTHER_RULES = (
    "it was trained under other rules of the portfolio or other cleaning code, and is scored here "
    "on data cleaned by today's"
)
_NEWER = "it is of a newer period and may have been trained on these applications: its AUC flatters"


@dataclass(frozen=True)
class Comparison:
    """A model beside its rivals: tables for metrics.json, and PDs for the pictures.

    `champion` and `champion_pd` are None where there is none; `scored` holds PDs by kind.
    """

    champion: Mapping[str, Any] | None
    champion_pd: Numbers | None
    challengers: Sequence[Mapping[str, Any]]
    scored: Mapping[str, Numbers]
    reduction: Mapping[str, Any] | None


@dataclass(frozen=True)
class Difference:
    """AUC of the new model less the old one's; `low` and `high` bound a 95 % interval."""

    difference: float
    low: float
    high: float


def subtract(
    outcome: npt.NDArray[Any],
    new: Numbers,
    old: Numbers,
    rounds: int = ROUNDS,
    seed: int = SEED,
) -> Difference:
    """Return how much better `new` ranks than `old`, by a paired, stratified bootstrap.

    Each round draws the same applications for both, so what the two share in luck cancels out
    (Efron and Tibshirani, 1993, chapter 8; percentile interval).
    """
    is_bad = outcome.astype(bool)
    bads, goods = np.flatnonzero(is_bad), np.flatnonzero(~is_bad)
    places = [np.unique(each, return_inverse=True)[1] for each in (new, old)]
    whole = [_auc(place[bads], place[goods]) for place in places]
    rng = np.random.default_rng(seed)
    found = np.empty(rounds)
    for turn in range(rounds):
        bad = bads[rng.integers(0, len(bads), len(bads))]
        good = goods[rng.integers(0, len(goods), len(goods))]
        first, second = (_auc(place[bad], place[good]) for place in places)
        found[turn] = first - second
    low, high = np.quantile(found, (0.025, 0.975)).tolist()
    return Difference(whole[0] - whole[1], low, high)


def compare(
    portfolio: Portfolio,
    columns: Columns,
    model: Model,
    pd: Numbers,
    champion: Model | str | None = None,
) -> Comparison:
    """Compare a model, whose PDs on the test's `columns` are `pd`, with its rivals.

    `champion` is the live model, a text that says why it could not be read, or None; this very
    model is no champion to itself.
    """
    rows, scored = _list_challengers(portfolio, columns, model, pd)
    found, old = None, None
    if isinstance(champion, str):
        found = {**_UNKNOWN, "note": champion}
    elif champion is not None and champion.digest != model.digest:
        found, old = _against_champion(portfolio, columns, model, pd, champion)
    return Comparison(found, old, rows, scored, model.selection.get("reduction"))


def _against_champion(
    portfolio: Portfolio, columns: Columns, model: Model, pd: Numbers, champion: Model
) -> tuple[dict[str, Any], Numbers | None]:
    """Score the champion with its own features; a note says what stands against a comparison."""
    identity = {
        "digest": champion.digest,
        "kind": champion.kind,
        "period": champion.period,
    }
    try:
        matrix = features.build(portfolio, columns, champion.features)
    except (NotAFeature, MissingColumn) as error:
        note = f"it cannot be scored on these applications: {error}"
        return {**_UNKNOWN, **identity, "note": note}, None
    outcome, old = columns[portfolio.label.field], champion.predict(matrix)
    apart = subtract(outcome, pd, old)
    is_same = (champion.fingerprint, champion.rules) == (model.fingerprint, model.rules)
    is_newer = champion.period > model.period
    found = {
        **identity,
        "auc": evaluate.measure_auc(outcome, old),
        "difference": apart.difference,
        "low": apart.low,
        "high": apart.high,
        "note": "; ".join([_OTHER_RULES] * (not is_same) + [_NEWER] * is_newer),
    }
    return found, old


def _list_challengers(
    portfolio: Portfolio, columns: Columns, model: Model, pd: Numbers
) -> tuple[list[dict[str, Any]], dict[str, Numbers]]:
    """Return the kinds that competed, and the PDs of those that can be measured here.

    Validation figures are those that the choice was made by; the test's are None for a kind whose
    model the artefact does not hold.
    """
    outcome = columns[portfolio.label.field]
    scored = {model.kind: pd}
    for kind, each in model.challengers.items():
        if kind not in (*scored, APPROVED_ONLY):  # which does not compete
            scored[kind] = each.predict(features.build(portfolio, columns, each.features))
    rows = []
    for each in model.selection.get("challengers", []):
        score = scored.get(each["kind"])
        rows.append(
            {
                "kind": each["kind"],
                "validation_auc": each["auc"],
                "validation_log_loss": each["log_loss"],
                **{f"validation_{name}": each.get(name) for name in _ON_VALIDATION},
                "test_auc": None if score is None else evaluate.measure_auc(outcome, score),
                "test_ece": None if score is None else evaluate.calibration_error(outcome, score),
                "is_chosen": each["is_chosen"],
            }
        )
    return rows, scored


def _auc(bad: npt.NDArray[np.int64], good: npt.NDArray[np.int64]) -> float:
    """Return the AUC from places in ascending PD; equal ones count half.

    A sum, not `@`: BLAS would start threads for each of a bootstrap's small products.
    """
    size = int(max(bad.max(), good.max())) + 1
    goods = np.bincount(good, minlength=size)
    below = np.cumsum(goods) - goods / 2
    return float((np.bincount(bad, minlength=size) * below).sum() / (len(bad) * len(good)))
