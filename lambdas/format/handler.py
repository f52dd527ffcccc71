"""Both ends of a batch: its input as numbered JSON lines, then SageMaker's output as its result."""

from __future__ import annotations

import functools
from typing import Any

import boto3

from solvencia import portfolio
from solvencia.settings import Settings


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Do the event's `step`, `format` or `reconcile`, of one batch; rows stay in S3."""
    product, settings = portfolio.load(event["portfolio"]), Settings.from_env()
    common = {"portfolio": product, "batch": event["batch"], "settings": settings}
    if event["step"] == "format":
        from solvencia import batch_format

        names = ("file", "query", "result")
        source: dict[str, str] = {each: event[each] for each in names if each in event}
        return batch_format.format_input(
            **common, source=source, s3=_client("s3"), sagemaker=_client("sagemaker")
        )
    from solvencia import batch_result

    return batch_result.reconcile(**common, started_at=event["started_at"], s3=_client("s3"))


@functools.cache
def _client(service: str) -> Any:
    return boto3.client(service)
