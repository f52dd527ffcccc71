"""The report's sections on why this model: the gate, the champion, the challengers, the proofs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia.page import heading, listed, number, paragraph, picture, table

type Report = Mapping[str, Any]
type Pictures = Mapping[str, bytes]

_RULES = {
    "auc_min": "AUC",
    "ks_min": "KS",
    "brier_max": "Brier score",
    "ece_max": "Calibration error (ECE)",
    "rows_min": "Applications measured",
    "psi_max": "Drift of the score (PSI)",
    "csi_max": "Drift of a feature (CSI)",
    "feature_auc_max": "AUC of one feature alone",
    "impact_ratio_min": "Impact ratio of a group",
    "opportunity_difference_max": "Difference in opportunity",
    "champion": "Upper end of the AUC's gain on the champion",
    "monotone": "Features that break their direction",
    "fingerprint": "Trained under today's rules",
}
_VALIDATED = (
    ("auc", "AUC", 4),
    ("gini", "Gini", 4),
    ("ks", "KS", 3),
    ("h_measure", "H-measure", 3),
    ("brier", "Brier", 4),
    ("ece", "ECE", 4),
    ("log_loss", "Log loss", 5),
)
_KINDS = {"scorecard": "WOE scorecard", "boosting": "monotone boosting"}
_FOUR = ("brier_max", "ece_max", "psi_max", "csi_max", "champion")
_DIGITS = {"rows_min": 0, "monotone": 0, **dict.fromkeys(_FOUR, 4)}


def gate(report: Report) -> list[str]:
    """Return the section: the verdict, its reasons and every rule with what was measured."""
    refusals = report["refusals"]
    rows, flagged = [], []
    for place, each in enumerate(report["gate"]):
        if each["refusals"]:
            flagged.append(place)
        digits = _DIGITS.get(each["rule"], 3)
        field, colon, group = each["subject"].partition(": ")
        subject = report["labels"].get(field, field) + colon + group
        limit = each["limit"]
        side = (
            "at least" if each["rule"].endswith("_min") or each["rule"] == "champion" else "up to"
        )
        rows.append(
            [
                _RULES[each["rule"]],
                number(each["value"], digits),
                "" if subject in ("auc", "ks", "brier", "ece", "rows", "score") else subject,
                "" if limit is None else f"{side} {number(limit, digits)}",
                "refused" if each["refusals"] else "passes" if each["is_asked"] else "not asked",
            ]
        )
    verdict = (
        paragraph("The portfolio's gate refuses this model:", "refused")
        + listed(refusals, "refused")
        if refusals
        else paragraph("This model passes every bound of the portfolio's gate.", "passed")
    )
    caption = "What the gate asks, and the worst that was measured."
    head = ("Rule", "Measured", "Where", "Bound", "")
    return [verdict, table(caption, head, rows, flagged, kind="rules")]


def champion(report: Report, pictures: Pictures) -> list[str]:
    """Return the section: what changes against the model that is live."""
    title = heading("Against the champion")
    found = report["champion"]
    if found is None:
        text = "There is no other model to compare with: none is live, or this very one is."
        return [title, paragraph(text)]
    name = f"{found['digest'][:12]}, {_kind(found['kind'])}, period {found['period']}"
    if found["difference"] is None:
        which = f"The champion ({name})" if found["digest"] else "The live champion"
        text = f"{which} was not compared: {found['note']}."
        return [title, paragraph(text, "refused")]
    low, high = found["low"], found["high"]
    verdict = (
        "better beyond noise" if low > 0 else "worse beyond noise" if high < 0 else "within noise"
    )
    parts = [
        title,
        paragraph(
            f"On the same applications the champion ({name}) has an AUC of "
            f"{number(found['auc'], 4)}, this model {number(report['metrics']['auc'], 4)}: "
            f"{found['difference']:+.4f}, with a 95 % interval of {low:+.4f} to {high:+.4f} "
            f"(paired bootstrap): {verdict}. The gate refuses a model whose interval lies wholly "
            "below 0."
        ),
    ]
    if found["note"]:
        parts.append(paragraph(f"Note: {found['note']}.", "small"))
    return [*parts, picture("champion", pictures["champion.png"], "ROC curves of both models")]


def challengers(report: Report, pictures: Pictures) -> list[str]:
    """Return the section: the kinds that competed, and what reduction did."""
    title = heading("Challengers side by side")
    rows = [
        [
            _kind(each["kind"]) + (" (chosen)" if each["is_chosen"] else ""),
            *(number(each[f"validation_{name}"], digits) for name, _, digits in _VALIDATED),
            number(each["test_auc"], 4),
            number(each["test_ece"], 4),
        ]
        for each in report["challengers"]
    ]
    if not rows:
        return [title, paragraph("The model's artefact names no challenger."), *_reduction(report)]
    parts = [
        title,
        paragraph(_sentence(report["choice"])),
        table(
            "Validation decides; the out-of-time test, in the last two columns, only looks on.",
            (
                "Kind",
                *(title for _, title, _ in _VALIDATED),
                "AUC out of time",
                "ECE out of time",
            ),
            rows,
        ),
    ]
    if "challengers.png" in pictures:
        png = pictures["challengers.png"]
        parts.append(picture("challengers", png, "Calibration of each challenger"))
    return [*parts, *_reduction(report)]


def proofs(report: Report) -> list[str]:
    """Return the sections: declared directions on the model itself, and features that leak."""
    labels, found = report["labels"], report["monotone"]
    broken, leaks = found["broken"], report["leakage"]
    ordered = sorted(leaks.items(), key=lambda each: -(each[1] or 0.0))
    limit = next(each["limit"] for each in report["gate"] if each["rule"] == "feature_auc_max")
    over = [
        place
        for place, (_, auc) in enumerate(ordered)
        if limit is not None and auc is not None and auc > limit
    ]
    parts = [heading("Declared directions, proven on the model")]
    if found["checked"]:
        parts.append(
            table(
                "Whether the risk ever runs against the direction that the portfolio declares.",
                ("Feature", "Result"),
                [[labels[name], broken.get(name, "holds everywhere")] for name in found["checked"]],
                [place for place, name in enumerate(found["checked"]) if name in broken],
                kind="texts",
            )
        )
    else:
        parts.append(paragraph("The portfolio declares no direction for this model's features."))
    return [
        *parts,
        heading("What each feature knows alone"),
        paragraph(
            "AUC of one feature without any model, whichever way it points: 0.5 knows nothing. A "
            "feature that comes near the whole model is either very good or recorded after the "
            "fact: ask when it is known."
            + (f" The gate refuses above {limit:g}." if limit is not None else "")
        ),
        table(
            "Features by what they tell alone, out of time.",
            ("Feature", "AUC alone"),
            [[labels[name], number(auc)] for name, auc in ordered],
            over,
        ),
    ]


def _reduction(report: Report) -> list[str]:
    found = report["reduction"]
    title = heading("Dimension reduction", 3)
    if not found:
        text = "None: the model reads every feature of the portfolio."
        return [title, paragraph(text)]
    change = found["auc_after"] - found["auc_before"]
    labels = report["labels"]
    parts = [
        title,
        paragraph(
            f"By {found['method']}, {found['features_before']} features became "
            f"{found['features_after']}; the validation AUC went from "
            f"{number(found['auc_before'], 4)} to {number(found['auc_after'], 4)} ({change:+.4f})."
        ),
    ]
    if found["dropped"]:
        rows = [[labels.get(name, name), why] for name, why in found["dropped"].items()]
        parts.append(table("What was dropped.", ("Feature", "Why"), rows, kind="texts"))
    return parts


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
