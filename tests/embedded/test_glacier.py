"""S3's Glacier classes: archived copies keep their checksum and are read only when restored."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

BODY = b"raw partition" * 1000
DIGEST = base64.b64encode(hashlib.sha256(BODY).digest()).decode()


@pytest.fixture(scope="module")
def s3(aws: Callable[[str], Any]) -> Any:
    return aws("s3")


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    """A bucket with the object `raw` and its SHA-256."""
    name = f"archive-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="raw", Body=BODY, ChecksumAlgorithm="SHA256")
    return name


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_read_only_after_its_restore(
    s3: Any, bucket: str, storage_class: str, wait_until: Callable[..., Any]
) -> None:
    """GET and copy are refused until restore_object has done its work, a second or so later."""
    item = {"Bucket": bucket, "Key": storage_class}
    request = {"Days": 1, "GlacierJobParameters": {"Tier": "Bulk"}}

    def archive() -> None:
        s3.copy(
            {"Bucket": bucket, "Key": "raw"},
            bucket,
            storage_class,
            ExtraArgs={"StorageClass": storage_class, "ChecksumAlgorithm": "SHA256"},
        )

    def is_seen_ongoing() -> bool:  # on a stalled machine the look can come too late: start anew
        archive()
        s3.restore_object(**item, RestoreRequest=request)
        return bool(s3.head_object(**item)["Restore"] == 'ongoing-request="true"')

    archive()
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.get_object(**item)
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.copy_object(Bucket=bucket, Key="back", CopySource=item, StorageClass="STANDARD")
    before = s3.head_object(**item)
    during = wait_until(is_seen_ongoing)
    after = wait_until(lambda: 'request="false"' in s3.head_object(**item)["Restore"])
    s3.copy(item, bucket, "back", ExtraArgs={"StorageClass": "STANDARD"})

    assert before["StorageClass"] == storage_class
    assert "Restore" not in before
    assert during
    assert after
    assert s3.get_object(**item)["Body"].read() == BODY
    assert s3.get_object(Bucket=bucket, Key="back")["Body"].read() == BODY
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="back")


def test_a_copy_carries_its_sha_256(s3: Any, bucket: str) -> None:
    """The digest is told by head, by get_object_attributes, and is that of the bytes."""
    source = {"Bucket": bucket, "Key": "raw"}
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        StorageClass="GLACIER",
        ChecksumAlgorithm="SHA256",
    )
    head = s3.head_object(Bucket=bucket, Key="copy", ChecksumMode="ENABLED")
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="copy", ObjectAttributes=["Checksum", "StorageClass", "ObjectSize"]
    )

    assert head["ChecksumSHA256"] == DIGEST
    assert attributes["Checksum"]["ChecksumSHA256"] == DIGEST
    assert attributes["StorageClass"] == "GLACIER"
    with pytest.raises(ClientError, match="BadDigest"):
        s3.put_object(Bucket=bucket, Key="x", Body=b"other", ChecksumSHA256=DIGEST)


def test_a_copy_in_parts_is_archived_too(s3: Any, bucket: str) -> None:
    """A managed copy beyond one part keeps class, size and a checksum of the parts."""
    body = bytes(11 * 1024 * 1024)
    s3.put_object(Bucket=bucket, Key="large", Body=body, ChecksumAlgorithm="SHA256")
    s3.copy(
        {"Bucket": bucket, "Key": "large"},
        bucket,
        "large-archived",
        ExtraArgs={"StorageClass": "DEEP_ARCHIVE", "ChecksumAlgorithm": "SHA256"},
        Config=TransferConfig(multipart_threshold=5 * 1024**2, multipart_chunksize=5 * 1024**2),
    )
    head = s3.head_object(Bucket=bucket, Key="large-archived", ChecksumMode="ENABLED")

    assert head["StorageClass"] == "DEEP_ARCHIVE"
    assert head["ContentLength"] == len(body)
    assert head["ChecksumSHA256"].endswith("-3")


def test_a_lifecycle_rule_is_kept(s3: Any, bucket: str) -> None:
    """The transition to an archive class is stored as it was given."""
    rule = {
        "ID": "archive",
        "Status": "Enabled",
        "Filter": {"Prefix": "raw/"},
        "Transitions": [{"Days": 1, "StorageClass": "DEEP_ARCHIVE"}],
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})

    (kept,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept == rule
