"""Clean one part of the prepared data: the state machine calls it once for each part."""

from __future__ import annotations

import functools
from typing import Any

import boto3

from solvencia import cleaned_part, portfolio
from solvencia.settings import Settings


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Clean `{"portfolio", "period", "part"}` and return its counts; rows stay in S3."""
    return cleaned_part.clean_part(
        portfolio=portfolio.load(event["portfolio"]),
        period=event["period"],
        part=event["part"],
        bucket=Settings.from_env().data_bucket,
        s3=_s3(),
    )


@functools.cache
def _s3() -> Any:
    return boto3.client("s3")
