"""Figures of a run, read back from where they came to rest: warehouse, Athena, S3, SageMaker."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import warehouse
from solvencia import layout, raw

if TYPE_CHECKING:
    from local.run import MainJob

QUERY_SECONDS = 60


class AthenaFailed(RuntimeError):
    """A query that only counts did not end, or failed."""


def count_tables(job: MainJob) -> dict[str, dict[str, int]]:
    """Count each table in the warehouse and, through Athena, in raw."""
    connection = warehouse.connect(job.stack.warehouse)
    try:
        held = warehouse.row_counts(connection, job.portfolio)
        outside = warehouse.rows_outside(connection, job.portfolio, job.period)
    finally:
        connection.close()
    union = " UNION ALL ".join(
        f"SELECT '{name}' AS name, count(*) AS raw_rows FROM {name} "  # noqa: S608 - our names
        f"WHERE period <= '{job.period}'"
        for name in held
    )
    counted = {name: int(rows) for name, rows in _query(job, union)}
    return {
        name: {"warehouse": rows, "outside": outside[name], "raw": counted[name]}
        for name, rows in held.items()
    }


def _query(job: MainJob, sql: str) -> list[list[str]]:
    athena, settings = job.stack.aws("athena"), job.stack.settings
    started = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": settings.database(job.portfolio.name)},
        WorkGroup=settings.workgroup,
    )
    deadline = time.monotonic() + QUERY_SECONDS
    while time.monotonic() < deadline:
        found = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
        execution = found["QueryExecution"]
        if execution["Status"]["State"] == "SUCCEEDED":
            location = execution["ResultConfiguration"]["OutputLocation"]
            bucket, _, key = location.removeprefix("s3://").partition("/")
            body = job.stack.aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            return list(csv.reader(io.StringIO(body.decode())))[1:]
        if execution["Status"]["State"] in ("FAILED", "CANCELLED"):
            raise AthenaFailed(f"Athena: {execution['Status']['StateChangeReason']}")
        time.sleep(0.1)
    raise AthenaFailed(f"Athena did not count the tables within {QUERY_SECONDS} s")


def count_archived(s3: Any, job: MainJob) -> int:
    """Add up the rows of every raw object that has its copy in the archive."""
    settings, name = job.stack.settings, job.portfolio.name
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=settings.archive_bucket)
    held = {item["Key"] for page in pages for item in page.get("Contents", [])}
    rows = 0
    for period in raw.list_periods(s3, settings.data_bucket, name):
        manifest = raw.read_manifest(s3, settings.data_bucket, name, period)
        for table in manifest["tables"].values():
            if all(layout.archived(each["key"]) in held for each in table["objects"]):
                rows += table["rows"]
    return rows


def describe_endpoint(sagemaker: Any, name: str) -> dict[str, Any]:
    """Return an endpoint's status, instances and version."""
    found = sagemaker.describe_endpoint(EndpointName=name)
    return {
        "name": name,
        "status": found["EndpointStatus"],
        "instances": sum(each["CurrentInstanceCount"] for each in found["ProductionVariants"]),
        "version": found["EndpointConfigName"],
    }


def download_plots(
    s3: Any, bucket: str, prefix: str, names: Iterable[str], folder: Path
) -> list[Path]:
    """Fetch an evaluation's images in place of an earlier run's; return their paths."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    paths = []
    for name in sorted(names):
        path = folder / name
        s3.download_file(bucket, prefix + name, str(path))
        paths.append(path)
    return paths


def read_json(s3: Any, bucket: str, key: str) -> Any:
    """Return a JSON object of S3."""
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
