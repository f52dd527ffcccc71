"""Versions of S3 objects lie on disk: the server's memory does not grow with what it keeps."""

from __future__ import annotations

import os
import subprocess
import uuid

import pytest

MEGABYTE = 1 << 20


@pytest.fixture
def bucket(aws):
    name = f"versioned-{uuid.uuid4().hex[:8]}"
    aws("s3").create_bucket(Bucket=name)
    aws("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def resident_bytes(pid):
    asked = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.run(asked, capture_output=True, check=True).stdout) * 1024


def read(aws, bucket, **version):
    return aws("s3").get_object(Bucket=bucket, Key="a", **version)["Body"].read()


def test_each_version_keeps_its_content(aws, bucket):
    """By id, after others were written over it, and as the current one once those are deleted."""
    s3 = aws("s3")
    ids = [
        s3.put_object(Bucket=bucket, Key="a", Body=body)["VersionId"] for body in (b"1", b"2", b"3")
    ]
    bodies = [read(aws, bucket, VersionId=each) for each in ids]
    for each in ids[:0:-1]:
        s3.delete_object(Bucket=bucket, Key="a", VersionId=each)

    assert bodies == [b"1", b"2", b"3"]
    assert read(aws, bucket) == b"1"


def test_a_copy_over_itself_is_a_version_too(aws, bucket):
    """A copied version and the one that it displaces are both there."""
    s3 = aws("s3")
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"old")["VersionId"]
    s3.put_object(Bucket=bucket, Key="b", Body=b"new")
    s3.copy_object(Bucket=bucket, Key="a", CopySource=f"{bucket}/b")

    assert read(aws, bucket) == b"new"
    assert read(aws, bucket, VersionId=first) == b"old"


def test_the_servers_memory_does_not_hold_the_objects(aws, server, bucket):
    """240 MB in twelve objects, two versions each, leave less than 100 MB behind."""
    before = resident_bytes(server.process.pid)
    for place in range(24):
        aws("s3").put_object(Bucket=bucket, Key=f"o{place % 12}", Body=os.urandom(10 * MEGABYTE))

    assert resident_bytes(server.process.pid) - before < 100 * MEGABYTE
