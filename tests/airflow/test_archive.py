"""The archive: verified copies in a Glacier class, and raw rebuilt from them."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid

import pytest

from solvencia import archive, extract, layout, raw

PERIOD = "2026-10"


@pytest.fixture
def vault(s3):
    """A bucket for archive copies."""
    name = f"vault-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def ingested(warehouse, s3, bucket, product, tmp_path):
    """One ingested period; its manifest."""
    return extract.ingest(warehouse, s3, bucket, product, PERIOD, tmp_path)


def test_every_object_is_archived_with_its_checksum(ingested, s3, bucket, vault, product):
    """Objects and manifest lie in Glacier under their own keys, with the SHA-256 of raw."""
    counts = archive.archive(s3, bucket, vault, product, [PERIOD])

    entry = ingested["tables"]["income"]["objects"][0]
    head = s3.head_object(Bucket=vault, Key=entry["key"], ChecksumMode="ENABLED")
    assert counts == {"copied": 6, "kept": 0}
    assert head["StorageClass"] == "GLACIER"
    assert base64.b64decode(head["ChecksumSHA256"]).hex() == entry["sha256"]
    assert raw.list_keys(s3, vault, "") == raw.list_keys(s3, bucket, "")


def test_what_is_archived_already_is_left_alone(ingested, s3, bucket, vault, product):
    """A second run copies nothing: early deletion from Glacier is billed."""
    archive.archive(s3, bucket, vault, product, [PERIOD])

    counts = archive.archive(s3, bucket, vault, product, [PERIOD])

    assert counts == {"copied": 0, "kept": 6}


def test_a_damaged_source_is_not_archived_unnoticed(ingested, s3, bucket, vault, product):
    """A raw object that is not what its manifest says stops the task, and is named."""
    key = ingested["tables"]["bureau"]["objects"][0]["key"]
    s3.put_object(Bucket=bucket, Key=key, Body=b"changed by hand")

    with pytest.raises(archive.ChecksumMismatch, match=f"s3://{vault}/{key}"):
        archive.archive(s3, bucket, vault, product, [PERIOD])


def test_a_period_without_a_manifest_is_not_archived(s3, bucket, vault, product):
    """A period that was never ingested is named with the DAGs that bring it."""
    with pytest.raises(raw.MissingPeriod, match=r"2026-10.*ingest_consumer_credit"):
        archive.archive(s3, bucket, vault, product, [PERIOD])


def test_raw_is_rebuilt_from_the_archive(ingested, s3, bucket, vault, product):
    """After the thaw the period is back, byte for byte, and what did not belong there is gone."""
    archive.archive(s3, bucket, vault, product, [PERIOD])
    before = {
        key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in raw.list_keys(s3, bucket, "")
    }
    raw.remove_others(s3, bucket, product, PERIOD)
    s3.put_object(
        Bucket=bucket,
        Key=layout.raw_partition(product.name, "income", PERIOD) + "other.parquet",
        Body=b"?",
    )

    asked = archive.request_restore(s3, vault, product, PERIOD)
    was_ready = archive.is_restored(s3, vault, product, PERIOD)
    deadline = time.monotonic() + 20
    while not archive.is_restored(s3, vault, product, PERIOD):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    manifest = archive.rebuild(s3, bucket, vault, product, PERIOD)

    after = {
        key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in raw.list_keys(s3, bucket, "")
    }
    assert (asked, was_ready) == (6, False)
    assert manifest == ingested
    assert after == before


def test_a_period_that_was_never_archived_is_named(s3, vault, product):
    """There is nothing to thaw, and the error says where it looked."""
    with pytest.raises(archive.NotArchived, match="period=2026-10"):
        archive.request_restore(s3, vault, product, PERIOD)


def test_a_copy_in_pieces_is_verified_by_its_composite_checksum():
    """S3's checksum of a multipart object is that of its pieces' digests, not of its bytes."""
    stream = [b"abcde", b"fgh"]

    digest, composite = archive.composite_checksum(stream, piece_bytes=3)

    pieces = b"".join(hashlib.sha256(piece).digest() for piece in (b"abc", b"def", b"gh"))
    assert digest == hashlib.sha256(b"abcdefgh").hexdigest()
    assert composite == base64.b64encode(hashlib.sha256(pieces).digest()).decode() + "-3"
