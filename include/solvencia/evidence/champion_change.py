"""What changed against the champion: rank, drift, features, and where both come from."""

from __future__ import annotations

from solvencia.evidence.facts import Facts
from solvencia.evidence.sections import Section, Table, spoken
from solvencia.page import number

_COMPARED = (
    ("auc", "AUC", 4),
    ("gini", "Gini", 4),
    ("ks", "KS", 4),
    ("brier", "Brier", 4),
    ("ece", "ECE", 4),
    ("h_measure", "H-measure", 4),
)


def sections(facts: Facts) -> list[Section]:
    """Return the sections of the page; the champion's own facts may be at hand or not."""
    before = facts.find("facts.champion_before")
    is_compared = facts.find("facts.metrics.champion") is not None
    parts = [_against(facts, before) if is_compared else _alone(facts, before)]
    if before and facts.content["champion"]:
        parts += [_metrics(facts), _features(facts), _origins(facts)]
    return [*parts, _drift(facts)]


def _alone(facts: Facts, before: str) -> Section:
    told = (
        f"{before} was live when this version was registered. It holds the very model of this "
        "version, so there is no change to measure."
        if before
        else "No champion was live before this version, or only one of a newer period, which has "
        "trained on applications of this test, so there is no change to measure. The portfolio's "
        "own bounds stand in for a comparison: see the validation report."
    )
    return Section(
        "No change to measure" if before else "No champion before this version",
        told,
        facts=[
            ("This version", facts.text("facts.version")),
            ("AUC", facts.number("facts.metrics.auc", 4)),
        ],
    )


def _against(facts: Facts, before: str) -> Section:
    champion = "facts.metrics.champion"
    if facts.find(f"{champion}.difference") is None:
        return Section(
            "Against the champion",
            "The champion could not be measured on the same applications.",
            facts=[
                ("Champion", before or "not known"),
                ("Why", facts.text(f"{champion}.note")),
            ],
        )
    low, high = facts.need(f"{champion}.low"), facts.need(f"{champion}.high")
    verdict = (
        "better beyond noise"
        if low > 0
        else "worse beyond noise: the gate refuses it"
        if high < 0
        else "no difference beyond noise"
    )
    return Section(
        "Against the champion",
        "Both models scored the same out-of-time applications; the interval is a paired "
        "bootstrap's of the difference in AUC, this version less the champion.",
        facts=[
            ("Champion", before or "not registered"),
            ("Its model", facts.text(f"{champion}.digest")),
            (
                "Its kind and period",
                f"{facts.text(f'{champion}.kind')}, {facts.text(f'{champion}.period')}",
            ),
            ("AUC of the champion", facts.number(f"{champion}.auc", 4)),
            ("AUC of this version", facts.number("facts.metrics.auc", 4)),
            ("Difference", f"{facts.need(f'{champion}.difference'):+.4f}"),
            ("95 % interval", f"{low:+.4f} to {high:+.4f}"),
            ("Reading", verdict),
            ("To bear in mind", facts.find(f"{champion}.note") or "nothing"),
        ],
    )


def _metrics(facts: Facts) -> Section:
    rows = []
    for key, name, digits in _COMPARED:
        old, new = (facts.need(f"{side}.metrics.{key}") for side in ("champion", "facts"))
        rows.append([name, number(old, digits), number(new, digits), f"{new - old:+.{digits}f}"])
    return Section(
        "Metrics",
        "Each version measured on the test of its own period, so a difference may lie in the "
        "applicants; the comparison above is on the same ones.",
        tables=[
            Table("Metrics of both versions.", ("", "Champion", "New", "Difference"), rows, kind="")
        ],
    )


def _features(facts: Facts) -> Section:
    old, new = (list(facts.need(f"{side}.metrics.leakage")) for side in ("champion", "facts"))
    return Section(
        "Features",
        facts=[
            ("Added", ", ".join(spoken(each) for each in new if each not in old) or "none"),
            ("Dropped", ", ".join(spoken(each) for each in old if each not in new) or "none"),
            ("Kept", str(len(set(old) & set(new)))),
        ],
    )


def _origins(facts: Facts) -> Section:
    rows = []
    for name, path in (
        ("Kind", "metrics.model.kind"),
        ("Period", "period"),
        ("Rules of the portfolio", "metrics.model.fingerprint"),
        ("Data", "lineage.data_digest"),
        ("Code", "lineage.code_digest"),
        ("Image", "lineage.image"),
    ):
        old, new = (facts.text(f"{side}.{path}") for side in ("champion", "facts"))
        rows.append([name, _short(old), _short(new), "same" if old == new else "changed"])
    return Section(
        "Origins",
        tables=[Table("What both were made from.", ("", "Champion", "New", ""), rows)],
    )


def _drift(facts: Facts) -> Section:
    if facts.find("facts.metrics.psi") is None:
        return Section("Drift", "Not measured: the evaluation ran without the training rows.")
    rows = [["Score (PSI)", facts.number("facts.metrics.psi", 4)]]
    rows += [
        [spoken(name), each.number((), 4)]
        for name, each in sorted(
            facts.named("facts.metrics.csi").items(), key=lambda item: -item[1].need(())
        )
    ]
    return Section(
        "Drift",
        "How the applicants measured differ from those trained on: below 0.10 is stable, to 0.25 "
        "wants watching, above it the population has shifted.",
        tables=[
            Table("Stability index of score and features (CSI).", ("", "Index"), rows, kind="")
        ],
    )


def _short(text: str) -> str:
    is_digest = len(text) == 64 and text.isalnum()
    return text[:12] if is_digest else text
