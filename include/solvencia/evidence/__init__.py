"""The evidence pack of one model version: the pages that a regulator asks for.

Generated from the run's facts alone; a fact that is missing or empty fails the build.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia.evidence import (
    champion_change,
    data_sheet,
    fairness_report,
    index,
    law,
    model_card,
    validation_report,
)
from solvencia.evidence.facts import BlankField, Facts, describe
from solvencia.evidence.sections import PAGES, lay_out
from solvencia.portfolio import Portfolio

__all__ = ["PAGES", "BlankField", "build", "render"]


def build(
    facts: Mapping[str, Any],
    report: Mapping[str, Any],
    portfolio: Portfolio,
    pictures: Mapping[str, bytes],
    champion: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return the pages of a version by file name; raise BlankField for a fact that is not there.

    `facts` and `report` are its facts.json and report.json, `pictures` the evaluation's PNGs by
    file name, `champion` the facts.json of the version named by `champion_before`.
    """
    content = {
        "facts": facts,
        "report": report,
        "portfolio": describe(portfolio),
        "champion": champion,
    }
    return {page: render(Facts(page, content), pictures) for page in PAGES}


def render(facts: Facts, pictures: Mapping[str, bytes]) -> str:
    """Return the page that `facts` are for."""
    match facts.page:
        case "index.html":
            return lay_out(facts, index.sections(facts), law.MODEL_CARD)
        case "model_card.html":
            return lay_out(facts, model_card.sections(facts), law.MODEL_CARD)
        case "validation_report.html":
            found = validation_report.sections(facts, pictures)
            return lay_out(facts, found, law.VALIDATION_REPORT)
        case "data_sheet.html":
            return lay_out(facts, data_sheet.sections(facts), law.DATA_SHEET)
        case "fairness_report.html":
            found = fairness_report.sections(facts, pictures)
            return lay_out(facts, found, law.FAIRNESS_REPORT)
        case "champion_change.html":
            return lay_out(facts, champion_change.sections(facts), law.CHAMPION_CHANGE)
    raise KeyError(facts.page)
