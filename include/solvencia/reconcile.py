"""Where every row went: counts of two sides that must agree, kept as reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from solvencia import layout, months, raw
from solvencia.faults import PermanentFault
from solvencia.layout import DECLINED
from solvencia.portfolio import Portfolio

REASONS_OF_BOUNDS = ("below ", "above ", "not finite")


class Unreconciled(PermanentFault):
    """Rows were lost or doubled between two stages; `problems` names each pair of counts."""

    def __init__(self, stage: str, period: str, cure: str, problems: list[str]) -> None:
        super().__init__(
            f"{stage} of {period} does not reconcile. {cure}\n"
            + "\n".join(f"- {each}" for each in problems)
        )
        self.problems = problems


def application_table(portfolio: Portfolio) -> str:
    """Return the name of the table that has one row for each application."""
    return next(
        table.name
        for table in portfolio.tables.values()
        if table.key == (portfolio.key.name,) and table.time == portfolio.time.name
    )


def check_prepared(
    s3: Any, bucket: str, portfolio: Portfolio, period: str, counted: Mapping[str, int]
) -> dict[str, Any]:
    """Hold reconcile.sql's counts against each other and the raw manifests; return the report.

    raw = prepared + immature + repeated keys, and Athena must see the very rows that the manifests
    of all periods up to this one declare. Where the portfolio keeps declined applications, they
    are prepared ones, counted as `declined`. Raises Unreconciled; stores the report in any case.
    """
    table = application_table(portfolio)
    periods = [each for each in raw.list_periods(s3, bucket, portfolio.name) if each <= period]
    declared = sum(
        raw.read_manifest(s3, bucket, portfolio.name, each)["tables"][table]["rows"]
        for each in periods
    )
    report = {**counted, "declared_applications": declared, "periods": len(periods)}
    raw.put_json(s3, bucket, layout.report(portfolio.name, period, "prepare"), report)
    parts = ("prepared", "immature", "repeated_keys")
    problems = []
    if absent := sorted({*months.list_until(portfolio, period)} - {*periods}):
        problems.append(
            f"{len(absent)} months have no raw data, {absent[0]} to {absent[-1]}: "
            "ingest or deliver them"
        )
    if counted["raw_applications"] != sum(counted[each] for each in parts):
        problems.append(
            f"raw applications {counted['raw_applications']} are not "
            + " + ".join(f"{each} {counted[each]}" for each in parts)
        )
    if counted["raw_applications"] != declared:
        problems.append(
            f"Athena reads {counted['raw_applications']} raw applications, the {len(periods)} "
            f"manifests up to {period} declare {declared}"
        )
    if portfolio.decision_field and not 0 <= counted.get("declined", -1) <= counted["prepared"]:
        problems.append(
            f"{counted.get('declined', 'no')} declined of {counted['prepared']} prepared: have "
            "reconcile.sql count, as `declined`, the rows of `prepared` with "
            f"{portfolio.decision_field.name} = 0"
        )
    if problems:
        cure = (
            "Look for a join that drops or doubles rows in prepare.sql, or a raw partition without "
            f"a manifest below s3://{bucket}/{layout.raw_prefix(portfolio.name)}; ingest that "
            "month again, crawl, and rerun from clear_prepared."
        )
        raise Unreconciled("prepare", period, cure, problems)
    return report


def check_cleaned(
    s3: Any,
    bucket: str,
    portfolio: Portfolio,
    period: str,
    outputs: Sequence[Mapping[str, Any]],
    prepared: int,
    expectations: Sequence[Mapping[str, Any]],
    declined: int = 0,
) -> dict[str, Any]:
    """Add up what the clean Lambdas returned and hold it against prepare and validate.

    prepared = cleaned + quarantined for each part and in all; and each row-level expectation
    failed as often as the Lambdas quarantined for that reason, so that both read one rule. Each of
    the `declined` that prepare counted is in their split or the quarantine, and in no other split.
    Raises Unreconciled; stores the report in any case.
    """
    by_reason: Counter[str] = Counter()
    cleaned: Counter[str] = Counter()
    for each in outputs:
        by_reason.update(each["quarantined_by"])
        cleaned.update(each["cleaned"])
    report: dict[str, Any] = {
        "prepared": sum(each["prepared"] for each in outputs),
        "cleaned": dict(cleaned),
        "quarantined": sum(each["quarantined"] for each in outputs),
        "quarantined_by": dict(sorted(by_reason.items())),
        "parts": len(outputs),
    }
    if portfolio.decision_field:
        report["declined"] = {
            key: sum(each["declined"][key] for each in outputs)
            for key in ("prepared", "quarantined")
        }
    raw.put_json(s3, bucket, layout.report(portfolio.name, period, "clean"), report)
    problems = [
        f"part {each['part']}: prepared {each['prepared']} is not cleaned "
        f"{sum(each['cleaned'].values())} + quarantined {each['quarantined']}"
        for each in outputs
        if each["prepared"] != sum(each["cleaned"].values()) + each["quarantined"]
    ]
    if sorted(each["part"] for each in outputs) != list(range(portfolio.split.parts)):
        problems.append(f"{len(outputs)} parts answered, not 0 to {portfolio.split.parts - 1}")
    if report["prepared"] != prepared:
        problems.append(f"the Lambdas read {report['prepared']} rows, prepare wrote {prepared}")
    if portfolio.decision_field:
        problems += _compare_declined(report, declined)
    problems += _compare_rules(expectations, by_reason)
    if problems:
        cure = (
            "Rerun from clear_prepared; if it stays, expectations and clean read a rule "
            "differently: compare the named field in both."
        )
        raise Unreconciled("clean", period, cure, problems)
    return report


def _compare_declined(report: Mapping[str, Any], wrote: int) -> list[str]:
    found, cleaned = report["declined"], report["cleaned"].get(DECLINED, 0)
    problems = []
    if found["prepared"] != wrote:
        problems.append(
            f"the Lambdas read {found['prepared']} declined rows, prepare wrote {wrote}"
        )
    if found["prepared"] != cleaned + found["quarantined"]:
        problems.append(
            f"declined {found['prepared']} is not cleaned {cleaned} + quarantined "
            f"{found['quarantined']}"
        )
    return problems


def _compare_rules(
    expectations: Sequence[Mapping[str, Any]], by_reason: Mapping[str, int]
) -> list[str]:
    problems = []
    for each in expectations:
        reasons = {
            "expect_column_values_to_be_between": REASONS_OF_BOUNDS,
            "expect_column_values_to_not_be_null": ("missing",),
        }.get(each["type"])
        if each["severity"] != "warning" or reasons is None:
            continue
        refused = sum(
            rows
            for reason, rows in by_reason.items()
            for field, _, why in [reason.partition(": ")]
            if field == each["column"] and why.startswith(reasons)
        )
        if refused != each["unexpected"]:
            problems.append(
                f"{each['type']} on {each['column']} failed {each['unexpected']} times in "
                f"validate, clean quarantined {refused} rows for it"
            )
    return problems
