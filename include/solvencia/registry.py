"""The registry: each model version as a SageMaker model package, with its approval status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from solvencia.faults import PermanentFault

APPROVED = "Approved"
PENDING = "PendingManualApproval"
REJECTED = "Rejected"

DESCRIPTION_CHARACTERS_MAX = 1024  # SageMaker's bounds
VALUE_CHARACTERS_MAX = 256
_FORBIDDEN = re.compile(r"[^\w .:/=+\-@]+")
_LISTED = 5


class UnknownVersion(PermanentFault):
    """No model version of that name is registered; the message lists the newest ones."""


class NotApproved(PermanentFault):
    """A version without status Approved was about to be deployed."""


@dataclass(frozen=True)
class Package:
    """One registered version; `metadata` is text by name."""

    arn: str
    version: str
    status: str
    image: str
    artefact: str
    created_at: str
    metadata: Mapping[str, str]


def list_versions(sagemaker: Any, group: str) -> list[dict[str, Any]]:
    """Return SageMaker's summaries of a group, newest first; a description is a version's name."""
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
    )
    return [each for page in pages for each in page["ModelPackageSummaryList"]]


def find(sagemaker: Any, group: str, version: str) -> Package | None:
    """Return a registered version, or None."""
    for each in list_versions(sagemaker, group):
        if each.get("ModelPackageDescription") == version:
            return _describe(sagemaker, each["ModelPackageArn"])
    return None


def get(sagemaker: Any, group: str, version: str) -> Package:
    """Return a registered version; raise UnknownVersion."""
    found = find(sagemaker, group, version)
    if found is None:
        known = [str(each["ModelPackageDescription"]) for each in list_versions(sagemaker, group)]
        raise UnknownVersion(
            f"no version {version!r} is registered in {group}: "
            + (f"the newest are {', '.join(known[:_LISTED])}" if known else "there is none yet")
        )
    return found


def find_by_digest(
    sagemaker: Any, group: str, model_digest: str, code_digest: str
) -> Package | None:
    """Return a registered version of a model, best the one of that code, else the newest."""
    try:
        summaries = list_versions(sagemaker, group)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return None
        raise
    found = [_describe(sagemaker, each["ModelPackageArn"]) for each in summaries]
    ours = [each for each in found if each.metadata.get("digest") == model_digest]
    same = [each for each in ours if each.metadata.get("code_digest") == code_digest]
    return next(iter(same or ours), None)


def create(
    sagemaker: Any,
    group: str,
    version: str,
    *,
    image: str,
    artefact: str,
    status: str,
    evaluation: str,
) -> Package:
    """Create a version's package; `evaluation` is the URI of the folder of its evaluation."""
    made = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelPackageDescription=version,
        ModelApprovalStatus=status,
        InferenceSpecification={
            "Containers": [{"Image": image, "ModelDataUrl": artefact}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        ModelMetrics={
            "ModelQuality": {"Statistics": _file(evaluation + "metrics.json")},
            "Bias": {"Report": _file(evaluation + "report.json")},
        },
        CustomerMetadataProperties=_clean({"version": version}),
    )
    return _describe(sagemaker, made["ModelPackageArn"])


def set_status(
    sagemaker: Any,
    package: Package,
    status: str,
    description: str,
    metadata: Mapping[str, object],
    remove: Iterable[str] = (),
) -> None:
    """Record a status with its reason; `metadata` is added, the names in `remove` go."""
    sagemaker.update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus=status,
        ApprovalDescription=" ".join(description.split())[:DESCRIPTION_CHARACTERS_MAX],
        CustomerMetadataProperties=_clean(metadata),
        CustomerMetadataPropertiesToRemove=[each for each in remove if each in package.metadata],
    )


def require_approved(sagemaker: Any, group: str, version: str) -> None:
    """Raise NotApproved unless the registry says, now, that this version is approved."""
    status = get(sagemaker, group, version).status
    if status != APPROVED:
        raise NotApproved(
            f"{version} has status {status} in {group}: nothing is deployed without status "
            f"{APPROVED}. Rerun from `ask`, or use the DAG promote to override a rejection."
        )


def _describe(sagemaker: Any, arn: str) -> Package:
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    container = found["InferenceSpecification"]["Containers"][0]
    return Package(
        arn=arn,
        version=str(found["ModelPackageDescription"]),
        status=str(found["ModelApprovalStatus"]),
        image=str(container["Image"]),
        artefact=str(container["ModelDataUrl"]),
        created_at=found["CreationTime"].isoformat(timespec="seconds"),
        metadata=dict(found.get("CustomerMetadataProperties") or {}),
    )


def _file(uri: str) -> dict[str, str]:
    return {"ContentType": "application/json", "S3Uri": uri}


def _clean(metadata: Mapping[str, object]) -> dict[str, str]:
    """Return what SageMaker takes: short texts of few characters; facts.json holds them whole."""
    texts = {
        name: " ".join(_FORBIDDEN.sub(" ", str(value)).split())[:VALUE_CHARACTERS_MAX].strip()
        for name, value in metadata.items()
    }
    return {name: text for name, text in texts.items() if text}
