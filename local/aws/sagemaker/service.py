"""SageMaker: jobs, endpoints and the model registry; every other operation is moto's."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from ministack.services import stepfunctions

from local.aws import lifecycle, moto_services
from local.aws.clients import Reply, ServiceError, answer, refuse
from local.aws.config import Config
from local.aws.sagemaker import packages
from local.aws.sagemaker import processing as sagemaker_processing
from local.aws.sagemaker import training as sagemaker_training
from local.aws.sagemaker import transform as sagemaker_transform
from local.aws.sagemaker.container import Containers
from local.aws.sagemaker.endpoints import Endpoints
from local.aws.sagemaker.jobs import Jobs
from local.aws.sagemaker.registry import (
    ENDPOINT_CONFIG,
    KINDS,
    MODEL,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    Kind,
    Record,
    Registry,
)

INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")


class SageMaker:
    """Sends each request to what answers it."""

    def __init__(self, config: Config) -> None:
        self.registry = Registry()
        containers = Containers(config)
        self.jobs = Jobs(self.registry, containers)
        self.endpoints = Endpoints(self.registry, containers)
        jobs, endpoints = self.jobs, self.endpoints
        self.operations: dict[str, Callable[[Record], Record]] = {
            "CreateTrainingJob": lambda asked: sagemaker_training.create(jobs, asked),
            "StopTrainingJob": lambda asked: self._stop(TRAINING_JOB, asked),
            "CreateProcessingJob": lambda asked: sagemaker_processing.create(jobs, asked),
            "StopProcessingJob": lambda asked: self._stop(PROCESSING_JOB, asked),
            "CreateTransformJob": lambda asked: sagemaker_transform.create(jobs, asked),
            "StopTransformJob": lambda asked: self._stop(TRANSFORM_JOB, asked),
            "CreateModel": endpoints.create_model,
            "DeleteModel": lambda asked: self._delete(MODEL, asked),
            "CreateEndpointConfig": endpoints.create_config,
            "DeleteEndpointConfig": lambda asked: self._delete(ENDPOINT_CONFIG, asked),
            "CreateEndpoint": endpoints.create,
            "UpdateEndpoint": endpoints.update,
            "DeleteEndpoint": lambda asked: endpoints.delete(asked["EndpointName"]),
        }
        for kind in KINDS.values():
            self.operations[f"Describe{kind.name}"] = self._describing(kind)
            self.operations[f"List{kind.name}s"] = self._listing(kind)
        self.operations["DescribeEndpoint"] = lambda asked: endpoints.describe(
            asked["EndpointName"]
        )
        self.operations |= {
            "CreateModelPackageGroup": lambda asked: packages.create_group(self.registry, asked),
            "DeleteModelPackageGroup": lambda asked: packages.delete_group(self.registry, asked),
            "CreateModelPackage": lambda asked: packages.create(self.registry, asked),
            "UpdateModelPackage": lambda asked: packages.update(self.registry, asked),
            "DeleteModelPackage": lambda asked: packages.delete(self.registry, asked),
            "ListModelPackages": lambda asked: packages.list_versions(self.registry, asked),
        }
        self.tagging: dict[str, Callable[[Record], Record]] = {
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            "DeleteTags": self._delete_tags,
        }

    def handle(self, headers: dict[str, str], body: bytes) -> Reply | None:
        """Answer one control-plane request; None if it is not ours."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        request: Record = json.loads(body or b"{}")
        work = self.operations.get(operation)
        if request.get("ResourceArn") in self.registry.tags:
            work = self.tagging.get(operation, work)
        if work is None:
            return None
        try:
            return answer(work(request))
        except ServiceError as error:
            return refuse(error)

    def get_state(self) -> Record:
        """Return what is kept when the server stops."""
        return {"records": self.registry.records, "tags": self.registry.tags}

    def load_persisted_state(self, state: Record) -> None:
        """Take over what was kept; the jobs that ran then have failed."""
        self.registry.records |= state["records"]
        self.registry.tags |= state["tags"]
        self.jobs.restore()
        self.endpoints.restore()

    def close(self) -> None:
        """End all containers."""
        self.jobs.close()
        self.endpoints.close()

    def _stop(self, kind: Kind, request: Record) -> Record:
        self.jobs.stop(kind, request[f"{kind.name}Name"])
        return {}

    def _delete(self, kind: Kind, request: Record) -> Record:
        self.registry.delete(kind, request[f"{kind.name}Name"])
        return {}

    def _describing(self, kind: Kind) -> Callable[[Record], Record]:
        return lambda asked: self.registry.describe(kind, asked[f"{kind.name}Name"])

    def _listing(self, kind: Kind) -> Callable[[Record], Record]:
        return lambda asked: self.registry.list(kind, asked)

    def _add_tags(self, request: Record) -> Record:
        tags = self.registry.tags[request["ResourceArn"]]
        tags |= {each["Key"]: each["Value"] for each in request["Tags"]}
        return {"Tags": request["Tags"]}

    def _list_tags(self, request: Record) -> Record:
        tags = self.registry.tags[request["ResourceArn"]]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _delete_tags(self, request: Record) -> Record:
        for key in request["TagKeys"]:
            self.registry.tags[request["ResourceArn"]].pop(key, None)
        return {}


def install(config: Config) -> None:
    """Put SageMaker in the server's table of services."""
    service = SageMaker(config)

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Reply:
        invocation = INVOCATIONS.fullmatch(path)
        if invocation:
            name = unquote(invocation[1])
            return await asyncio.to_thread(service.endpoints.invoke, name, headers, body)
        reply = await asyncio.to_thread(service.handle, headers, body)
        return reply or await moto_services.handle_request(method, path, headers, body, query)

    lifecycle.add_service("sagemaker", handle_request)
    # A state machine's `aws-sdk:sagemaker:…` task finds us.
    stepfunctions._AWS_SDK_SERVICE_MAP["sagemaker"] = {
        "target_prefix": "SageMaker",
        "protocol": "json",
    }
    lifecycle.keep("sagemaker_jobs_and_endpoints", service)
    lifecycle.on_ready(service.endpoints.resume)
    lifecycle.on_stop(service.close)
