"""What SageMaker's jobs share: one thread and one process each."""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL
from typing import Any

from botocore.exceptions import ClientError

from local.aws import children
from local.aws.clients import ServiceError, split_uri
from local.aws.iam.identity import Identity, acting_as
from local.aws.iam.roles import assume
from local.aws.log_stream import LogStream
from local.aws.sagemaker.container import Containers
from local.aws.sagemaker.registry import (
    MODEL,
    PROCESSING_JOB,
    TRAINING_JOB,
    TRANSFORM_JOB,
    Kind,
    Record,
    Registry,
)

STOP_GRACE_SECONDS = 5.0
REASON_MAX = 1024
ACTIVE = ("InProgress", "Stopping")
MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading the input channels",
    "Training": "The training image runs",
    "Uploading": "Uploading the model artifact",
    "Completed": "Training is complete",
    "Stopping": "Stopping the training job",
    "Stopped": "The training job was stopped",
    "MaxRuntimeExceeded": "The training job ran longer than MaxRuntimeInSeconds",
    "Failed": "Training failed: see FailureReason",
}

log = logging.getLogger("local.sagemaker")


class JobStopped(Exception):
    """A job ended before its time: by StopTrainingJob, or by its runtime limit."""


class JobFailed(Exception):
    """The container ended with an error; the message is the failure reason."""


class Jobs:
    """Runs jobs, one thread each, and keeps their records true."""

    def __init__(self, registry: Registry, containers: Containers) -> None:
        self.registry = registry
        self.containers = containers
        self.running: dict[str, subprocess.Popen[Any]] = {}

    def stop(self, kind: Kind, name: str) -> None:
        """End an active job: its record becomes Stopping, then Stopped."""
        record = self.registry.find(kind, name)
        status = f"{kind.name}Status"
        with self.registry.lock:
            if record[status] not in ACTIVE:
                text = f"The {kind.label} {name} is {record[status]}: there is nothing to stop"
                raise ServiceError("ValidationException", text)
            self.registry.change(record, **{status: "Stopping"})
        if kind is TRAINING_JOB:
            self.move(record, "Stopping")
        child = self.running.get(record[f"{kind.name}Arn"])
        if child is not None:
            children.end([child], grace_seconds=STOP_GRACE_SECONDS)

    def close(self) -> None:
        """Kill every running container."""
        children.end(list(self.running.values()), grace_seconds=0)

    def restore(self) -> None:
        """Fail the jobs that ran when the server stopped."""
        reason = "InternalServerError: The embedded AWS stopped during the job: start it again"
        for kind in (TRAINING_JOB, PROCESSING_JOB, TRANSFORM_JOB):
            for record in self.registry.records[kind.name].values():
                if record[f"{kind.name}Status"] in ACTIVE:
                    self.finish(kind, record, "Failed", FailureReason=reason)

    def start(self, kind: Kind, record: Record, run: Callable[[Jobs, Record], None]) -> None:
        """Give a job its role and its thread; whatever ends it is written into its record.

        ServiceError, and no record, if SageMaker may not assume the role.
        """
        try:
            identity = self._assume(kind, record)
        except ServiceError:
            self.registry.delete(kind, record[f"{kind.name}Name"])
            raise

        def work() -> None:
            try:
                with acting_as(identity):
                    run(self, record)
            except JobStopped as stop:
                self.finish(kind, record, "Stopped", secondary=str(stop))
            except JobFailed as error:
                self.finish(kind, record, "Failed", FailureReason=str(error)[:REASON_MAX])
            except (ServiceError, ClientError) as error:
                reason = f"ClientError: {error}"[:REASON_MAX]
                self.finish(kind, record, "Failed", FailureReason=reason)
            except Exception as error:
                log.exception("%s %s", kind.label, record[f"{kind.name}Name"])
                reason = f"InternalServerError: {error!r}"[:REASON_MAX]
                self.finish(kind, record, "Failed", FailureReason=reason)

        threading.Thread(target=work, daemon=True).start()

    def _assume(self, kind: Kind, record: Record) -> Identity | None:
        role = record.get("RoleArn")
        if kind is TRANSFORM_JOB:
            role = self.registry.find(MODEL, record["ModelName"]).get("ExecutionRoleArn")
        return assume(role or "", "sagemaker.amazonaws.com", record[f"{kind.name}Arn"])

    def run(
        self,
        kind: Kind,
        record: Record,
        root: Path,
        command: Sequence[str],
        environment: Mapping[str, Any],
    ) -> None:
        """Run a job's container to its end; raise JobFailed or JobStopped unless it succeeds."""
        arn, status = record[f"{kind.name}Arn"], f"{kind.name}Status"
        stream = LogStream(f"/aws/sagemaker/{kind.name}s", f"{record[f'{kind.name}Name']}/algo-1-1")
        limit = (record.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds", 86400)
        child = self.containers.start(root, command, environment)
        copied = stream.follow(child)
        self.running[arn] = child
        try:
            if record[status] == "Stopping":
                children.end([child], grace_seconds=STOP_GRACE_SECONDS)
            code = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            children.end([child], grace_seconds=STOP_GRACE_SECONDS)
            raise JobStopped("MaxRuntimeExceeded") from None
        finally:
            children.signal_session(child, SIGKILL)
            del self.running[arn]
            copied.join()
        if record[status] == "Stopping":
            raise JobStopped("Stopped")
        if code != 0:
            failure = root / "output/failure"
            text = failure.read_text(errors="replace").strip() if failure.is_file() else ""
            where = f"exit code {code}: see {stream.group} {stream.stream}"
            text = text or read_message(root) or where
            self.registry.change(record, ExitMessage=read_message(root) or text)
            raise JobFailed(f"AlgorithmError: {text}")

    def move(self, record: Record, secondary: str, **values: Any) -> None:
        """Enter the next secondary status of a training job."""
        transitions = record["SecondaryStatusTransitions"]
        closed = {**transitions[-1], "EndTime": time.time()}
        self.registry.change(
            record,
            SecondaryStatus=secondary,
            SecondaryStatusTransitions=[*transitions[:-1], closed, secondary_transition(secondary)],
            **values,
        )

    def finish(
        self, kind: Kind, record: Record, status: str, secondary: str = "", **values: Any
    ) -> None:
        """Enter a final status."""
        now = time.time()
        prefix = kind.name.removesuffix("Job")
        values |= {f"{kind.name}Status": status, f"{prefix}EndTime": now}
        record.setdefault(f"{prefix}StartTime", now)
        if kind is TRAINING_JOB:
            seconds = max(1, round(now - record["TrainingStartTime"]))
            values |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
            self.move(record, secondary or status, **values)
        else:
            self.registry.change(record, **values)


def secondary_transition(status: str) -> Record:
    """One entry of SecondaryStatusTransitions."""
    return {"Status": status, "StartTime": time.time(), "StatusMessage": MESSAGES[status]}


def check_source(source: Record) -> None:
    """Refuse a source that is not an S3 prefix."""
    split_uri(source["S3Uri"])
    kind = source.get("S3DataType", "S3Prefix")
    if kind != "S3Prefix":
        raise ServiceError("ValidationException", f"S3DataType {kind}: only S3Prefix runs here")


def check_instances(resources: Record) -> None:
    """Refuse a job on more than one instance."""
    count = resources.get("InstanceCount", 1)
    if count != 1:
        raise ServiceError("ValidationException", f"InstanceCount {count}: jobs run on 1 here")


def read_message(root: Path) -> str | None:
    """What the container left in /opt/ml/output/message."""
    path = root / "output/message"
    return path.read_text(errors="replace")[:REASON_MAX] if path.is_file() else None


def write_json(path: Path, value: Any) -> None:
    """Write a configuration file of the container."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
