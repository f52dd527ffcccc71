"""The validation report: how the model was challenged, then every figure of its evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia import report_page
from solvencia.evidence.facts import Facts
from solvencia.evidence.sections import Section

type Pictures = Mapping[str, bytes]


def sections(facts: Facts, pictures: Pictures) -> list[Section]:
    """Return the sections: how it was challenged, then those of the evaluation's own page."""
    report = facts.whole("report")
    return [_challenge(facts), *_embed(report, pictures)]


def _challenge(facts: Facts) -> Section:
    broken = facts.find("facts.metrics.monotone.broken")
    rivals = [each.text("kind") for each in facts.each_found("facts.metrics.challengers")]
    return Section(
        "How the model was challenged",
        "Before approval the version went through the checks below; each has its figures further "
        "down.",
        facts=[
            ("Rivals, side by side", ", ".join(rivals) or "none: one kind was trained"),
            ("Against the champion", _compared(facts)),
            ("Out of time", f"{facts.count('facts.metrics.rows')} applications it never saw"),
            (
                "Declared directions",
                f"{len(broken)} broken" if broken else "proven on the model itself",
            ),
            ("Leaks", "each feature's own AUC, in the table below"),
            ("Gate", "refused" if facts.find("facts.refusals") else "passed"),
        ],
    )


def _compared(facts: Facts) -> str:
    if facts.find("facts.metrics.champion") is None:
        return "there is none"
    is_measured = facts.find("facts.metrics.champion.difference") is not None
    return "on the same applications" if is_measured else "not compared; the reason stands below"


def _embed(report: Mapping[str, Any], pictures: Pictures) -> list[Section]:
    return [Section("Evaluation", html=report_page.sections(report, pictures))]
