"""The instances of one SageMaker endpoint: processes, started, watched, asked and drained."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from local.aws import children
from local.aws.clients import ServiceError
from local.aws.iam.identity import acting_as
from local.aws.iam.roles import assume
from local.aws.log_stream import LogStream
from local.aws.sagemaker.container import Containers, unpack
from local.aws.sagemaker.registry import ENDPOINT, Record, arn_of

ANSWER_SECONDS = 60.0
DRAIN_SECONDS = 60.0
STOP_GRACE_SECONDS = 10.0
PING_SECONDS = 2.0


class Unhealthy(Exception):
    """An instance did not pass its health check; the message is the endpoint's failure reason."""


class NoInstance(Exception):
    """No live instance is left to answer."""


@dataclass(eq=False)
class Instance:
    """One process behind the endpoint."""

    id: str
    zone: str
    variant: Record
    port: int
    child: subprocess.Popen[Any]
    in_flight: int = 0
    served: int = 0

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.child.poll() is None


class Fleet:
    """All instances of all variants; `variants` are plain records and outlive the server."""

    def __init__(
        self,
        endpoint: str,
        variants: list[Record],
        containers: Containers,
        *,
        log_group: str = "",
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.endpoint = endpoint
        self.log_group = log_group or f"/aws/sagemaker/Endpoints/{endpoint}"
        self.answer_seconds = answer_seconds
        self.variants = variants
        self.containers = containers
        self.instances: list[Instance] = []
        self.lock = threading.Lock()
        self.is_closed = False

    def start(self) -> None:
        """Start all instances in parallel, over the zones in turn; Unhealthy if one fails."""
        wanted = [
            (variant, variant["Zones"][index % len(variant["Zones"])])
            for variant in self.variants
            for index in range(variant["InstanceCount"])
        ]
        with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
            started = [pool.submit(self.start_instance, *each) for each in wanted]
        faults = [each.exception() for each in started]
        self.instances = [each.result() for each in started if each.exception() is None]
        for fault in faults:
            if fault is not None:
                self.close()
                raise fault

    def start_instance(self, variant: Record, zone: str) -> Instance:
        """Start one instance under its model's role and wait until it answers pings."""
        source = arn_of(ENDPOINT, self.endpoint)
        with acting_as(assume(variant.get("Role", ""), "sagemaker.amazonaws.com", source)):
            return self._start_instance(variant, zone)

    def _start_instance(self, variant: Record, zone: str) -> Instance:
        name = f"i-{uuid.uuid4().hex[:17]}"
        root = self.containers.folder(f"endpoint-{name}")
        command = self.containers.command(variant["Image"], ["serve"])
        if variant["ModelDataUrl"]:
            unpack(variant["ModelDataUrl"], root / "model")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = {
            **variant["Environment"],
            "SAGEMAKER_BIND_TO_PORT": port,
            "SAGEMAKER_BIND_HOST": "127.0.0.1",
        }
        stream = LogStream(self.log_group, f"{variant['VariantName']}/{name}")
        child = self.containers.start(root, command, environment)
        stream.write([f"instance {name} in {zone}: process {child.pid} on port {port}"])
        stream.follow(child)
        instance = Instance(name, zone, variant, port, child)
        deadline = time.monotonic() + self.containers.config.health_seconds
        while not self._is_healthy(instance):
            if time.monotonic() > deadline or not instance.is_alive:
                children.end([child], grace_seconds=0)
                raise Unhealthy(
                    f"The primary container for production variant {variant['VariantName']} did "
                    f"not pass the ping health check: see {stream.group} {stream.stream}"
                )
            time.sleep(0.1)
        return instance

    def ask(
        self, body: bytes, headers: Mapping[str, str], variant: str | None
    ) -> tuple[Instance, http.client.HTTPResponse, bytes]:
        """Let one live instance answer; an instance that dies meanwhile is passed over."""
        tried: list[Instance] = []
        while True:
            instance = self._lease(tried, variant)
            line = http.client.HTTPConnection(
                "127.0.0.1", instance.port, timeout=self.answer_seconds
            )
            try:
                line.request("POST", "/invocations", body, dict(headers))
                response = line.getresponse()
                return instance, response, response.read()
            except (ConnectionError, http.client.IncompleteRead):
                tried.append(instance)
            finally:
                line.close()
                with self.lock:
                    instance.in_flight -= 1

    def mend(self) -> None:
        """Replace every dead instance in its own zone; Unhealthy if one does not come back."""
        for instance in [each for each in self.instances if not each.is_alive]:
            replacement = self.start_instance(instance.variant, instance.zone)
            with self.lock:
                if not self.is_closed:
                    self.instances[self.instances.index(instance)] = replacement
                    continue
            children.end([replacement.child], grace_seconds=0)

    def drain(self) -> None:
        """End the instances after their last answers."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while any(each.in_flight for each in self.instances) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.close(STOP_GRACE_SECONDS)

    def close(self, grace_seconds: float = 0.0) -> None:
        """End the instances."""
        with self.lock:
            self.is_closed = True
        children.end([each.child for each in self.instances], grace_seconds=grace_seconds)
        for each in self.instances:
            children.signal_session(each.child, signal.SIGKILL)

    def _lease(self, tried: list[Instance], variant: str | None) -> Instance:
        with self.lock:
            live = [
                each
                for each in self.instances
                if each.is_alive
                and each not in tried
                and variant in (None, each.variant["VariantName"])
            ]
            if not live:
                raise NoInstance
            served: dict[str, int] = {}
            for each in self.instances:
                name = each.variant["VariantName"]
                served[name] = served.get(name, 0) + each.served
            chosen = min(
                live,
                key=lambda each: (
                    served[each.variant["VariantName"]] / (each.variant["Weight"] or 1e-9),
                    each.in_flight,
                    each.served,
                ),
            )
            chosen.in_flight += 1
            chosen.served += 1
            return chosen

    def _is_healthy(self, instance: Instance) -> bool:
        line = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=PING_SECONDS)
        try:
            line.request("GET", "/ping")
            return line.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            line.close()


def variants_of(config: Record, models: Mapping[str, Record]) -> list[Record]:
    """Snapshot what an endpoint configuration starts: image, artifact, environment, zones."""
    found = []
    for variant in config["ProductionVariants"]:
        model = models[variant["ModelName"]]
        container = model.get("PrimaryContainer") or (model.get("Containers") or [{}])[0]
        if not container.get("Image"):
            text = f"The model {model['ModelName']} has no container image: create it with one"
            raise ServiceError("ValidationException", text)
        found.append(
            {
                "VariantName": variant["VariantName"],
                "InstanceCount": variant.get("InitialInstanceCount", 1),
                "Weight": variant.get("InitialVariantWeight", 1.0),
                "Role": model.get("ExecutionRoleArn", ""),
                "Image": container["Image"],
                "ModelDataUrl": container.get("ModelDataUrl", ""),
                "Environment": container.get("Environment") or {},
                "Zones": model["_zones"],
            }
        )
    return found
