"""The report's section on reject inference: what was assumed, and what it changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia.page import heading, number, paragraph, picture, share, table

type Report = Mapping[str, Any]
type Pictures = Mapping[str, bytes]

PICTURE = "reject_inference.png"


def effect(report: Report, pictures: Pictures) -> list[str]:
    """Return the section; nothing for a model of the approved alone."""
    found, metrics = report["reject_inference"], report["metrics"]
    if not found:
        return []
    declined = found["declined_train"] + found["declined_validation"]
    parts = [
        heading("Reject inference"),
        paragraph(
            f"{declined:,} declined applications trained too, {found['inferred_bads']:,} of them "
            f"as bad, by {found['method']}. The assumption, which no data can prove: their odds "
            f"of default are {found['odds_factor']:g} times what the model of the approved gives "
            "to the same values. The choice among challengers and the validation figures above "
            "rest on these outcomes, too; out of time only real ones count."
        ),
    ]
    if not found["declined_rows"]:
        text = (
            "What it changes was not measured: the evaluation found no declined application of "
            "the out-of-time months."
        )
        return [*parts, paragraph(text, "refused")]
    return [
        *parts,
        table(
            f"Two models on {found['approved_rows']:,} approved and {found['declined_rows']:,} "
            "declined applications of the out-of-time months, on which neither was trained.",
            ("", "Of the approved alone", "With the declined", "Change"),
            _rows(report),
        ),
        paragraph(
            f"At the reports' cut-off, {found['approve_points']:g} points: "
            f"{share(found['swapped_in'])} of the declined are swapped in, approved only with "
            f"reject inference; {share(found['swapped_out'])} of the approved are swapped out, "
            "approved only without it. The approved paid with a bad rate of "
            f"{share(metrics['bads'] / metrics['rows'], 2)}; how the declined would have, nobody "
            "knows."
        ),
        picture("reject inference", pictures[PICTURE], "Mean PD without and with the declined"),
    ]


def _rows(report: Report) -> list[list[str]]:
    found = report["reject_inference"]
    before, after = found["auc_before"], found["auc_after"]
    change = f"{after - before:+.4f}"
    rows = [["AUC on the approved", number(before, 4), number(after, 4), change]]
    for side in ("approved", "declined"):
        before, after = found[f"{side}_pd_before"], found[f"{side}_pd_after"]
        change = f"{100 * (after - before):+.2f} pp"
        rows.append([f"Mean PD of the {side}", share(before, 2), share(after, 2), change])
    return rows
