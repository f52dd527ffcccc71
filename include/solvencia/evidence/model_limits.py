"""The model card's sections on how far the model can be trusted, and who decided that it may."""

from __future__ import annotations

from solvencia.evidence.facts import Facts
from solvencia.evidence.sections import Section, Table, moment, spoken

_BOUNDS = (
    ("auc", "AUC", 4),
    ("ks", "KS", 4),
    ("h_measure", "H-measure", 4),
    ("lift_10", "Lift in the riskiest tenth", 2),
    ("brier", "Brier", 4),
    ("ece", "ECE", 4),
)


def performance(facts: Facts) -> Section:
    """Return the section: metrics with their intervals, and calibration."""
    rows = [
        [
            name,
            facts.number(f"facts.metrics.{key}", digits),
            facts.between(f"report.intervals.{key}.0", f"report.intervals.{key}.1", digits),
        ]
        for key, name, digits in _BOUNDS
    ]
    rows += [
        ["Gini", facts.number("facts.metrics.gini", 4), "follows from the AUC's"],
    ]
    tenths = [
        [
            each.share("mean_pd", 2),
            each.share("bad_rate", 2),
            f"{each.share('low', 2)} to {each.share('high', 2)}",
            each.count("rows"),
        ]
        for each in facts.each("report.calibration")
    ]
    return Section(
        "Performance and calibration",
        "Measured out of time, after training and choice were over.",
        tables=[
            Table("Metrics.", ("Metric", "Value", "95 % interval"), rows, kind=""),
            Table(
                "Calibration by tenth of predicted PD.",
                ("Mean PD", "Bad rate", "95 % interval", "Rows"),
                tenths,
                kind="",
            ),
        ],
    )


def limits(facts: Facts) -> Section:
    """Return the section: what the model does not know, and what is refused."""
    fields = facts.named("portfolio.fields")
    bounds = [
        [spoken(name), f"{each.text('minimum')} to {each.text('maximum')}"]
        for name, each in fields.items()
        if each.text("role") == "feature"
        and each.find("minimum") is not None
        and each.find("maximum") is not None
    ]
    tables = [Table("Bounds of a scorable application.", ("Feature", "From and to"), bounds)]
    refused = facts.find("facts.refusals")
    return Section(
        "Limits",
        f"{_known(facts)} It "
        "speaks for applicants like those measured, and wants another look when drift or "
        "calibration leaves the gate's bounds. An application outside the bounds below is refused, "
        "not scored.",
        facts=[("Refusals of the gate", "; ".join(refused) if refused else "none")],
        tables=tables if bounds else [],
    )


def _known(facts: Facts) -> str:
    """Return what the model knows of those who were declined."""
    if facts.find("report.reject_inference") is None:
        return "The model knows granted credit only: applicants who were declined left no outcome."
    return (
        "How declined applicants would have paid is assumed, not known, and no data can prove it: "
        "every figure of performance is of granted credit."
    )


def approval(facts: Facts) -> Section:
    """Return the section: who decided, when and why; or that no decision stands."""
    decisions = _decisions(facts)
    if facts.find("facts.approval") is None:
        return Section("Approval", _undecided(facts, bool(decisions)), tables=decisions)
    return Section(
        "Approval",
        facts=[
            ("Decision", facts.text("facts.approval.status")),
            ("Who", facts.text("facts.approval.by")),
            ("When", moment(facts, "facts.approval.at")),
            ("Why", facts.text("facts.approval.reason")),
            ("How", facts.text("facts.approval.mode")),
            ("Run started by", facts.find("facts.approval.triggered_by") or "schedule"),
        ],
        tables=decisions,
    )


def _undecided(facts: Facts, was_decided: bool) -> str:
    who = (
        "No decision on this version stands: those below turned a promotion down, or were made "
        "before it was evaluated anew"
        if was_decided
        else "Nobody has decided on this version yet"
    )
    why = ", by the gate's refusal" if facts.find("facts.refusals") else ""
    return (
        f"{who}. Its status is {facts.text('facts.status')}{why}. "
        "Nothing is deployed without the status Approved."
    )


def _decisions(facts: Facts) -> list[Table]:
    rows = [
        [
            moment(each, "at"),
            each.text("status"),
            each.text("by"),
            each.text("mode"),
            each.text("reason"),
            each.find("triggered_by") or "schedule",
        ]
        for each in facts.each_found("facts.decisions")
    ]
    head = ("When", "Decision", "By", "How", "Why", "Run started by")
    return [Table("Every decision on this version.", head, rows)] if rows else []
