"""The validation report as one HTML page that a risk officer reads, prints and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia import report_choice, report_declined, report_fairness, report_tables
from solvencia.page import amount, figures, heading, number, paragraph, picture, share, table, whole

type Report = Mapping[str, Any]
type Pictures = Mapping[str, bytes]
_INTERVALS = (
    ("AUC", "auc", 3),
    ("KS", "ks", 3),
    ("H-measure", "h_measure", 3),
    ("lift", "lift_10", 2),
    ("Brier", "brier", 4),
    ("ECE", "ece", 4),
    ("PSI", "psi", 4),
)


def render(report: Report, pictures: Pictures) -> str:
    """Return the page of `report.build`'s result; `pictures` are the PNGs by file name."""
    title = f"{report['title']}: validation report, period {report['model']['period']}"
    return whole(title, heading(title, 1), *sections(report, pictures))


def sections(report: Report, pictures: Pictures) -> list[str]:
    """Return what stands on the page below its title."""
    model, months, metrics = report["model"], report["months"], report["metrics"]
    return [
        paragraph(
            f"Model {model['digest'][:12]}, measured on {metrics['rows']:,} applications "
            f"({metrics['bads']:,} bad) of {months[0]['month']} to {months[-1]['month']}: "
            "newer than all that it was trained on.",
            "small",
        ),
        *report_choice.gate(report),
        _summary(report),
        *report_choice.champion(report, pictures),
        *report_choice.challengers(report, pictures),
        *report_declined.effect(report, pictures),
        *report_tables.ranking(report, pictures),
        *report_tables.calibration(report, pictures),
        *report_tables.bands(report, pictures),
        *report_tables.months(report, pictures),
        *_drift(report),
        *_sensitivity(report, pictures),
        *report_choice.proofs(report),
        *report_fairness.groups(report, pictures),
        paragraph(
            f"Full digest of the model: {model['digest']}. Fingerprint of the portfolio's rules: "
            f"{model['fingerprint']}. All figures with all digits: report.json.",
            "small",
        ),
    ]


def _summary(report: Report) -> str:
    metrics, bounds = report["metrics"], report["intervals"]
    rows = [
        ("AUC", number(metrics["auc"]), "chance that a bad applicant ranks as riskier than a good"),
        ("Gini", number(metrics["gini"]), "2 AUC - 1: 0 is no better than chance, 1 is perfect"),
        ("KS", number(metrics["ks"]), "widest gap between bad and good caught at one cut-off"),
        ("H-measure", number(report["h_measure"]), "loss saved against no score, over all costs"),
        (
            "Lift at 10 %",
            number(report["lift_10"], 2),
            "bads in the riskiest tenth, against chance",
        ),
        ("Brier", number(metrics["brier"], 4), "mean squared error of the PD; lower is better"),
        ("ECE", number(metrics["ece"], 4), "mean gap between PD and bad rate, by tenth"),
    ]
    if report["drift"]:
        score = report["drift"]["score"]
        rows.append(("PSI", number(score["index"]), f"{score['reading']}: score against training"))
    text = "; ".join(
        f"{name} {number(bounds[key][0], digits)} to {number(bounds[key][1], digits)}"
        for name, key, digits in _INTERVALS
        if key != "psi" or report["drift"]
    )
    return figures(rows) + paragraph(
        "95 % intervals, from drawing the good and the bad applications anew (for the PSI, also "
        f"those of training): {text}. DeLong's formula gives AUC {number(metrics['auc_low'])} to "
        f"{number(metrics['auc_high'])}. Differences within them may be chance.",
        "small",
    )


def _drift(report: Report) -> list[str]:
    moved = report["drift"]
    title = heading("Drift since training")
    if not moved:
        return [title, paragraph("Not measured: the evaluation was run without the training rows.")]
    labels = report["labels"]
    named = [("Score", moved["score"]), *((labels[e["feature"]], e) for e in moved["features"])]
    rows = []
    for name, each in named:
        widest = each["widest"]
        shift = f"{share(widest['train_share'])} to {share(widest['test_share'])}"
        rows.append([name, number(each["index"], 4), each["reading"], widest["bin"], shift])
    return [
        title,
        paragraph(
            f"How the applicants differ from the {moved['train_rows']:,} trained on: PSI for the "
            "score, CSI for each feature, over the deciles of training. Below 0.10 is stable, "
            "0.10 to 0.25 wants watching, above it the population has shifted. The model was "
            "fitted on the training rows, so their scores spread a little wider than new ones."
        ),
        table(
            "Stability index, and the bin that contributes most to it.",
            ("", "Index", "Reading", "Bin that moved most", "Share: training to now"),
            rows,
            [place for place, (_, each) in enumerate(named) if each["reading"] != "stable"],
        ),
    ]


def _sensitivity(report: Report, pictures: Pictures) -> list[str]:
    found = report["sensitivity"]
    rows = [
        [
            report["labels"][each["feature"]],
            amount(each["low"]),
            amount(each["high"]),
            share(each["mean_pd_low"], 2),
            share(each["mean_pd_high"], 2),
            f"{100 * (each['mean_pd_high'] - each['mean_pd_low']):+.2f} pp",
        ]
        for each in found["effects"]
    ]
    return [
        heading("What the score rests on"),
        paragraph(
            "The picture shows how much each feature contributes; the table, what happens to the "
            f"mean PD of {found['rows']:,} applicants ({share(found['mean_pd'], 2)}) when one "
            "feature alone is set to its 10th, then its 90th percentile for all. Where the two "
            "are equal, most applicants share that value."
        ),
        picture("contributions", pictures["contributions.png"], "Mean contribution by feature"),
        table(
            "Sensitivity, one feature at a time, the largest effect first.",
            ("Feature", "10th", "90th", "Mean PD at 10th", "Mean PD at 90th", "Difference"),
            rows,
        ),
    ]
