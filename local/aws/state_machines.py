"""Step Functions under each machine's role, and its integrations with SageMaker and Athena.

Hooks: `stepfunctions._SERVICE_DISPATCH`, the emulator's table of integrations, `_run_execution`
and `_invoke_resource`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import stepfunctions

from local.aws.clients import ServiceError, client
from local.aws.config import Config
from local.aws.iam import gate, needs
from local.aws.iam.identity import acting_as
from local.aws.iam.roles import assume

POLL_SECONDS = 0.5
ENDED = ("Completed", "Failed", "Stopped", "SUCCEEDED", "FAILED", "CANCELLED")

# A task's resource, and the namespace that IAM knows its service by.
TASK = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(\w+):(\w+)")

type Record = dict[str, Any]

_run_execution = stepfunctions._run_execution
_invoke_resource = stepfunctions._invoke_resource


def install(config: Config) -> None:
    """Run executions under their role; let a task start a transform job or a query, and wait."""
    stepfunctions._run_execution = run_execution
    stepfunctions._invoke_resource = invoke_resource
    stepfunctions._SERVICE_DISPATCH |= OURS


def run_execution(execution_arn: str) -> None:
    """Run an execution under the role of its state machine."""
    execution = stepfunctions._executions.get(execution_arn) or {}
    machine = stepfunctions._state_machines.get(execution.get("stateMachineArn", "")) or {}
    try:
        role, source = machine.get("roleArn", ""), machine.get("stateMachineArn", "")
        identity = assume(role, "states.amazonaws.com", source)
    except ServiceError as error:
        stepfunctions._fail_execution(execution, "States.Runtime", str(error))
        return
    with acting_as(identity):
        _run_execution(execution_arn)


def invoke_resource(resource: str, arguments: Record) -> Any:
    """Run a task if the state machine's role may; what we run ourselves is judged as it asks."""
    is_ours = any(resource.startswith(each) for each in OURS)
    try:
        for need in [] if is_ours else _needs(resource, arguments):
            gate.require(need.action, need.resource, **need.context)
    except ServiceError as error:
        raise stepfunctions._ExecutionError(error.code, str(error)) from error
    return _invoke_resource(resource, arguments)


def _needs(resource: str, arguments: Record) -> list[needs.Need]:
    if "states:::lambda:invoke" in resource or ":function:" in resource:
        named = arguments.get("FunctionName", "") if "states:::" in resource else resource
        function = named if named.startswith("arn:") else needs.arn("lambda", f"function:{named}")
        return [needs.Need("lambda:InvokeFunction", function)]
    found = TASK.match(resource)
    if found is None:
        return []
    action = f"{found[1].lower()}:{found[2][:1].upper()}{found[2][1:]}"
    if action == "cloudwatch:PutMetricData":
        return [needs.Need(action, "*", {"cloudwatch_namespace": arguments.get("Namespace", "")})]
    return needs.of_request(action, "", arguments) or [needs.Need(action)]


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


OURS = {
    "arn:aws:states:::sagemaker:createTransformJob": _run_transform_job,
    "arn:aws:states:::athena:startQueryExecution": _run_query,
}
