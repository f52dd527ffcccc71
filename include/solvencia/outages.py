"""What a client is told where AWS gives no decision: 409, 503 or 504, and when to ask again.

Only what passes by itself is answered so; any other fault is ours, is raised, and rings the alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from solvencia.decision_log import OtherApplication
from solvencia.gateway import Problem

BUSY_SECONDS, ABSENT_SECONDS = 2, 30

_PASSING = (
    "InternalFailure",
    "InternalServerError",
    "InternalServerException",
    "KMSInternalException",
    "DependencyTimeoutException",
    "KeyUnavailableException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TransactionInProgressException",
)
_UNREACHED = (ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError)


@contextmanager
def of_model() -> Iterator[None]:
    """Say that no model answers, or not in time; nothing was decided or logged then."""
    try:
        yield
    except ReadTimeoutError as error:
        raise Problem(
            504,
            "The model took too long",
            "nothing was decided: ask again, with the same Idempotency-Key if you gave one",
            retry_seconds=BUSY_SECONDS,
        ) from error
    except (ClientError, *_UNREACHED) as error:
        if isinstance(error, ClientError) and not _has_no_model(error):
            raise
        is_absent = isinstance(error, ClientError) and _is_absent(error)
        raise Problem(
            503,
            "No model",
            "nothing was decided: ask again later",
            retry_seconds=ABSENT_SECONDS if is_absent else BUSY_SECONDS,
        ) from error


@contextmanager
def of_log() -> Iterator[None]:
    """Say that the log or its keys do not answer: a decision that is not logged is not given."""
    try:
        yield
    except OtherApplication:
        raise Problem(
            409,
            "Idempotency-Key used before",
            "it stands for another application or another person: give each its own",
        ) from None
    except (ClientError, *_UNREACHED) as error:
        if isinstance(error, ClientError) and not _passes(error):
            raise
        raise Problem(
            503,
            "No decision log",
            "no decision is given that is not logged: ask again, with the same Idempotency-Key if "
            "you gave one",
            retry_seconds=BUSY_SECONDS,
        ) from error


def _passes(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response["Error"]["Code"] in _PASSING or status >= 500


def _has_no_model(error: ClientError) -> bool:
    """Whether there is no model to ask now, or one that was trained under other rules (409)."""
    status = int(error.response.get("OriginalStatusCode") or 0)
    is_model = error.response["Error"]["Code"] in ("ModelError", "ModelNotReadyException")
    is_busy = is_model and (status in (0, 409, 429) or status >= 500)
    return is_busy or _is_absent(error) or _passes(error)


def _is_absent(error: ClientError) -> bool:
    found = error.response["Error"]
    is_unknown = found["Code"] == "ValidationError" and "not found" in found["Message"]
    return is_unknown or error.response.get("OriginalStatusCode") == 409
