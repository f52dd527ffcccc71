"""Great Expectations over one period of `prepared`, as SQL in Athena.

A worker's memory holds counts only: neither rows nor values leave Athena, and none stand in the
results or in the Data Docs. Great Expectations is imported when a function runs.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from solvencia import layout, raw
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.prepared import TABLE, view

COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


class ExpectationsFailed(PermanentFault):
    """Critical expectations do not hold; `failed` describes each."""

    def __init__(self, failed: Sequence[Outcome], docs: str) -> None:
        lines = "\n".join(f"- {each.describe()}" for each in failed)
        super().__init__(
            f"{len(failed)} critical expectation(s) on the prepared data failed; the Data Docs are "
            f"at {docs}. Correct the lender's data or prepare.sql, then run the period again; if "
            f"the expectation is wrong, change portfolio.toml and generate the suite anew.\n{lines}"
        )
        self.failed = list(failed)


@dataclass(frozen=True)
class Outcome:
    """What came of one expectation; `unexpected` counts rows, for expectations about rows."""

    type: str
    column: str
    severity: str
    success: bool
    unexpected: int
    expected: str
    observed: str

    def describe(self) -> str:
        """Return expectation, column, expected and observed in a line."""
        where = f" on column {self.column!r}" if self.column else ""
        return f"{self.type}{where}: expected {self.expected}; observed {self.observed}"


def validate(
    portfolio: Portfolio,
    period: str,
    suite: Mapping[str, Any],
    connection_url: str,
    folder: Path,
    connect_args: Mapping[str, Any] | None = None,
) -> list[Outcome]:
    """Run the suite against the view of one period; build the Data Docs in `folder`.

    `connection_url` is SQLAlchemy's. No usage statistics are sent, and nothing but the database is
    asked. Raises what Great Expectations met where an expectation could not be evaluated.
    """
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = {"globally": False}
    for site in list(context.get_site_names()):
        context.delete_data_docs_site(site)
    context.add_data_docs_site(
        "data_docs",
        {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder),
            },
        },
    )
    source = context.data_sources.add_sql(
        portfolio.name,
        connection_string=connection_url,
        create_temp_table=False,
        kwargs={"connect_args": dict(connect_args)} if connect_args else {},
    )
    asset = source.add_table_asset(TABLE, table_name=view(period))
    batch = asset.add_batch_definition_whole_table(period)
    definition = gx.ValidationDefinition(
        name=f"{portfolio.name}.{period}", data=batch, suite=_load(context, gx, suite)
    )
    context.validation_definitions.add(definition)
    result = definition.run(
        expectation_parameters={
            "first_day": portfolio.schedule.start,
            "last_matured_day": last_matured_day(portfolio, period),
        },
        result_format=COUNTS_ONLY,
    )
    context.build_data_docs()
    return [_outcome(each) for each in result.results]


def last_matured_day(portfolio: Portfolio, period: str) -> date:
    """Return the last day an application may have, so that its window is over in the period."""
    layout.period_bounds(period)
    months = int(period[:4]) * 12 + int(period[5:]) - portfolio.label.window_months
    return date(months // 12, months % 12 + 1, 1) - timedelta(days=1)


def publish(
    s3: Any,
    bucket: str,
    portfolio: Portfolio,
    period: str,
    outcomes: Sequence[Outcome],
    folder: Path,
) -> dict[str, Any]:
    """Store Data Docs and report; raise ExpectationsFailed for a critical expectation."""
    prefix = layout.data_docs_prefix(portfolio.name, period)
    stale = set(raw.list_keys(s3, bucket, prefix))
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        key = prefix + path.relative_to(folder).as_posix()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        s3.upload_file(str(path), bucket, key, ExtraArgs={"ContentType": kind})
        stale.discard(key)
    for key in stale:
        s3.delete_object(Bucket=bucket, Key=key)
    docs = f"s3://{bucket}/{prefix}index.html"
    report = {
        "expectations": [asdict(each) for each in outcomes],
        "successful": sum(each.success for each in outcomes),
        "failed": sum(not each.success for each in outcomes),
        "data_docs": docs,
    }
    raw.put_json(s3, bucket, layout.report(portfolio.name, period, "validate"), report)
    failed = [each for each in outcomes if each.severity == "critical" and not each.success]
    if failed:
        raise ExpectationsFailed(failed, docs)
    return report


def _load(context: Any, gx: Any, suite: Mapping[str, Any]) -> Any:
    made = gx.ExpectationSuite(
        name=suite["name"], expectations=list(suite["expectations"]), meta=dict(suite["meta"])
    )
    return context.suites.add(made)


def _outcome(result: Any) -> Outcome:
    config = result.expectation_config
    kwargs = {
        name: value
        for name, value in config.kwargs.items()
        if name not in ("batch_id", "column", "row_condition", "exact_match")
    }
    if raised := [each for each in _exceptions(result.exception_info) if each]:
        raise RuntimeError(
            f"{config.type} on {config.kwargs.get('column', TABLE)!r} could not be evaluated: "
            f"{raised[0]}"
        )
    found = result.result
    unexpected = int(found.get("unexpected_count") or 0)
    if "unexpected_count" in found:
        observed = f"{unexpected} of {found.get('element_count')} rows otherwise"
    elif mismatched := found.get("details", {}).get("mismatched"):
        observed = ", ".join(f"{name} {value}" for name, value in mismatched.items())
    else:
        observed = str(found.get("observed_value"))
    return Outcome(
        type=config.type,
        column=str(config.kwargs.get("column", "")),
        severity=str(getattr(config.severity, "value", config.severity)),
        success=bool(result.success),
        unexpected=unexpected,
        expected=", ".join(f"{name} {value}" for name, value in kwargs.items()) or "always",
        observed=observed,
    )


def _exceptions(info: Mapping[str, Any]) -> list[str]:
    """Return the messages of what was raised; GX gives one record, or one for each metric."""
    records = [info] if "raised_exception" in info else list(info.values())
    return [str(each["exception_message"]) for each in records if each["raised_exception"]]
