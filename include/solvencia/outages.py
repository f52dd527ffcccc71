"""What a client is told where AWS gives no decision: 409, 503 or 504, and when to ask again.

Only what passes by itself is answered so; any other fault is ours, is raised, and rings the alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from solvencia.aws_line import Refused, TimedOut, Unreached
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


@contextmanager
def of_model() -> Iterator[None]:
    """Say that no model answers, or not in time; nothing was decided or logged then."""
    try:
        yield
    except TimedOut as error:
        raise Problem(
            504,
            "The model took too long",
            "nothing was decided: ask again, with the same Idempotency-Key if you gave one",
            retry_seconds=BUSY_SECONDS,
        ) from error
    except (Refused, Unreached) as error:
        if isinstance(error, Refused) and not _has_no_model(error):
            raise
        is_absent = isinstance(error, Refused) and _is_absent(error)
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
    except (Refused, Unreached, TimedOut) as error:
        if isinstance(error, Refused) and not _passes(error):
            raise
        raise Problem(
            503,
            "No decision log",
            "no decision is given that is not logged: ask again, with the same Idempotency-Key if "
            "you gave one",
            retry_seconds=BUSY_SECONDS,
        ) from error


def _passes(error: Refused) -> bool:
    return error.code in _PASSING or error.status >= 500


def _has_no_model(error: Refused) -> bool:
    """Whether there is no model to ask now, or one that was trained under other rules (409)."""
    status = error.original_status
    is_model = error.code in ("ModelError", "ModelNotReadyException")
    is_busy = is_model and (status in (0, 409, 429) or status >= 500)
    return is_busy or _is_absent(error) or _passes(error)


def _is_absent(error: Refused) -> bool:
    is_unknown = error.code == "ValidationError" and "not found" in error.message
    return is_unknown or error.original_status == 409
