"""Step Functions' optimised integrations with SageMaker and Athena, which the emulator lacks.

Hook: `stepfunctions._SERVICE_DISPATCH`, the emulator's table of integrations.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import stepfunctions

from local.aws.clients import client
from local.aws.config import Config

POLL_SECONDS = 0.5
ENDED = ("Completed", "Failed", "Stopped", "SUCCEEDED", "FAILED", "CANCELLED")

type Record = dict[str, Any]


def install(config: Config) -> None:
    """Let a task start a transform job or a query, and with `.sync` wait for its end."""
    stepfunctions._SERVICE_DISPATCH |= {
        "arn:aws:states:::sagemaker:createTransformJob": _run_transform_job,
        "arn:aws:states:::athena:startQueryExecution": _run_query,
    }


def _run_transform_job(resource: str, arguments: Record) -> Record:
    made = _call("SageMaker", client("sagemaker").create_transform_job, arguments)
    name = {"TransformJobName": arguments["TransformJobName"]}

    def describe() -> tuple[str, Record]:
        found = client("sagemaker").describe_transform_job(**name)
        return found["TransformJobStatus"], found

    return _await(describe, "Completed") if resource.endswith(".sync") else made


def _run_query(resource: str, arguments: Record) -> Record:
    made = _call("Athena", client("athena").start_query_execution, arguments)
    name = {"QueryExecutionId": made["QueryExecutionId"]}

    def describe() -> tuple[str, Record]:
        found = client("athena").get_query_execution(**name)
        return found["QueryExecution"]["Status"]["State"], found

    return _await(describe, "SUCCEEDED") if resource.endswith(".sync") else made


def _call(service: str, operation: Callable[..., Record], arguments: Record) -> Record:
    try:
        return _plain(operation(**arguments))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise stepfunctions._ExecutionError(f"{service}.{code}", str(error)) from error


def _await(describe: Callable[[], tuple[str, Record]], wanted: str) -> Record:
    while True:
        status, found = describe()
        if status in ENDED:
            break
        time.sleep(POLL_SECONDS)
    if status != wanted:
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(_plain(found)))
    return _plain(found)


def _plain(found: Record) -> Record:
    def spell(value: object) -> float:
        if isinstance(value, datetime):
            return value.timestamp()
        raise TypeError(f"{type(value).__name__} is no JSON")

    kept = {key: value for key, value in found.items() if key != "ResponseMetadata"}
    plain: Record = json.loads(json.dumps(kept, default=spell))
    return plain
