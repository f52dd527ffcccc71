"""The first page of the pack: what this version is, in one screen."""

from __future__ import annotations

from solvencia.evidence import model_card
from solvencia.evidence.facts import Facts
from solvencia.evidence.sections import PAGES, Section, Table, moment
from solvencia.page import figures, listed, paragraph

_ABOUT = {
    "model_card.html": "purpose, data, features, performance, limits, approval, digests",
    "validation_report.html": "how it was challenged, and every figure of the evaluation",
    "data_sheet.html": "sources, and where every row went",
    "fairness_report.html": "how groups fare that the model never sees",
    "champion_change.html": "what is different from the model before it",
}


def sections(facts: Facts) -> list[Section]:
    """Return the sections of the overview."""
    refusals = facts.find("facts.refusals")
    verdict = (
        paragraph("The portfolio's gate refused this version:", "refused")
        + listed(refusals, "refused")
        if refusals
        else paragraph("This version passed every bound of the portfolio's gate.", "passed")
    )
    return [
        Section(
            "At a glance",
            html=[
                verdict,
                figures(
                    [
                        ("AUC", facts.number("facts.metrics.auc", 4), _interval(facts)),
                        ("KS", facts.number("facts.metrics.ks", 4), "widest gap, good to bad"),
                        ("ECE", facts.number("facts.metrics.ece", 4), "PD against bad rate"),
                        ("Applications", facts.count("facts.metrics.rows"), "measured on"),
                    ]
                ),
            ],
            facts=[
                ("Owner", facts.text("portfolio.owner")),
                ("Kind", model_card.kind(facts)),
                ("Status", facts.text("facts.status")),
                ("Decision", _decision(facts)),
            ],
        ),
        Section(
            "In this pack",
            tables=[
                Table(
                    "Pages, generated from the facts of this version; the line on top links them.",
                    ("Page", "What it holds"),
                    [[title, _ABOUT[file]] for file, title in PAGES.items() if file in _ABOUT],
                )
            ],
        ),
    ]


def _interval(facts: Facts) -> str:
    return "95 %: " + facts.between("report.intervals.auc.0", "report.intervals.auc.1", 4)


def _decision(facts: Facts) -> str:
    if facts.find("facts.approval") is None:
        return "none yet"
    return (
        f"{facts.text('facts.approval.status')} by {facts.text('facts.approval.by')} "
        f"({facts.text('facts.approval.mode')}), {moment(facts, 'facts.approval.at')}: "
        f"{facts.text('facts.approval.reason')}"
    )
