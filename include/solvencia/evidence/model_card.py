"""The model card: what the model is for, what it reads, how well it does, and who approved it."""

from __future__ import annotations

from solvencia.evidence import model_limits
from solvencia.evidence.facts import Facts
from solvencia.evidence.sections import Section, Table, moment, spoken

_PARTS = {
    "scorecard": "WOE scorecard (points by band of each feature, added up)",
    "boosting": "monotone gradient boosting (trees)",
    "network": "monotone network",
}
_DIRECTIONS = {1: "more is riskier", -1: "more is safer", 0: "free"}


def sections(facts: Facts) -> list[Section]:
    """Return the sections of the card."""
    return [
        _purpose(facts),
        Section(
            "Identity",
            facts=[
                ("Owner", facts.text("portfolio.owner")),
                ("Portfolio", facts.text("facts.portfolio")),
                ("Version", facts.text("facts.version")),
                ("Status", facts.text("facts.status")),
                ("Registered", moment(facts, "facts.registered_at")),
                ("Entry in the registry", facts.text("facts.package_arn")),
            ],
        ),
        _model(facts),
        _features(facts),
        _excluded(facts),
        Section(
            "Data",
            "Time parts what the model learned from, and what it is measured on. The data sheet "
            "counts every row.",
            facts=[
                ("Built for the month", facts.text("facts.period")),
                (
                    "Tuned on",
                    facts.count("facts.counts.clean.cleaned.train") + " training applications",
                ),
                (
                    "Chosen on",
                    facts.count("facts.counts.clean.cleaned.validation")
                    + " validation applications; then trained again on both together",
                ),
                *_declined(facts),
                (
                    "Measured on",
                    f"{facts.count('facts.metrics.rows')} applications, "
                    f"{facts.count('facts.metrics.bads')} of them bad, of "
                    f"{facts.text('report.months.0.month')} to {last_month(facts)}: newer than "
                    "all that it was trained on",
                ),
            ],
        ),
        model_limits.performance(facts),
        Section(
            "Cut-offs and scale",
            facts=[
                (
                    "Scale",
                    f"{facts.text('portfolio.scaling.points')} points are odds of "
                    f"{facts.text('portfolio.scaling.odds')} good to one bad; "
                    f"{facts.text('portfolio.scaling.pdo')} points more double them",
                ),
                (
                    "Cut-off of the reports",
                    f"{facts.text('portfolio.fairness.approve_points')} points; it decides "
                    f"nothing. At it {facts.share('report.fairness.approval_rate')} of the "
                    "measured applicants would be approved",
                ),
            ],
        ),
        model_limits.limits(facts),
        model_limits.approval(facts),
        Section(
            "Digests",
            "Whoever has the same data, code and image gets the same model, on the same family of "
            "processors.",
            facts=[
                ("Model", facts.text("facts.metrics.model.digest")),
                ("Rules of the portfolio", facts.text("facts.metrics.model.fingerprint")),
                ("Data", facts.text("facts.lineage.data_digest")),
                ("Code that trained", facts.text("facts.lineage.code_digest")),
                ("Code that evaluated", _other_code(facts, "evaluation_code_digest")),
                ("Code that registered", _other_code(facts, "worker_code_digest")),
                ("Image", facts.text("facts.lineage.image")),
                ("Digest of the image", facts.text("facts.lineage.image_digest")),
                ("Artefact", facts.text("facts.lineage.artefact")),
                ("Training job", facts.text("facts.lineage.training_job")),
                ("Libraries", _pairs(facts, "report.fitted.libraries")),
            ],
        ),
    ]


def _other_code(facts: Facts, key: str) -> str:
    """Return a digest beside that of the training's code; one of the same release says so."""
    digest = facts.text(f"facts.lineage.{key}")
    is_same = digest == facts.text("facts.lineage.code_digest")
    return "the same" if is_same else f"{digest}, another release"


def last_month(facts: Facts) -> str:
    """Return the newest month that the model was measured on."""
    return facts.each("report.months")[-1].text("month")


def kind(facts: Facts) -> str:
    """Return what kind of model it is, in words."""
    parts = [_PARTS.get(each, each) for each in facts.need("report.fitted.parts")]
    return parts[0] if len(parts) == 1 else f"blend, in log-odds, of {' and '.join(parts)}"


def meaning(facts: Facts, name: str) -> str:
    """Return what a field means: its help text, else the text of its reason."""
    known = facts.find(f"portfolio.fields.{name}.help").get("en")
    return str(known) if known else facts.text(f"portfolio.fields.{name}.reason.en")


def _declined(facts: Facts) -> list[tuple[str, str]]:
    """Return what was assumed of the declined, where they trained too."""
    path = "report.reject_inference"
    if facts.find(path) is None:
        return []
    rows = facts.need(f"{path}.declined_train") + facts.find(f"{path}.declined_validation")
    return [
        (
            "Declined applications",
            f"{rows:,} trained too, with outcomes inferred by {facts.text(f'{path}.method')}: "
            "assumed, not known, is that their odds of default are "
            f"{facts.need(f'{path}.odds_factor'):g} times those of approved applications with the "
            "same values. Nothing is measured on them",
        )
    ]


def _purpose(facts: Facts) -> Section:
    label = facts.text("portfolio.label.field")
    known = facts.find(f"portfolio.fields.{label}.help").get("en") or spoken(label)
    months = facts.text("portfolio.label.window_months")
    product = facts.text("portfolio.title.en")
    return Section(
        "Purpose and intended use",
        facts=[
            ("Predicts", f"the probability of: {known}"),
            ("Label and window", f"{label}, known {months} months after the application"),
            (
                "Intended use",
                f"to score new applications of the product {product}, each with its reasons, as "
                "one input of the lender's decision",
            ),
            (
                "Not intended for",
                "other products, other populations than the one measured here, prices, "
                "collections, or any decision that leaves the reasons out",
            ),
        ],
    )


def _model(facts: Facts) -> Section:
    return Section(
        "Model",
        facts=[
            ("Kind", kind(facts)),
            ("Hyperparameters", _pairs(facts, "report.fitted.hyperparameters") or "none"),
            ("Features", f"{len(facts.need('report.fitted.features'))}, listed below"),
            ("Dimension reduction", _reduction(facts)),
            ("Output", "a calibrated probability of default, and points on the scale below"),
            (
                "Reasons",
                "exact additive contributions of the features in log-odds, mapped to the "
                "portfolio's reason texts",
            ),
        ],
    )


def _reduction(facts: Facts) -> str:
    if facts.find("report.reduction") is None:
        return "none"
    method = facts.text("report.reduction.method")
    return f"{method}, to {facts.count('report.reduction.features_after')} of them"


def _features(facts: Facts) -> Section:
    rows = []
    for name in facts.need("report.fitted.features"):
        field = f"portfolio.fields.{name}"
        is_text = facts.text(f"{field}.type") == "text"
        rows.append(
            [
                spoken(name),
                meaning(facts, name),
                facts.find(f"{field}.unit") or ("category" if is_text else "plain number"),
                _DIRECTIONS[facts.need(f"{field}.monotone")],
                facts.text(f"{field}.reason.code")
                if facts.find(f"{field}.citable")
                else "never cited",
            ]
        )
    return Section(
        "Features",
        tables=[
            Table(
                "What the model reads of an application.",
                ("Feature", "Meaning", "Unit", "Direction", "Reason code"),
                rows,
            )
        ],
    )


def _excluded(facts: Facts) -> Section:
    fields = facts.named("portfolio.fields")
    excluded = [name for name, each in fields.items() if each.text("role") == "protected"]
    if not excluded:
        return Section("Excluded attributes", "The portfolio declares no protected attribute.")
    return Section(
        "Excluded attributes",
        "Protected attributes are kept for the fairness audit and never reach the model: "
        + ", ".join(map(spoken, excluded))
        + ".",
    )


def _pairs(facts: Facts, path: str) -> str:
    return ", ".join(f"{name} {each.text(())}" for name, each in facts.named(path).items())
