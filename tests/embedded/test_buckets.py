"""Buckets of CloudFormation are encrypted and locked as their template says."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def bucket(aws: Callable[[str], Any]) -> Iterator[str]:
    """A bucket of a stack, encrypted by KMS, its versions locked for a day."""
    name = f"locked-{uuid.uuid4().hex[:8]}"
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/some-key"}
    rule = {"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": encryption}
    retention = {"Mode": "GOVERNANCE", "Days": 1}
    properties = {
        "BucketName": name,
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]},
        "ObjectLockEnabled": True,
        "ObjectLockConfiguration": {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": retention},
        },
    }
    resource = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": properties}
    cloudformation = aws("cloudformation")
    cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps({"Resources": {"Bucket": resource}})
    )
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )
    yield name
    cloudformation.delete_stack(StackName=name)


def test_a_bucket_has_the_encryption_of_its_template(
    aws: Callable[[str], Any], bucket: str
) -> None:
    """The key's algorithm and name come back, and an object says that it lies under it."""
    found = aws("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    put = aws("s3").put_object(Bucket=bucket, Key="a", Body=b"1")

    assert found["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": "alias/some-key",
    }
    assert put["ServerSideEncryption"] == "aws:kms"


def put(s3: Any, bucket: str) -> str:
    return str(s3.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"])


def copy(s3: Any, bucket: str) -> str:
    s3.put_object(Bucket=bucket, Key="b", Body=b"1")
    source = {"Bucket": bucket, "Key": "b"}
    return str(s3.copy_object(Bucket=bucket, Key="a", CopySource=source)["VersionId"])


def put_in_parts(s3: Any, bucket: str) -> str:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    given = {"Bucket": bucket, "Key": "a", "UploadId": upload}
    tag = s3.upload_part(**given, PartNumber=1, Body=b"1")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    return str(s3.complete_multipart_upload(**given, MultipartUpload=parts)["VersionId"])


@pytest.mark.parametrize("write", [put, copy, put_in_parts])
def test_a_locked_version_goes_only_with_the_right_to_bypass(
    aws: Callable[[str], Any], bucket: str, write: Callable[[Any, str], str]
) -> None:
    """Deleting the version is refused, until whoever may bypasses governance."""
    s3 = aws("s3")
    version = write(s3, bucket)

    with pytest.raises(ClientError, match="object protected by object lock"):
        s3.delete_object(Bucket=bucket, Key="a", VersionId=version)
    s3.delete_object(Bucket=bucket, Key="a", VersionId=version, BypassGovernanceRetention=True)
    with pytest.raises(ClientError, match="NoSuchVersion"):
        s3.get_object(Bucket=bucket, Key="a", VersionId=version)
