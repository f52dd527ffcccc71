"""The gate between a trained model and production: every reason to refuse it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from solvencia.portfolio import Portfolio

type Metrics = Mapping[str, Any]

_AGAIN = "evaluate the model again"
_SINGLE = {
    "auc_min": "auc",
    "ks_min": "ks",
    "brier_max": "brier",
    "ece_max": "ece",
    "rows_min": "rows",
}
_CURES = {
    "auc_min": "look for features that went missing or changed meaning, or bring more history",
    "ks_min": "look at the scores of good and bad, and for features that went missing",
    "brier_max": "look at the calibration table, and train on newer vintages",
    "ece_max": (
        "the probabilities do not hold: look at the calibration table for the tenths that are "
        "off, and train on newer vintages"
    ),
    "rows_min": "bring more matured history, or raise split.test_months",
    "psi_max": "find the feature that moved, and train on newer vintages",
    "csi_max": "ask its source whether its meaning changed, and train on newer vintages",
    "feature_auc_max": (
        "it may know the outcome: find out when it is recorded, and give it the role ignored if "
        "that is after the decision"
    ),
    "impact_ratio_min": (
        "look for the feature that stands in for this attribute, and have its use justified in "
        "writing or take it out"
    ),
    "opportunity_difference_max": (
        "good applicants of this group are missed: look for the feature that stands in for it, "
        "and have its use justified in writing or take it out"
    ),
}


@dataclass(frozen=True)
class Check:
    """One rule of the gate; `limit` is None where the portfolio does not ask for it.

    `value` is what was measured, of several the worst, and `subject` whose that is. `refusals`
    names each breach; it is empty where the rule holds or is not asked for.
    """

    rule: str
    subject: str
    value: float | None
    limit: float | None
    refusals: tuple[str, ...]

    @property
    def is_asked(self) -> bool:
        """Whether the rule counts: those without a number always do."""
        return self.limit is not None or self.rule not in _CURES


def refusals(metrics: Metrics, portfolio: Portfolio) -> list[str]:
    """Return why these out-of-time metrics do not pass, or nothing when they do.

    Each text names the metric, its value, the bound and what to do next. A metric that a bound
    needs and that is absent or not a finite number is refused too.
    """
    return [text for each in checks(metrics, portfolio) for text in each.refusals]


def tabulate(metrics: Metrics, portfolio: Portfolio) -> list[dict[str, Any]]:
    """Return every check as plain values, as reports and facts hold it."""
    return [
        {**asdict(each), "refusals": list(each.refusals), "is_asked": each.is_asked}
        for each in checks(metrics, portfolio)
    ]


def checks(metrics: Metrics, portfolio: Portfolio) -> list[Check]:
    """Return every rule with what was measured, those not asked for included."""
    gate = portfolio.gate
    single = [
        _bound(rule, getattr(gate, rule), [(metric, metric, metrics.get(metric))])
        for rule, metric in _SINGLE.items()
    ]
    psi = ("score", "psi of the score", metrics.get("psi"))
    csi = _each(metrics, "csi", "csi of {}")
    leakage = _each(metrics, "leakage", "auc of {} alone")
    impact = _groups(metrics, portfolio, "impact_ratio")
    opportunity = _groups(metrics, portfolio, "opportunity_difference")
    return [
        *single,
        _bound("psi_max", gate.psi_max, [psi], metrics),
        _bound("csi_max", gate.csi_max, csi, metrics),
        _bound("feature_auc_max", gate.feature_auc_max, leakage),
        _bound("impact_ratio_min", gate.impact_ratio_min, impact),
        _bound("opportunity_difference_max", gate.opportunity_difference_max, opportunity),
        _champion(metrics),
        _monotone(metrics, portfolio),
        _fingerprint(metrics, portfolio),
    ]


def _bound(
    rule: str,
    limit: float | None,
    measured: Iterable[tuple[str, str, object]],
    metrics: Metrics | None = None,
) -> Check:
    """Hold each of (subject, what it is, value) against a limit; the worst stands in the check."""
    sign = 1 if rule.endswith("_min") else -1
    worst: tuple[str, float] | None = None
    texts = []
    for subject, name, value in measured:
        if not _is_finite(value):
            if limit is not None:
                texts.append(f"{name} is not a number: {_AGAIN} ({rule} is {limit:g})")
            continue
        number = float(str(value))
        if worst is None or (number - worst[1]) * sign < 0:
            worst = (subject, number)
        if limit is not None and (number - limit) * sign < 0:
            side = "below" if sign > 0 else "above"
            moved = _moved_bin(metrics, rule, subject) if metrics else ""
            text = f"{name} {number:.6g} is {side} {rule} {limit:g}{moved}: {_CURES[rule]}"
            texts.append(text)
    subject, number = worst if worst else ("", math.nan)
    return Check(rule, subject, number if worst else None, limit, tuple(texts))


def _each(metrics: Metrics, key: str, name: str) -> list[tuple[str, str, object]]:
    """Return one measurement for each feature; an absent table is one that is not a number."""
    table = metrics.get(key)
    if not isinstance(table, Mapping) or not table:
        return [("", f"{key} of the features", None)]
    return [(feature, name.format(feature), value) for feature, value in table.items()]


def _groups(metrics: Metrics, portfolio: Portfolio, measure: str) -> list[tuple[str, str, object]]:
    """Return one measurement for each protected attribute that the portfolio declares."""
    attributes = (metrics.get("fairness") or {}).get("attributes") or {}
    kind, side = ("impact_ratio", "min") if measure == "impact_ratio" else ("opportunity", "max")
    found: list[tuple[str, str, object]] = []
    for each in portfolio.with_role("protected"):
        summary = attributes.get(each.name) or {}
        group = summary.get(f"{kind}_group")
        subject = f"{each.name}: {group}" if group else each.name
        name = f"{measure.replace('_', ' ')} of {each.name}" + (f" ({group})" if group else "")
        found.append((subject, name, summary.get(f"{measure}_{side}")))
    return found


def _champion(metrics: Metrics) -> Check:
    """Refuse what ranks worse than the live champion beyond noise, or could not be compared."""
    if "champion" not in metrics:
        text = f"the champion was not compared: {_AGAIN}, with the input champion"
        return Check("champion", "", None, None, (text,))
    found = metrics["champion"]
    if found is None:
        return Check("champion", "there is none", None, None, ())
    is_known = bool(found.get("digest"))
    subject = f"{found['digest'][:12]} of {found['period']}" if is_known else "the live one"
    name = f"champion {subject}" if is_known else "the live champion"
    bounds = [found.get(each) for each in ("difference", "low", "high")]
    if not all(map(_is_finite, bounds)):
        note = found.get("note") or f"no interval was measured: {_AGAIN}"
        text = (
            f"{name} was not compared ({note}): compare by hand, and promote with a "
            "written reason if the new model is to replace it"
        )
        return Check("champion", subject, None, 0.0, (text,))
    difference, low, high = map(float, bounds)
    texts = []
    if high < 0:
        texts.append(
            f"auc is {-difference:.4f} below that of {name}, beyond noise (95 % "
            f"interval of the difference {low:.4f} to {high:.4f}, which must reach 0): keep the "
            "champion, and look for what the new data or features have lost"
        )
    return Check("champion", subject, high, 0.0, tuple(texts))


def _monotone(metrics: Metrics, portfolio: Portfolio) -> Check:
    """Refuse a model whose score runs against a declared direction anywhere."""
    broken = (metrics.get("monotone") or {}).get("broken")
    if not isinstance(broken, Mapping):
        text = f"monotone was not proven on the model: {_AGAIN}"
        return Check("monotone", "", None, None, (text,))
    texts = [
        f"monotone constraint of {name} is broken ({text}), declared "
        f"{portfolio.fields[name].monotone:+d}: train again with the constraint in force"
        for name, text in broken.items()
    ]
    return Check("monotone", ", ".join(broken), float(len(broken)), None, tuple(texts))


def _fingerprint(metrics: Metrics, portfolio: Portfolio) -> Check:
    built_from = (metrics.get("model") or {}).get("fingerprint")
    texts: tuple[str, ...] = ()
    if built_from != portfolio.fingerprint:
        texts = (
            f"model.fingerprint {str(built_from)[:12]} is not this portfolio's "
            f"{portfolio.fingerprint[:12]}: the portfolio changed since training, so train again",
        )
    return Check("fingerprint", str(built_from)[:12], None, None, texts)


def _moved_bin(metrics: Metrics, rule: str, name: str) -> str:
    """Say which bin of the score or of a feature moved most, where the metrics know it."""
    moved = metrics.get("drift") or {}
    found = moved.get("score") if rule == "psi_max" else moved.get("features", {}).get(name)
    if not found:
        return ""
    was, now = found["train_share"], found["test_share"]
    return f", most of all {found['bin']} ({100 * was:.1f} % in training, {100 * now:.1f} % now)"


def _is_finite(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(float(str(value)))
