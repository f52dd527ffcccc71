"""SageMaker's control plane: what was created, as plain JSON that outlives the server."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from local.aws.clients import ServiceError, client
from local.aws.config import ACCOUNT, REGION

Record = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """How the API spells one kind of resource; `label` is its name in error messages."""

    name: str
    label: str
    is_job: bool = False
    list_key: str = ""

    @property
    def summaries(self) -> str:
        """Key of the list in a List answer."""
        return self.list_key or (f"{self.name}Summaries" if self.is_job else f"{self.name}s")


TRAINING_JOB = Kind("TrainingJob", "training job", is_job=True)
PROCESSING_JOB = Kind("ProcessingJob", "processing job", is_job=True)
TRANSFORM_JOB = Kind("TransformJob", "transform job", is_job=True)
MODEL = Kind("Model", "model")
ENDPOINT_CONFIG = Kind("EndpointConfig", "endpoint configuration")
ENDPOINT = Kind("Endpoint", "endpoint")
PACKAGE_GROUP = Kind(
    "ModelPackageGroup", "model package group", list_key="ModelPackageGroupSummaryList"
)
PACKAGE = Kind("ModelPackage", "model package")  # named by its ARN
KINDS = {
    each.name: each
    for each in (
        TRAINING_JOB,
        PROCESSING_JOB,
        TRANSFORM_JOB,
        MODEL,
        ENDPOINT_CONFIG,
        ENDPOINT,
        PACKAGE_GROUP,
        PACKAGE,
    )
}
ARN_TYPES = {
    "TrainingJob": "training-job",
    "ProcessingJob": "processing-job",
    "TransformJob": "transform-job",
    "Model": "model",
    "EndpointConfig": "endpoint-config",
    "Endpoint": "endpoint",
    "ModelPackageGroup": "model-package-group",
    "ModelPackage": "model-package",
}
SUMMARY_KEYS = (
    "CreationTime",
    "LastModifiedTime",
    "TrainingEndTime",
    "ProcessingEndTime",
    "TransformEndTime",
)


def arn_of(kind: Kind, name: str) -> str:
    """Return the ARN that a resource of this name has or would have."""
    if name.startswith("arn:"):
        return name
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{ARN_TYPES[kind.name]}/{name.lower()}"


class Registry:
    """Records by kind and name; keys that begin with `_` are ours and never answered."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Record]] = {name: {} for name in KINDS}
        self.tags: dict[str, dict[str, str]] = {}
        self.lock = threading.RLock()

    def create(self, kind: Kind, request: Record, **state: Any) -> Record:
        """Store a request as a new record; refuse a name that exists, as AWS does."""
        name = request[f"{kind.name}Name"]
        arn = arn_of(kind, name)
        with self.lock:
            if name in self.records[kind.name]:
                if kind.is_job:
                    text = f"{kind.label.capitalize()} names must be unique: there is {arn}"
                    raise ServiceError("ResourceInUse", text)
                text = f'Cannot create already existing {kind.label} "{arn}".'
                raise ServiceError("ValidationException", text)
            now = time.time()
            record = {key: value for key, value in request.items() if key != "Tags"}
            record |= {f"{kind.name}Arn": arn, "CreationTime": now, "LastModifiedTime": now}
            record |= state
            self.records[kind.name][name] = record
            self.tags[arn] = {each["Key"]: each["Value"] for each in request.get("Tags") or ()}
            return record

    def find(self, kind: Kind, name: str) -> Record:
        """Return a record; ServiceError (ValidationException) if there is none."""
        with self.lock:
            record = self.records[kind.name].get(name)
        if record is None:
            text = f'Could not find {kind.label} "{arn_of(kind, name)}".'
            raise ServiceError("ValidationException", text)
        return record

    def change(self, record: Record, **values: Any) -> None:
        """Set values of a record together; None removes a key."""
        with self.lock:
            record.update(values, LastModifiedTime=time.time())
            for key in [key for key, value in values.items() if value is None]:
                del record[key]

    def describe(self, kind: Kind, name: str) -> Record:
        """Return what a Describe call answers."""
        record = self.find(kind, name)
        with self.lock:
            return {key: value for key, value in record.items() if not key.startswith("_")}

    def delete(self, kind: Kind, name: str) -> Record:
        """Forget a record and its tags."""
        record = self.find(kind, name)
        with self.lock:
            del self.records[kind.name][name]
            self.tags.pop(record[f"{kind.name}Arn"], None)
        return record

    def list(self, kind: Kind, request: Record) -> Record:
        """Answer a List call: newest first unless asked otherwise; NextToken is a position."""
        with self.lock:
            records = list(self.records[kind.name].items())
        status = f"{kind.name}Status"
        found = [
            {
                key: value
                for key, value in record.items()
                if key.startswith(kind.name) or key in SUMMARY_KEYS
            }
            for name, record in records
            if request.get("NameContains", "") in name
            and record.get(status) == request.get("StatusEquals", record.get(status))
        ]
        order = f"{kind.name}Name" if request.get("SortBy") == "Name" else "CreationTime"
        is_descending = request.get("SortOrder", "Descending") == "Descending"
        found.sort(key=lambda each: each[order], reverse=is_descending)
        start = int(request.get("NextToken") or 0)
        end = start + int(request.get("MaxResults") or 10)
        page: Record = {kind.summaries: found[start:end]}
        return page | ({"NextToken": str(end)} if end < len(found) else {})


def zones(vpc: Record | None) -> tuple[str, ...]:
    """Availability zones of a VpcConfig's subnets; ServiceError names one that is not there."""
    subnets = (vpc or {}).get("Subnets") or []
    if not subnets:
        return (f"{REGION}a", f"{REGION}b")
    try:
        found = client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]
    except client("ec2").exceptions.ClientError as error:
        raise ServiceError("ValidationException", f"VpcConfig: {error}") from error
    known = {each["SubnetId"]: each["AvailabilityZone"] for each in found}
    missing = [each for each in subnets if each not in known]
    if missing:
        text = f"VpcConfig: there is no subnet {', '.join(missing)}: use the stack's subnets"
        raise ServiceError("ValidationException", text)
    return tuple(dict.fromkeys(known[each] for each in subnets))
