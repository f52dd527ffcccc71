"""What the data tasks of build_model do: the core's functions with this deployment's clients.

Nothing heavy is imported before a task runs, as every DAG file that is parsed imports this module.
A task returns counts, names and URIs, never rows.
"""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from solvencia import layout, portfolio
from solvencia.settings import Settings
from solvencia_airflow.aws import client

GX_POLLS_PER_PERIOD = 10  # small counting queries: look more often than for UNLOAD and jobs
EXPECTATIONS = "expectations"

log = logging.getLogger(__name__)


def begin_prepare(name: str, context: Any) -> None:
    """Note which raw data is read, and clear what a try before this one unloaded.

    UNLOAD adds to what is there, or refuses.
    """
    from solvencia import lineage, raw

    bucket, s3 = Settings.from_env().data_bucket, client("s3")
    period = context["dag_run"].partition_key
    for key in raw.list_keys(s3, bucket, layout.prepared_partition(name, period)):
        s3.delete_object(Bucket=bucket, Key=key)
    lineage.note_sources(s3, bucket, name, period)


def register_table(name: str, period: str) -> None:
    """Make the prepared table, this period's partition and its view known to Athena."""
    from airflow.providers.amazon.aws.hooks.athena import AthenaHook

    from solvencia import prepared

    settings = Settings.from_env()
    hook = AthenaHook(aws_conn_id=None, region_name=settings.region)
    database = settings.database(name)

    def run(statement: str) -> None:
        query = hook.run_query(statement, {"Database": database}, {}, None, settings.workgroup)
        state = hook.poll_query_status(query, sleep_time=settings.poll_seconds)
        if state != "SUCCEEDED":
            reason = hook.get_state_change_reason(query)
            raise RuntimeError(f"Athena {state}: {reason}; the statement was: {statement}")

    product, bucket = portfolio.load(name), settings.data_bucket
    prepared.register(run, client("glue"), client("s3"), database, product, bucket, period)


def check_reconciled(name: str, period: str, query: str) -> dict[str, Any]:
    """Read reconcile.sql's one row and hold it against the manifests; return the counts.

    Those must be the manifests that were there when `prepare` began.
    """
    from solvencia import lineage, reconcile

    rows = client("athena").get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    names, values = ([cell["VarCharValue"] for cell in row["Data"]] for row in rows[:2])
    counted = dict(zip(names, map(int, values), strict=True))
    bucket, s3 = Settings.from_env().data_bucket, client("s3")
    found = reconcile.check_prepared(s3, bucket, portfolio.load(name), period, counted)
    lineage.check_sources(s3, bucket, name, period)
    return found


def validate(name: str, period: str) -> str:
    """Run the committed suite in Athena, keep Data Docs and report; return the docs' URI."""
    from solvencia import validate as core

    settings, product = Settings.from_env(), portfolio.load(name)
    suite = json.loads((_suites() / name / "prepared.json").read_text(encoding="utf-8"))
    url = f"awsathena+rest://@athena.{settings.region}.amazonaws.com:443/{settings.database(name)}"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as scratch:
        outcomes = core.validate(
            product,
            period,
            suite,
            f"{url}?work_group={settings.workgroup}",
            Path(scratch),
            {"poll_interval": settings.poll_seconds / GX_POLLS_PER_PERIOD},
        )
        report = core.publish(
            client("s3"), settings.data_bucket, product, period, outcomes, Path(scratch)
        )
    for each in outcomes:
        if not each.success:
            log.warning("%s: %s", each.severity, each.describe())
    return str(report["data_docs"])


def check_cleaned(
    name: str, period: str, execution: str, reconciled: dict[str, Any]
) -> dict[str, Any]:
    """Add up the clean Lambdas' counts and hold them against prepare and validate."""
    from solvencia import reconcile

    bucket, s3 = Settings.from_env().data_bucket, client("s3")
    found = client("stepfunctions").describe_execution(executionArn=execution)
    report = s3.get_object(Bucket=bucket, Key=layout.report(name, period, "validate"))
    return reconcile.check_cleaned(
        s3,
        bucket,
        portfolio.load(name),
        period,
        json.loads(found["output"]),
        reconciled["prepared"],
        json.loads(report["Body"].read())["expectations"],
        reconciled.get("declined", 0),
    )


def _suites() -> Path:
    """Return the folder of the suites: beside `dags/`, or inside it on MWAA."""
    for folder in Path(layout.__file__).resolve().parents:
        if (folder / EXPECTATIONS).is_dir():
            return folder / EXPECTATIONS
    raise FileNotFoundError(f"no folder {EXPECTATIONS}/ above {layout.__file__}: ship it, too")
