"""The data sheet: where the data comes from, and where every row of it went."""

from __future__ import annotations

from solvencia.evidence.facts import Facts
from solvencia.evidence.model_card import last_month
from solvencia.evidence.sections import Section, Table, spoken


def sections(facts: Facts) -> list[Section]:
    """Return the sections of the sheet."""
    return [
        _sources(facts),
        Section(
            "Rows at each stage",
            "Every application is accounted for: the counts of two neighbouring stages must agree, "
            "or the run stops.",
            tables=[_stages(facts), _quarantine(facts)],
        ),
        Section(
            "Maturity and time",
            f"A label counts once its window of {facts.text('portfolio.label.window_months')} "
            "months is over; applications whose window is still open are immature and wait.",
            facts=[
                ("Period", facts.text("facts.period")),
                ("Months of raw data", facts.count("facts.counts.prepare.periods")),
                ("First month of the portfolio", facts.text("portfolio.schedule.start")[:7]),
                (
                    "Out-of-time test",
                    f"the newest {facts.text('portfolio.split.test_months')} matured months: "
                    f"{facts.text('report.months.0.month')} to {last_month(facts)}",
                ),
                (
                    "Validation",
                    f"{facts.text('portfolio.split.validation_percent')} % of the older "
                    "applications, chosen by a hash of the key",
                ),
                (
                    "Bad rate out of time",
                    f"{facts.count('facts.metrics.bads')} of {facts.count('facts.metrics.rows')}",
                ),
            ],
        ),
        _checks(facts),
        _missing(facts),
        _fields(facts),
        Section(
            "Lineage",
            facts=[
                ("Digest of the data", facts.text("facts.lineage.data_digest")),
                ("Digest of the code that trained", facts.text("facts.lineage.code_digest")),
                (
                    "Digest of the code that prepared and registered",
                    facts.text("facts.lineage.worker_code_digest"),
                ),
                ("Rules of the portfolio", facts.text("facts.metrics.model.fingerprint")),
                ("Manifests", facts.text("facts.lineage.manifests")),
            ],
        ),
    ]


def _sources(facts: Facts) -> Section:
    rows = [
        [
            name,
            each.find("source") or name,
            each.text("key"),
            each.text("time"),
            ", ".join(each.need("columns")),
        ]
        for name, each in facts.named("portfolio.tables").items()
    ]
    return Section(
        "Sources",
        facts=[
            ("Owner", facts.text("portfolio.owner")),
            ("Connection", facts.text("portfolio.warehouse")),
        ],
        tables=[
            Table(
                "Tables of the lender's warehouse that the portfolio reads.",
                ("Table", "Name in the warehouse", "Key", "Dated by", "Columns"),
                rows,
            )
        ],
    )


def _stages(facts: Facts) -> Table:
    prepare, clean = "facts.counts.prepare", "facts.counts.clean"
    rows = [
        ["Declared by the manifests", facts.count(f"{prepare}.declared_applications")],
        ["Raw applications", facts.count(f"{prepare}.raw_applications")],
        ["… of them immature", facts.count(f"{prepare}.immature")],
        ["… of them repeated keys", facts.count(f"{prepare}.repeated_keys")],
        ["Prepared", facts.count(f"{prepare}.prepared")],
        ["… of them quarantined", facts.count(f"{clean}.quarantined")],
        ["Cleaned: train", facts.count(f"{clean}.cleaned.train")],
        ["Cleaned: validation", facts.count(f"{clean}.cleaned.validation")],
        ["Cleaned: out-of-time test", facts.count(f"{clean}.cleaned.test")],
    ]
    if "declined" in facts.find(f"{clean}.cleaned"):
        rows.append(
            ["Cleaned: declined, without outcome", facts.count(f"{clean}.cleaned.declined")]
        )
    return Table("Applications by stage.", ("Stage", "Applications"), rows, kind="")


def _quarantine(facts: Facts) -> Table:
    reasons = facts.named("facts.counts.clean.quarantined_by")
    rows = [[name, each.count(())] for name, each in reasons.items()]
    caption = "Quarantined applications by reason; they are kept apart, not lost."
    return Table(caption, ("Reason", "Applications"), rows or [["none", "0"]], kind="")


def _checks(facts: Facts) -> Section:
    failed = [
        [
            each.text("type"),
            each.find("column") or "table",
            each.text("severity"),
            each.text("expected"),
            each.text("observed"),
        ]
        for each in facts.each("facts.counts.validate.expectations")
        if not each.find("success")
    ]
    table = Table(
        "Expectations that did not hold; a critical one would have stopped the run.",
        ("Expectation", "Column", "Severity", "Expected", "Observed"),
        failed,
    )
    return Section(
        "Checks",
        facts=[
            ("Expectations that held", facts.count("facts.counts.validate.successful")),
            ("Expectations that did not", facts.count("facts.counts.validate.failed")),
            ("Data Docs", facts.text("facts.counts.validate.data_docs")),
        ],
        tables=[table] if failed else [],
    )


def _missing(facts: Facts) -> Section:
    if facts.find("report.drift") is None:
        return Section(
            "Missing values",
            "Not counted: this version was evaluated without its training rows.",
        )
    rows = []
    for feature in facts.each("report.drift.features"):
        absent = [each for each in feature.each("bins") if each.find("is_missing")]
        train, test = (
            (absent[0].share("train_share"), absent[0].share("test_share"))
            if absent
            else ("none", "none")
        )
        rows.append([spoken(feature.text("feature")), train, test])
    return Section(
        "Missing values",
        "Missing values reach the model as missing: cleaning fills nothing in.",
        tables=[
            Table(
                "Share of applications without a value.",
                ("Feature", "In training", "Out of time"),
                rows,
                kind="",
            )
        ],
    )


def _fields(facts: Facts) -> Section:
    rows = []
    for name, each in facts.named("portfolio.fields").items():
        sentinels = each.named("sentinels")
        rows.append(
            [
                spoken(name),
                each.text("role"),
                each.text("type"),
                each.find("unit") or "none",
                ", ".join(f"{value}: {told.text(())}" for value, told in sentinels.items())
                or "none",
            ]
        )
    return Section(
        "Fields",
        "Protected fields are kept for audits and never reach the model.",
        tables=[
            Table(
                "The portfolio's fields; a sentinel is a value that means something else.",
                ("Field", "Role", "Type", "Unit", "Sentinels"),
                rows,
            )
        ],
    )
