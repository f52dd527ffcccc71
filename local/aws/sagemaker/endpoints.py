"""SageMaker endpoints: created, updated without a dropped request, mended, asked, restored."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from local.aws.clients import Reply, ServiceError, refuse
from local.aws.config import ACCOUNT, REGION
from local.aws.sagemaker.container import Containers
from local.aws.sagemaker.fleet import Fleet, NoInstance, Unhealthy, variants_of
from local.aws.sagemaker.registry import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    MODEL,
    Record,
    Registry,
    zones,
)

WATCH_SECONDS = 0.5
RETRY_SECONDS = 5.0
FORWARDED = (
    "content-type",
    "accept",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-inference-id",
)

log = logging.getLogger("local.sagemaker")


class Endpoints:
    """Models, endpoint configurations and the endpoints that run them."""

    def __init__(self, registry: Registry, containers: Containers) -> None:
        self.registry = registry
        self.containers = containers
        self.fleets: dict[str, Fleet] = {}
        self.mending: set[str] = set()

    def create_model(self, request: Record) -> Record:
        """Store a model with the zones of its subnets."""
        record = self.registry.create(MODEL, request, _zones=list(zones(request.get("VpcConfig"))))
        return {"ModelArn": record["ModelArn"]}

    def create_config(self, request: Record) -> Record:
        """Store an endpoint configuration; its models must exist."""
        for variant in request["ProductionVariants"]:
            self.registry.find(MODEL, variant["ModelName"])
        record = self.registry.create(ENDPOINT_CONFIG, request)
        return {"EndpointConfigArn": record["EndpointConfigArn"]}

    def create(self, request: Record) -> Record:
        """Store an endpoint and start its instances."""
        variants = self._variants(request["EndpointConfigName"])
        record = self.registry.create(ENDPOINT, request, EndpointStatus="Creating")
        self._deploy(record, request["EndpointConfigName"], variants)
        return {"EndpointArn": record["EndpointArn"]}

    def update(self, request: Record) -> Record:
        """Start new instances; they take over when all are healthy, else the old ones stay."""
        record = self.registry.find(ENDPOINT, request["EndpointName"])
        variants = self._variants(request["EndpointConfigName"])
        with self.registry.lock:
            if record["EndpointStatus"] == "Failed":
                text = f'Cannot update failed endpoint "{record["EndpointArn"]}": delete it first.'
                raise ServiceError("ValidationException", text)
            if record["EndpointStatus"] != "InService":
                text = f'Cannot update in-progress endpoint "{record["EndpointArn"]}".'
                raise ServiceError("ValidationException", text)
            self.registry.change(record, EndpointStatus="Updating")
        self._deploy(record, request["EndpointConfigName"], variants)
        return {"EndpointArn": record["EndpointArn"]}

    def delete(self, name: str) -> Record:
        """Forget an endpoint and end its instances after their last answers."""
        self.registry.delete(ENDPOINT, name)
        fleet = self.fleets.pop(name, None)
        if fleet is not None:
            threading.Thread(target=fleet.drain, daemon=True).start()
        return {}

    def describe(self, name: str) -> Record:
        """Answer DescribeEndpoint; counts are of the instances that live now."""
        record = self.registry.describe(ENDPOINT, name)
        fleet = self.fleets.get(name)
        if fleet is not None:
            record["ProductionVariants"] = [
                {
                    "VariantName": each["VariantName"],
                    "DeployedImages": [
                        {"SpecifiedImage": each["Image"], "ResolvedImage": each["Image"]}
                    ],
                    "CurrentWeight": each["Weight"],
                    "DesiredWeight": each["Weight"],
                    "CurrentInstanceCount": sum(
                        instance.is_alive and instance.variant is each
                        for instance in fleet.instances
                    ),
                    "DesiredInstanceCount": each["InstanceCount"],
                }
                for each in fleet.variants
            ]
        return record

    def invoke(self, name: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer InvokeEndpoint with what an instance answers."""
        fleet = self.fleets.get(name)
        if fleet is None:
            text = f"Endpoint {name} of account {ACCOUNT} not found."
            return refuse(ServiceError("ValidationError", text))
        passed = {key: value for key, value in headers.items() if key in FORWARDED}
        try:
            instance, response, content = fleet.ask(
                body, passed, headers.get("x-amzn-sagemaker-target-variant")
            )
        except NoInstance:
            if self.fleets.get(name) is not fleet:  # an update took over in between
                return self.invoke(name, headers, body)
            text = f"Endpoint {name} has no live instance at this moment: ask again"
            return refuse(ServiceError("ServiceUnavailable", text, 503))
        except TimeoutError:
            return self._model_error(name, HTTPStatus.GATEWAY_TIMEOUT, "no answer in time")
        if response.status >= HTTPStatus.BAD_REQUEST:
            return self._model_error(name, response.status, content.decode(errors="replace"))
        answered = {
            "Content-Type": response.headers.get("Content-Type", "application/octet-stream"),
            "x-Amzn-Invoked-Production-Variant": instance.variant["VariantName"],
        }
        custom = response.headers.get("x-amzn-sagemaker-custom-attributes")
        if custom:
            answered["x-amzn-sagemaker-custom-attributes"] = custom
        return 200, answered, content

    def restore(self) -> None:
        """Mark the endpoints that served when the server stopped; `resume` starts them again."""
        for record in self.registry.records[ENDPOINT.name].values():
            if "_variants" in record:
                self.registry.change(record, EndpointStatus="SystemUpdating")
            elif record["EndpointStatus"] != "Failed":
                text = "The embedded AWS stopped before the endpoint was in service: update it"
                self.registry.change(record, EndpointStatus="Failed", FailureReason=text)

    def resume(self) -> None:
        """Start restored endpoints, and watch all of them from now on."""
        for record in self.registry.records[ENDPOINT.name].values():
            if record["EndpointStatus"] == "SystemUpdating":
                self._deploy(record, record["EndpointConfigName"], record["_variants"])
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Kill every instance."""
        for fleet in list(self.fleets.values()):
            fleet.close()

    def _variants(self, config_name: str) -> list[Record]:
        config = self.registry.find(ENDPOINT_CONFIG, config_name)
        models = {
            each["ModelName"]: self.registry.find(MODEL, each["ModelName"])
            for each in config["ProductionVariants"]
        }
        return variants_of(config, models)

    def _deploy(self, record: Record, config_name: str, variants: list[Record]) -> None:
        def work() -> None:
            name = record["EndpointName"]
            fleet = Fleet(name, variants, self.containers)
            try:
                fleet.start()
            except Exception as error:
                if not isinstance(error, Unhealthy | ServiceError | ClientError):
                    log.exception("endpoint %s", name)
                status = "InService" if name in self.fleets else "Failed"
                self.registry.change(record, EndpointStatus=status, FailureReason=str(error))
                return
            with self.registry.lock:
                is_wanted = self.registry.records[ENDPOINT.name].get(name) is record
                old = self.fleets.get(name) if is_wanted else fleet
                if is_wanted:
                    self.fleets[name] = fleet
                    self.registry.change(
                        record,
                        EndpointStatus="InService",
                        EndpointConfigName=config_name,
                        FailureReason=None,
                        _variants=variants,
                    )
            if old is not None:
                old.drain()

        threading.Thread(target=work, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(WATCH_SECONDS)
            for name, fleet in list(self.fleets.items()):
                if name not in self.mending and not all(each.is_alive for each in fleet.instances):
                    self.mending.add(name)
                    threading.Thread(target=self._mend, args=(name, fleet), daemon=True).start()

    def _mend(self, name: str, fleet: Fleet) -> None:
        try:
            fleet.mend()
        except (Unhealthy, ServiceError, ClientError) as error:
            log.warning("endpoint %s: an instance does not come back: %s", name, error)
            time.sleep(RETRY_SECONDS)
        finally:
            self.mending.discard(name)

    def _model_error(self, name: str, status: int, text: str) -> Reply:
        group = f"/aws/sagemaker/Endpoints/{name}"
        body: dict[str, Any] = {
            "Message": f"Received server error ({status}) from primary with message: {text}. "
            f"See {group} in CloudWatch Logs.",
            "OriginalStatusCode": status,
            "OriginalMessage": text,
            "LogStreamArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}",
        }
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "ModelError"}
        return 424, headers, json.dumps(body).encode()
