"""What the Python tasks that fill raw do: the core's functions with this deployment's clients.

Nothing heavy is imported before a task runs, as every DAG file that is parsed imports this module.
A task returns counts, names and URIs, never rows.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from solvencia import layout, months, portfolio
from solvencia.settings import Settings
from solvencia_airflow.aws import client

log = logging.getLogger(__name__)


def ingest(name: str, period: str) -> str:
    """Copy one period of every warehouse table into raw; return the manifest's URI."""
    from airflow.sdk import BaseHook

    from solvencia import extract

    settings, product = Settings.from_env(), portfolio.load(name)
    hook = BaseHook.get_connection(product.warehouse).get_hook()
    connection = hook.get_conn()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            manifest = extract.ingest(
                connection,
                client("s3"),
                settings.data_bucket,
                product,
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
            client("s3"), bucket, portfolio.load(name), delivered, way, Path(scratch)
        )
    for each in manifests:
        _log_rows(each)
    return [each["period"] for each in manifests]


def archive(name: str, periods: list[str] | str) -> dict[str, int]:
    """Copy the raw objects of these periods to the archive; return counts."""
    from solvencia import archive as core

    settings = Settings.from_env()
    return core.archive(
        client("s3"),
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

    product = portfolio.load(name)
    core.check(client("glue"), Settings.from_env().database(name), product, period)
    if not months.is_trainable(product, period):
        raise AirflowSkipException(
            f"{period} is ingested; the first period with matured applications to train on is "
            f"{months.first_trainable(product)}"
        )
    outlet_events[asset].add_partitions(period)


def request_restore(name: str, period: str) -> int:
    """Ask for readable copies of a period's archive; return how many must be thawed."""
    from solvencia import archive as core

    bucket = Settings.from_env().archive_bucket
    return core.request_restore(client("s3"), bucket, portfolio.load(name), period)


def is_restored(name: str, period: str) -> bool:
    """Whether the whole archive of a period can be read now."""
    from solvencia import archive as core

    bucket = Settings.from_env().archive_bucket
    return core.is_restored(client("s3"), bucket, portfolio.load(name), period)


def rebuild(name: str, period: str) -> str:
    """Copy a period back from the archive over raw; return the manifest's URI."""
    from solvencia import archive as core

    settings = Settings.from_env()
    manifest = core.rebuild(
        client("s3"),
        settings.data_bucket,
        settings.archive_bucket,
        portfolio.load(name),
        period,
    )
    _log_rows(manifest)
    return f"s3://{settings.data_bucket}/{layout.raw_manifest(name, period)}"


def _log_rows(manifest: dict[str, Any]) -> None:
    rows = {name: table["rows"] for name, table in manifest["tables"].items()}
    log.info("%s %s: %s", manifest["portfolio"], manifest["period"], rows)
