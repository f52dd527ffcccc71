"""The report's section on whether groups fare alike, in approvals and in calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from solvencia.fairness import FOUR_FIFTHS, picture_name
from solvencia.page import heading, number, paragraph, picture, points, share, table

type Report = Mapping[str, Any]
type Pictures = Mapping[str, bytes]

_TENTHS = ("1st", "2nd", "3rd", *(f"{place}th" for place in range(4, 11)))


def groups(report: Report, pictures: Pictures) -> list[str]:
    """Return the section: each protected attribute's groups, side by side."""
    judged = report["fairness"]
    parts = [
        heading("Fairness by group"),
        paragraph(
            "The model never sees these attributes; they are compared here only. Approved means "
            f"{judged['approve_points']:g} points or more, the portfolio's cut-off for this "
            f"report: {share(judged['approval_rate'])} of all, of whom "
            f"{share(judged['bad_rate_approved'], 2)} were bad. The impact ratio is a group's "
            "approval rate against that of the group with the highest; below 0.80 (four fifths) "
            "it wants a reason, and is shaded. Opportunity is the share of good applicants who "
            "are approved. These figures open a question and do not settle one."
        ),
    ]
    if not judged["audits"]:
        parts.append(paragraph("The portfolio declares no protected attribute."))
    for audit in judged["audits"]:
        parts += _approvals(audit, report["labels"][audit["field"]], pictures)
        parts += _calibration(audit, report["labels"][audit["field"]])
    return parts


def _approvals(audit: Mapping[str, Any], name: str, pictures: Pictures) -> list[str]:
    rows = [
        [
            _named(each),
            f"{each['rows']:,}",
            share(each["approval_rate"]),
            number(each["impact_ratio"], 2),
            share(each["opportunity"]),
            points(each["opportunity_difference"]),
            number(each["auc"]),
        ]
        for each in audit["groups"]
    ]
    flagged = [
        place
        for place, each in enumerate(audit["groups"])
        if each["impact_ratio"] is not None and each["impact_ratio"] < FOUR_FIFTHS
    ]
    file = picture_name(audit["field"])
    return [
        heading(name[:1].upper() + name[1:], 3),
        picture(file.removesuffix(".png"), pictures[file], f"Approvals by {name}"),
        table(
            f"Approvals by {name}, against {audit['reference']}. * fewer than 100 applications: "
            "too few to judge, left out of the summary.",
            ("Group", "Rows", "Approved", "Impact ratio", "Opportunity", "Difference", "AUC"),
            rows,
            flagged,
        ),
        paragraph(
            f"Smallest impact ratio {number(audit['impact_ratio_min'], 2)}"
            f"{_of(audit['impact_ratio_group'])}; widest difference in opportunity "
            f"{points(audit['opportunity_difference_max'])}{_of(audit['opportunity_group'])}."
        ),
    ]


def _calibration(audit: Mapping[str, Any], name: str) -> list[str]:
    found: Sequence[Mapping[str, Any]] = audit["groups"]
    rows = [
        [
            _named(each),
            share(each["mean_pd"], 2),
            share(each["bad_rate"], 2),
            f"{share(each['bad_rate_low'], 2)} to {share(each['bad_rate_high'], 2)}",
            number(each["ece"], 4),
            number(each["ece_by_chance"], 4),
        ]
        for each in found
    ]
    off = [
        place
        for place, each in enumerate(found)
        if not each["bad_rate_low"] <= each["mean_pd"] <= each["bad_rate_high"]
    ]
    tenths = [
        [
            _named(each),
            *(f"{100 * cut['mean_pd']:.1f} / {100 * cut['bad_rate']:.1f}" for cut in cuts),
        ]
        for each in found
        if len(cuts := each["calibration"]) == len(_TENTHS) and not each["is_small"]
    ]
    return [
        table(
            f"Calibration by {name}. ECE is over each group's own tenths; the last column is "
            "what PDs that are exactly right would show on as many applications.",
            ("Group", "Mean PD", "Bad rate", "95 % interval", "ECE", "ECE by chance"),
            rows,
            off,
        ),
        paragraph(
            "Shaded: the mean PD lies outside the interval of the bad rate. Above it, the model "
            "is harsher on the group than its record; below it, milder."
        ),
        table(
            f"Mean PD / bad rate in percent, by {name} and by each group's own tenths of PD.",
            ("Group", *_TENTHS),
            tenths,
            kind="dense",
        ),
    ]


def _named(each: Mapping[str, Any]) -> str:
    return str(each["name"]) + (" *" if each["is_small"] else "")


def _of(group: str | None) -> str:
    return f" ({group})" if group else ""
