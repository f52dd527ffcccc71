"""Step Functions' optimised integration with SageMaker, which the emulator lacks.

Hook: `stepfunctions._SERVICE_DISPATCH`, the emulator's table of integrations.
"""

from __future__ import annotations

import json
import time
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import stepfunctions

from local.aws.clients import client
from local.aws.config import Config

RESOURCE = "arn:aws:states:::sagemaker:createTransformJob"
POLL_SECONDS = 0.5
ENDED = ("Completed", "Failed", "Stopped")


def install(config: Config) -> None:
    """Let a task create a transform job, and with `.sync` wait for its end."""
    stepfunctions._SERVICE_DISPATCH[RESOURCE] = _create_transform_job


def _create_transform_job(resource: str, arguments: dict[str, Any]) -> dict[str, Any]:
    sagemaker = client("sagemaker")
    try:
        made = sagemaker.create_transform_job(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise stepfunctions._ExecutionError(f"SageMaker.{code}", str(error)) from error
    if not resource.endswith(".sync"):
        return {"TransformJobArn": made["TransformJobArn"]}
    while True:
        found = sagemaker.describe_transform_job(TransformJobName=arguments["TransformJobName"])
        if found["TransformJobStatus"] in ENDED:
            break
        time.sleep(POLL_SECONDS)
    found.pop("ResponseMetadata", None)
    described: dict[str, Any] = json.loads(json.dumps(found, default=lambda at: at.timestamp()))
    if found["TransformJobStatus"] != "Completed":
        raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(described))
    return described
