"""SageMaker's model registry: package groups, their numbered versions, and who approved which."""

from __future__ import annotations

import re
import time

from local.aws.clients import ServiceError
from local.aws.config import ACCOUNT, REGION
from local.aws.sagemaker.registry import PACKAGE, PACKAGE_GROUP, Record, Registry, arn_of

STATUSES = ("Approved", "PendingManualApproval", "Rejected")
METADATA_KEYS_MAX = 50
METADATA_VALUE = re.compile(r"[\w .:/=+\-@]{1,256}")
CREATED = {
    "ModelPackageStatus": "Completed",
    "ModelPackageStatusDetails": {"ValidationStatuses": []},
}
# An answer to ListModelPackages has these alone; all else takes DescribeModelPackage.
SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


def create_group(registry: Registry, request: Record) -> Record:
    """Answer CreateModelPackageGroup."""
    record = registry.create(PACKAGE_GROUP, request, ModelPackageGroupStatus="Completed")
    return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}


def delete_group(registry: Registry, request: Record) -> Record:
    """Answer DeleteModelPackageGroup; one that holds a version is refused."""
    name = _group(registry, request["ModelPackageGroupName"])
    if any(each["ModelPackageGroupName"] == name for each in _packages(registry)):
        text = f"Cannot delete model package group {name}: delete its model packages first."
        raise ServiceError("ConflictException", text)
    registry.delete(PACKAGE_GROUP, name)
    return {}


def create(registry: Registry, request: Record) -> Record:
    """Answer CreateModelPackage: the next version of its group; numbers are never used again."""
    if "ModelPackageGroupName" not in request:
        raise ServiceError("ValidationException", "ModelPackageGroupName: only versions run here.")
    _check(request)
    with registry.lock:
        name = _group(registry, request["ModelPackageGroupName"])
        group = registry.find(PACKAGE_GROUP, name)
        number = group.get("_versions", 0) + 1
        group["_versions"] = number
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{name.lower()}/{number}"
        record = {
            key: value for key, value in request.items() if key not in ("Tags", "ClientToken")
        }
        record |= {"ModelPackageGroupName": name, "ModelPackageVersion": number, **CREATED}
        record |= {"ModelPackageArn": arn, "CreationTime": time.time()}
        record.setdefault("ModelApprovalStatus", "PendingManualApproval")
        registry.records[PACKAGE.name][arn] = record
        registry.tags[arn] = {each["Key"]: each["Value"] for each in request.get("Tags") or ()}
    return {"ModelPackageArn": arn}


def update(registry: Registry, request: Record) -> Record:
    """Answer UpdateModelPackage: what is not given stays; metadata is merged key by key."""
    _check(request)
    record = registry.find(PACKAGE, request["ModelPackageArn"])
    metadata = record.get("CustomerMetadataProperties", {})
    metadata = metadata | request.get("CustomerMetadataProperties", {})
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        metadata.pop(key, None)
    given = {
        key: request[key]
        for key in ("ModelApprovalStatus", "ApprovalDescription")
        if key in request
    }
    registry.change(record, **given, CustomerMetadataProperties=metadata)
    return {"ModelPackageArn": record["ModelPackageArn"]}


def delete(registry: Registry, request: Record) -> Record:
    """Answer DeleteModelPackage."""
    registry.delete(PACKAGE, request["ModelPackageName"])
    return {}


def list_versions(registry: Registry, request: Record) -> Record:
    """Answer ListModelPackages: newest first unless asked otherwise; NextToken is a position."""
    group = request.get("ModelPackageGroupName")
    status = request.get("ModelApprovalStatus")
    name = _group(registry, group) if group else None
    found = [
        {key: each[key] for key in SUMMARY if key in each}
        for each in _packages(registry)
        if name in (None, each["ModelPackageGroupName"])
        and status in (None, each["ModelApprovalStatus"])
    ]
    is_descending = request.get("SortOrder", "Descending") == "Descending"
    found.sort(key=lambda each: each["CreationTime"], reverse=is_descending)
    start = int(request.get("NextToken") or 0)
    end = start + int(request.get("MaxResults") or 10)
    page: Record = {"ModelPackageSummaryList": found[start:end]}
    return page | ({"NextToken": str(end)} if end < len(found) else {})


def _packages(registry: Registry) -> list[Record]:
    with registry.lock:
        return list(registry.records[PACKAGE.name].values())


def _group(registry: Registry, asked: str) -> str:
    """Return a group's name, given by name or ARN; ServiceError if there is none."""
    name = asked.rpartition("/")[2]
    if name not in registry.records[PACKAGE_GROUP.name]:
        text = f"ModelPackageGroup {arn_of(PACKAGE_GROUP, name)} does not exist."
        raise ServiceError("ValidationException", text)
    return name


def _check(request: Record) -> None:
    status = request.get("ModelApprovalStatus", STATUSES[0])
    if status not in STATUSES:
        text = f"ModelApprovalStatus {status!r} is none of {', '.join(STATUSES)}."
        raise ServiceError("ValidationException", text)
    metadata = request.get("CustomerMetadataProperties", {})
    if len(metadata) > METADATA_KEYS_MAX:
        text = f"CustomerMetadataProperties: more than {METADATA_KEYS_MAX} entries."
        raise ServiceError("ValidationException", text)
    for key, value in metadata.items():
        if not METADATA_VALUE.fullmatch(value):
            text = (
                f"CustomerMetadataProperties.{key}: failed to satisfy constraint: 1 to 256 "
                "characters, letters, digits, space and . : / = + - @ only."
            )
            raise ServiceError("ValidationException", text)
