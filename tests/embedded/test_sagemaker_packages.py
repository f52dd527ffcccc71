"""The model registry: numbered versions, their approval, and metadata that is merged."""

from __future__ import annotations

import uuid

import pytest
from botocore.exceptions import ClientError

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"


@pytest.fixture
def sagemaker(aws):
    return aws("sagemaker")


@pytest.fixture
def group(sagemaker):
    name = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(
        ModelPackageGroupName=name, ModelPackageGroupDescription="Cards"
    )
    return name


def add(sagemaker, group, **change):
    container = {"Image": IMAGE, "ModelDataUrl": "s3://models/m.tar.gz"}
    given = {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": "first",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "CustomerMetadataProperties": {"version": "v1", "auc": "0.86"},
    }
    return sagemaker.create_model_package(**given | change)["ModelPackageArn"]


def test_versions_are_numbered_and_wait_for_approval(sagemaker, group):
    """A group's packages count up from 1, and nobody has approved a new one."""
    first = add(sagemaker, group)
    second = add(sagemaker, group)

    found = sagemaker.describe_model_package(ModelPackageName=second)
    assert first.endswith(f"model-package/{group}/1")
    assert found["ModelPackageVersion"] == 2
    assert found["ModelApprovalStatus"] == "PendingManualApproval"
    assert found["InferenceSpecification"]["Containers"][0]["Image"] == IMAGE


def test_an_approval_keeps_what_it_does_not_name(sagemaker, group):
    """Status and reason change, metadata is merged, and a removed key is gone."""
    arn = add(sagemaker, group)

    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        ApprovalDescription="Good",
        CustomerMetadataProperties={"approved_by": "ana"},
        CustomerMetadataPropertiesToRemove=["auc"],
    )

    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["ApprovalDescription"] == "Good"
    assert found["CustomerMetadataProperties"] == {"version": "v1", "approved_by": "ana"}


def test_a_list_is_paged_and_filtered(sagemaker, group):
    """Newest first, by group and status; a summary has no metadata."""
    arns = [add(sagemaker, group) for _ in range(3)]
    sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Rejected")

    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, PaginationConfig={"PageSize": 2}
    )
    found = [each for page in pages for each in page["ModelPackageSummaryList"]]
    rejected = sagemaker.list_model_packages(
        ModelPackageGroupName=group, ModelApprovalStatus="Rejected"
    )["ModelPackageSummaryList"]

    assert [each["ModelPackageArn"] for each in found] == arns[::-1]
    assert [each["ModelPackageArn"] for each in rejected] == [arns[1]]
    assert found[0]["ModelPackageDescription"] == "first"
    assert "CustomerMetadataProperties" not in found[0]


@pytest.mark.parametrize("value", ["x" * 257, "a, b", 'said "no"'])
def test_metadata_that_aws_would_refuse_is_refused(sagemaker, group, value):
    """Values have 1 to 256 characters of a small set."""
    with pytest.raises(ClientError, match="ValidationException"):
        add(sagemaker, group, CustomerMetadataProperties={"reason": value})


def test_an_unknown_group_or_package_is_refused(sagemaker, group):
    """Each names what does not exist."""
    arn = add(sagemaker, group)

    with pytest.raises(ClientError, match="group-nowhere does not exist"):
        add(sagemaker, "group-nowhere")
    with pytest.raises(ClientError, match="Could not find model package"):
        sagemaker.describe_model_package(ModelPackageName=arn + "0")


def test_a_group_goes_once_it_is_empty(sagemaker, group):
    """A group that holds a version stays; numbers of deleted versions do not come back."""
    add(sagemaker, group)
    with pytest.raises(ClientError, match="ConflictException"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    for each in sagemaker.list_model_packages(ModelPackageGroupName=group)[
        "ModelPackageSummaryList"
    ]:
        sagemaker.delete_model_package(ModelPackageName=each["ModelPackageArn"])
    second = add(sagemaker, group)
    sagemaker.delete_model_package(ModelPackageName=second)

    sagemaker.delete_model_package_group(ModelPackageGroupName=group)

    assert second.endswith("/2")
    with pytest.raises(ClientError, match="ValidationException"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_the_registry_survives_a_restart(new_server):
    """Versions, their approval and their metadata are there after a stop and a start."""
    other = new_server().start()
    sagemaker = other.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="kept")
    arn = add(sagemaker, "kept")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    other.stop()
    other.start()

    found = other.client("sagemaker").describe_model_package(ModelPackageName=arn)
    following = add(other.client("sagemaker"), "kept")
    other.stop()

    assert found["ModelApprovalStatus"] == "Approved"
    assert found["CustomerMetadataProperties"]["version"] == "v1"
    assert following.endswith("/2")
