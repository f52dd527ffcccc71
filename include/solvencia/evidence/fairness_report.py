"""The fairness report: whether groups that the model never sees fare alike."""

from __future__ import annotations

from collections.abc import Mapping

from solvencia.evidence.facts import Facts
from solvencia.evidence.sections import Section, Table, spoken
from solvencia.fairness import FOUR_FIFTHS, picture_name
from solvencia.page import number, picture, share

type Pictures = Mapping[str, bytes]

_TOO_FEW = "not judged: there are no two groups of 100 applications or more"
_HOW_TO_READ = (
    (
        "Impact ratio",
        "a group's approval rate over that of the group with the highest. Below 0.80, the four "
        "fifths of 29 CFR 1607.4(D), a rule of thumb, it wants an explanation",
    ),
    (
        "Equal opportunity",
        "the share of good applicants who are approved; the difference is against the reference "
        "group",
    ),
    (
        "Calibration by group",
        "where the mean PD lies above the bad rate, the model is harsher on the group than its "
        "record",
    ),
    (
        "Small groups",
        "below 100 applications, marked *: chance alone moves them, so they are shown and not "
        "judged",
    ),
)


def sections(facts: Facts, pictures: Pictures) -> list[Section]:
    """Return the sections of the report; `pictures` are the evaluation's by file name."""
    audits = facts.each_found("report.fairness.audits")
    return [
        Section(
            "What was compared",
            "Approvals at the portfolio's cut-off for reports, out of time. The cut-off decides "
            "nothing; the lender's own may give other figures.",
            facts=[
                ("Cut-off", facts.text("report.fairness.approve_points") + " points"),
                ("Approved of all", facts.share("report.fairness.approval_rate")),
                ("Bad among the approved", share(facts.find("report.fairness.bad_rate_approved"))),
                ("Attributes", ", ".join(spoken(each.text("field")) for each in audits) or "none"),
            ],
        ),
        *(_audit(each, pictures) for each in audits),
        *([] if audits else [_nothing()]),
        Section(
            "How to read this",
            "The figures open a question and do not settle one: a difference may have a cause "
            "that the lender can defend, or not.",
            facts=_HOW_TO_READ,
        ),
    ]


def _audit(audit: Facts, pictures: Pictures) -> Section:
    name = audit.text("field")
    groups, flagged, calibration = [], [], []
    for place, each in enumerate(audit.each("groups")):
        title = spoken(each.text("name")) + (" *" if each.find("is_small") else "")
        ratio = each.find("impact_ratio")
        if ratio is not None and ratio < FOUR_FIFTHS:
            flagged.append(place)
        groups.append(
            [
                title,
                each.count("rows"),
                each.share("approval_rate"),
                number(ratio, 2),
                share(each.find("opportunity")),
                _difference(each.find("opportunity_difference")),
            ]
        )
        calibration.append(
            [
                title,
                each.count("bads"),
                each.share("mean_pd", 2),
                each.share("bad_rate", 2),
                _difference(each.need("mean_pd") - each.need("bad_rate")),
                number(each.find("auc")),
            ]
        )
    file = picture_name(name)
    drawn = [picture(name, pictures[file], f"Approvals by {spoken(name)}")] * (file in pictures)
    return Section(
        spoken(name).capitalize(),
        facts=[
            ("Reference group", spoken(audit.text("reference"))),
            ("Smallest impact ratio", _ratio(audit.find("impact_ratio_min"))),
            (
                "Widest difference in opportunity",
                _difference(audit.find("opportunity_difference_max"), _TOO_FEW),
            ),
        ],
        tables=[
            Table(
                f"Approvals by {spoken(name)}; ratios below four fifths are shaded.",
                ("Group", "Rows", "Approved", "Impact ratio", "Opportunity", "Difference"),
                groups,
                flagged,
                kind="",
            ),
            Table(
                f"Calibration by {spoken(name)}.",
                ("Group", "Bads", "Mean PD", "Bad rate", "PD less bad rate", "AUC"),
                calibration,
                kind="",
            ),
        ],
        html=drawn,
    )


def _nothing() -> Section:
    return Section(
        "No attribute to compare",
        "The portfolio declares no protected attribute, so no group was compared. That is no sign "
        "of fairness: it means that the lender keeps no such attribute for audits.",
    )


def _ratio(value: float | None) -> str:
    return _TOO_FEW if value is None else number(value, 2)


def _difference(value: float | None, absent: str = "not measurable") -> str:
    return absent if value is None else f"{100 * value:+.1f} pp"
