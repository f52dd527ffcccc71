"""Which failures are worth another try: those that time can cure, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from airflow.sdk import RetryDecision, RetryPolicy

from solvencia.faults import PermanentFault

# Airflow's stock operators wrap what AWS says into texts; these codes name deterministic faults.
PERMANENT_TEXTS = re.compile(
    r"\b(SYNTAX_ERROR|TABLE_NOT_FOUND|COLUMN_NOT_FOUND|SCHEMA_NOT_FOUND|FUNCTION_NOT_FOUND"
    r"|TYPE_MISMATCH|INVALID_CAST_ARGUMENT|INVALID_FUNCTION_ARGUMENT|DIVISION_BY_ZERO"
    r"|HIVE_BAD_DATA|HIVE_PARTITION_SCHEMA_MISMATCH|NOT_SUPPORTED|FAILED: ParseException"
    r"|FAILED: SemanticException|AlgorithmError|PermanentFault|TaskArn could not be identified)\b"
)
# Faults of the data, the code or the configuration: our own, and what broken code or files raise.
PERMANENT_FAULTS = (
    PermanentFault,
    AttributeError,
    FileNotFoundError,
    ImportError,
    KeyError,
    NameError,
    TypeError,
    json.JSONDecodeError,
)
PERMANENT_CODES = {
    "AccessDenied",
    "AccessDeniedException",
    "NoSuchBucket",
    "StateMachineDoesNotExist",
    "EntityNotFoundException",
}


class CurableFaultsOnly(RetryPolicy):  # type: ignore[misc]
    """Fails a task at once for a fault that no retry cures; leaves the rest to `retries`."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Any = None,
    ) -> RetryDecision:
        """Return FAIL with the reason, or Airflow's own decision."""
        if reason := find_permanent(exception):
            return RetryDecision.fail(reason=f"a retry cannot cure it: {reason}")
        return RetryDecision.default()


def find_permanent(exception: BaseException) -> str:
    """Return why an exception, or one that caused it, is permanent; empty when it is not."""
    for each in _causes(exception):
        if isinstance(each, PERMANENT_FAULTS):
            return type(each).__name__
        code = _aws_code(each)
        if code in PERMANENT_CODES:
            return code
        if code is None and (found := PERMANENT_TEXTS.search(str(each))):
            return found.group()
    return ""


def _causes(exception: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = exception
    while each is not None:
        yield each
        each = each.__cause__


def _aws_code(exception: BaseException) -> str | None:
    response = getattr(exception, "response", None)
    return response.get("Error", {}).get("Code") if isinstance(response, dict) else None
