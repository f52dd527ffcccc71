"""What the Python tasks of the DAGs do: the core's functions with this deployment's clients.

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

GX_POLLS_PER_PERIOD = 10  # small counting queries: look more often than for UNLOAD and jobs
EXPECTATIONS = "expectations"

log = logging.getLogger(__name__)


def ingest(name: str, period: str) -> str:
    """Copy one period of every warehouse table into raw; return the manifest's URI."""
    from airflow.sdk import BaseHook

    from solvencia import extract

    settings = Settings.from_env()
    hook = BaseHook.get_connection(settings.warehouse_conn_id).get_hook()
    connection = hook.get_conn()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            manifest = extract.ingest(
                connection,
                _client("s3"),
                settings.data_bucket,
                portfolio.load(name),
                period,
                Path(scratch),
            )
    finally:
        connection.close()
    _log_rows(manifest)
    return f"s3://{settings.data_bucket}/{layout.raw_manifest(name, period)}"


def accept(name: str, delivered: str, way: str) -> list[str]:
    """Take a landed delivery over into raw; return the periods that it held."""
    from solvencia import delivery

    bucket = Settings.from_env().data_bucket
    with tempfile.TemporaryDirectory() as scratch:
        manifests = delivery.accept(
            _client("s3"), bucket, portfolio.load(name), delivered, way, Path(scratch)
        )
    for each in manifests:
        _log_rows(each)
    return [each["period"] for each in manifests]


def archive(name: str, periods: list[str] | str) -> dict[str, int]:
    """Copy the raw objects of these periods to the archive; return counts."""
    from solvencia import archive as core

    settings = Settings.from_env()
    return core.archive(
        _client("s3"),
        settings.data_bucket,
        settings.archive_bucket,
        portfolio.load(name),
        [periods] if isinstance(periods, str) else periods,
    )


def catalogue(name: str, period: str, asset: Any, outlet_events: Any) -> None:
    """Hold the crawler's tables against the portfolio, then announce the period.

    While no application has matured to train on, there is nothing to announce: it skips.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from solvencia import catalogue as core
    from solvencia import raw

    product = portfolio.load(name)
    core.check(_client("glue"), Settings.from_env().database(name), product, period)
    if not raw.is_trainable(product, period):
        raise AirflowSkipException(
            f"{period} is ingested; the first period with matured applications to train on is "
            f"{raw.first_trainable(product)}"
        )
    outlet_events[asset].add_partitions(period)


def request_restore(name: str, period: str) -> int:
    """Ask for readable copies of a period's archive; return how many must be thawed."""
    from solvencia import archive as core

    bucket = Settings.from_env().archive_bucket
    return core.request_restore(_client("s3"), bucket, portfolio.load(name), period)


def is_restored(name: str, period: str) -> bool:
    """Whether the whole archive of a period can be read now."""
    from solvencia import archive as core

    bucket = Settings.from_env().archive_bucket
    return core.is_restored(_client("s3"), bucket, portfolio.load(name), period)


def rebuild(name: str, period: str) -> str:
    """Copy a period back from the archive over raw; return the manifest's URI."""
    from solvencia import archive as core

    settings = Settings.from_env()
    manifest = core.rebuild(
        _client("s3"),
        settings.data_bucket,
        settings.archive_bucket,
        portfolio.load(name),
        period,
    )
    _log_rows(manifest)
    return f"s3://{settings.data_bucket}/{layout.raw_manifest(name, period)}"


def empty_prepared(name: str, context: Any) -> None:
    """Clear what a try before this one unloaded: UNLOAD adds to what is there, or refuses."""
    from solvencia import raw

    bucket, s3 = Settings.from_env().data_bucket, _client("s3")
    prefix = layout.prepared_partition(name, context["dag_run"].partition_key)
    for key in raw.list_keys(s3, bucket, prefix):
        s3.delete_object(Bucket=bucket, Key=key)


def register(name: str, period: str) -> None:
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
    prepared.register(run, _client("glue"), _client("s3"), database, product, bucket, period)


def check_reconciled(name: str, period: str, query: str) -> dict[str, Any]:
    """Read reconcile.sql's one row and hold it against the manifests; return the counts."""
    from solvencia import reconcile

    rows = _client("athena").get_query_results(QueryExecutionId=query)["ResultSet"]["Rows"]
    names, values = ([cell["VarCharValue"] for cell in row["Data"]] for row in rows[:2])
    counted = dict(zip(names, map(int, values), strict=True))
    bucket = Settings.from_env().data_bucket
    return reconcile.check_prepared(_client("s3"), bucket, portfolio.load(name), period, counted)


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
            _client("s3"), settings.data_bucket, product, period, outcomes, Path(scratch)
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

    bucket, s3 = Settings.from_env().data_bucket, _client("s3")
    found = _client("stepfunctions").describe_execution(executionArn=execution)
    report = s3.get_object(Bucket=bucket, Key=layout.report(name, period, "validate"))
    return reconcile.check_cleaned(
        s3,
        bucket,
        portfolio.load(name),
        period,
        json.loads(found["output"]),
        reconciled["prepared"],
        json.loads(report["Body"].read())["expectations"],
    )


def gate(name: str, period: str) -> str:
    """Let a model pass by its out-of-time metrics; return the version's name."""
    from solvencia import deploy

    settings, product = Settings.from_env(), portfolio.load(name)
    metrics = deploy.read_metrics(_client("s3"), settings.model_bucket, product, period)
    return deploy.check_gate(metrics, settings.stack, product, period)


def guard(name: str, version: str) -> bool:
    """Whether this version may go onto the endpoint; if not, the rest of the run is skipped."""
    from solvencia import deploy

    endpoint = Settings.from_env().endpoint(name)
    refusal = deploy.refuse_deployment(*deploy.find_live(_client("sagemaker"), endpoint), version)
    if refusal:
        log.warning("Nothing is deployed: %s.", refusal)
    return not refusal


def smoke(name: str, period: str) -> str:
    """Score real prepared applications on the live endpoint; return the model's digest."""
    from solvencia import deploy

    settings, product, s3 = Settings.from_env(), portfolio.load(name), _client("s3")
    metrics = deploy.read_metrics(s3, settings.model_bucket, product, period)
    digest = str(metrics["model"]["digest"])
    with tempfile.TemporaryDirectory() as scratch:
        bucket = settings.data_bucket
        applications = deploy.read_applications(s3, bucket, product, period, Path(scratch))
    runtime = _client("sagemaker-runtime")
    deploy.smoke_test(runtime, settings.endpoint(name), product, digest, applications)
    return digest


def _client(service: str) -> Any:
    """Return a boto3 client; region, credentials and endpoint come from the environment."""
    import boto3

    return boto3.client(service)


def _suites() -> Path:
    """Return the folder of the suites: beside `dags/`, or inside it on MWAA."""
    for folder in Path(layout.__file__).resolve().parents:
        if (folder / EXPECTATIONS).is_dir():
            return folder / EXPECTATIONS
    raise FileNotFoundError(f"no folder {EXPECTATIONS}/ above {layout.__file__}: ship it, too")


def _log_rows(manifest: dict[str, Any]) -> None:
    rows = {name: table["rows"] for name, table in manifest["tables"].items()}
    log.info("%s %s: %s", manifest["portfolio"], manifest["period"], rows)
