"""The report's sections on how well a model ranks and whether its probabilities hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia.page import heading, number, paragraph, picture, share, table

type Report = Mapping[str, Any]
type Pictures = Mapping[str, bytes]


def ranking(report: Report, pictures: Pictures) -> list[str]:
    """Return the section: ROC curve, scores and gains."""
    rows = [
        [
            share(each["depth"], 0),
            share(each["pd_min"], 2),
            share(each["bads_captured"]),
            share(each["goods_captured"]),
            share(each["bad_rate"]),
            number(each["lift"], 2),
        ]
        for each in report["gains"]
    ]
    return [
        heading("How well the model ranks"),
        paragraph("The further the curve bends to the upper left, the better risks are parted."),
        picture("roc", pictures["roc.png"], "ROC curve with AUC and KS"),
        picture("scores", pictures["scores.png"], "Scores of good and of bad applicants"),
        table(
            "Gains: what is caught when the riskiest share of applicants is declined.",
            ("Riskiest", "PD from", "Bads caught", "Goods lost", "Bad rate in it", "Lift"),
            rows,
        ),
    ]


def calibration(report: Report, pictures: Pictures) -> list[str]:
    """Return the section: PD against bad rate."""
    bins = report["calibration"]
    off = [
        place
        for place, each in enumerate(bins)
        if not each["low"] <= each["mean_pd"] <= each["high"]
    ]
    rows = [
        [
            f"{share(each['pd_min'], 2)} to {share(each['pd_max'], 2)}",
            f"{each['rows']:,}",
            share(each["mean_pd"], 2),
            share(each["bad_rate"], 2),
            f"{share(each['low'], 2)} to {share(each['high'], 2)}",
        ]
        for each in bins
    ]
    return [
        heading("Whether the probabilities hold"),
        paragraph(
            "Applicants are cut into ten equal groups by predicted probability of default (PD). "
            "In each, the mean PD should lie within the interval of the observed bad rate; "
            "groups where it does not are shaded."
        ),
        paragraph(_line(report["calibration_line"])),
        picture("calibration", pictures["calibration.png"], "Predicted against observed bad rate"),
        table(
            "Calibration in ten groups of equal size.",
            ("PD", "Rows", "Mean PD", "Bad rate", "95 % interval"),
            rows,
            off,
        ),
    ]


def _line(found: Mapping[str, Any] | None) -> str:
    if not found:
        return "No straight line could be fitted through the log-odds."
    return (
        f"The calibration line has slope {number(found['slope'])} ({number(found['slope_low'])} to "
        f"{number(found['slope_high'])}; 1 is right, less says that PDs are too extreme) and "
        f"intercept {number(found['intercept'])} ({number(found['intercept_low'])} to "
        f"{number(found['intercept_high'])}; 0 is right, more says that they are too low overall), "
        "with 95 % intervals."
    )


def bands(report: Report, pictures: Pictures) -> list[str]:
    """Return the section: Score bands."""
    rows = [
        [
            f"{each['points_from']} to {each['points_to']}",
            f"{each['rows']:,}",
            f"{each['bads']:,}",
            share(each["bad_rate"], 2),
            share(each["mean_pd"], 2),
            share(each["share"]),
            share(each["share_approved"]),
            share(each["bad_rate_approved"], 2),
        ]
        for each in report["score_bands"]
    ]
    return [
        heading("Score bands"),
        paragraph(
            "From one band up to the next the odds of repayment double on the scale. The last two "
            "columns say what approving from a band upwards would mean."
        ),
        picture("score_bands", pictures["score_bands.png"], "Share and bad rate by score band"),
        table(
            "Bands of points, the best first.",
            (
                "Points",
                "Rows",
                "Bads",
                "Bad rate",
                "Mean PD",
                "Share",
                "Approved from here",
                "Bad rate of those",
            ),
            rows,
        ),
    ]


def months(report: Report, pictures: Pictures) -> list[str]:
    """Return the section: Months of application."""
    rows = [
        [
            each["month"],
            f"{each['rows']:,}",
            f"{each['bads']:,}",
            share(each["bad_rate"], 2),
            share(each["mean_pd"], 2),
            number(each["auc"]),
            f"{number(each['auc_low'])} to {number(each['auc_high'])}",
        ]
        for each in report["months"]
    ]
    return [
        heading("Stability by month of application"),
        paragraph(
            "A sound model ranks alike in every month, and its mean PD follows the bad rate. An "
            "AUC that falls month by month says that the model ages."
        ),
        picture("stability", pictures["stability.png"], "AUC, bad rate and mean PD by month"),
        table(
            "Months of application, the oldest first.",
            ("Month", "Rows", "Bads", "Bad rate", "Mean PD", "AUC", "95 % interval"),
            rows,
        ),
    ]
