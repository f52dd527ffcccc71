"""The embedded AWS as its own customer: boto3 clients, and the errors that it answers."""

from __future__ import annotations

import functools
import json
from typing import Any

import boto3
from botocore.config import Config as ClientConfig

from local.aws.config import REGION
from local.aws.iam.identity import Identity, acting

Reply = tuple[int, dict[str, str], bytes]

_URL: list[str] = []


class ServiceError(Exception):
    """A request that AWS would refuse: `code` is its error code."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def connect(url: str) -> None:
    """Tell every later client where the server listens."""
    _URL[:] = [url]
    _client.cache_clear()


def base_url() -> str:
    """Return where the server listens."""
    return _URL[0]


def client(service: str) -> Any:
    """Return the shared client of one service for whoever acts; not on the event loop's thread."""
    return _client(service, acting())


@functools.lru_cache(maxsize=256)
def _client(service: str, identity: Identity | None) -> Any:
    return boto3.client(
        service,
        endpoint_url=_URL[0],
        region_name=REGION,
        aws_access_key_id=identity.access_key if identity else "test",
        aws_secret_access_key=identity.secret_key if identity else "test",
        aws_session_token=identity.token if identity else None,
        config=ClientConfig(
            max_pool_connections=32,
            proxies={},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def split_uri(uri: str) -> tuple[str, str]:
    """Split `s3://bucket/key` in bucket and key."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ServiceError("ValidationException", f"{uri!r} is not an S3 URI: s3://bucket/key")
    return bucket, key


def answer(value: Any) -> Reply:
    """Answer a request of the JSON protocol; times are seconds since 1970."""
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(value).encode()


def refuse(error: ServiceError) -> Reply:
    """Answer a refused request."""
    body = json.dumps({"__type": error.code, "message": str(error)}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code}
    return error.status, headers, body
