"""Archive copies in an S3 Glacier storage class, and the way back to raw.

A copy carries a SHA-256 that S3 computed while writing it; it is held against the manifest.
Up to 5 GB one request copies an object, and its checksum is that of the whole object. Above, the
copy goes in pieces and S3 keeps a checksum of the pieces' checksums (`…-N`), which says nothing
by itself: there the source is read once more, and both its own digest and that composite are
computed and compared. A store that gives no checksum at all is refused.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from solvencia import layout, raw
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio

STORAGE_CLASS = "GLACIER"
COLD = ("GLACIER", "DEEP_ARCHIVE")
COPIES_AT_ONCE = 8
COPY_OBJECT_LIMIT = 5 * 2**30  # bytes; S3 copies no more in one request
PIECE_BYTES = 512 * 2**20
RESTORED_DAYS = 3
HASH_BYTES = 1 << 20


class ChecksumMismatch(PermanentFault):
    """A copy's SHA-256 is not the manifest's: copy or source is damaged."""

    def __init__(self, uri: str, found: str, expected: str) -> None:
        super().__init__(
            f"{uri} has SHA-256 {found or '(none)'}, expected {expected} (base64). The object was "
            "changed after its manifest was written, or the copy broke: ingest or deliver the "
            "period again, then archive it; keep the archive's last good copy until then."
        )


class NotArchived(PermanentFault):
    """The archive holds no manifest, or not every object, of a period."""

    def __init__(self, uri: str) -> None:
        super().__init__(f"{uri} is not in the archive: archive the period, or ingest it again")


def archive(
    s3: Any,
    data_bucket: str,
    archive_bucket: str,
    portfolio: Portfolio,
    periods: Iterable[str],
    copy_limit: int = COPY_OBJECT_LIMIT,
) -> dict[str, int]:
    """Copy the periods' raw objects and manifests, several at a time; return counts.

    What lies there with the same checksum is left alone (Glacier bills early deletion). A period's
    manifest is copied after its objects. Raises MissingPeriod or ChecksumMismatch.
    """

    def copy_period(period: str) -> list[bool]:
        manifest = raw.read_manifest(s3, data_bucket, portfolio.name, period)
        wanted = [*_objects(manifest), _manifest_entry(s3, data_bucket, portfolio.name, period)]
        return [_copy_in(s3, data_bucket, archive_bucket, each, copy_limit) for each in wanted]

    with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
        copied = [each for done in pool.map(copy_period, list(periods)) for each in done]
    return {"copied": sum(copied), "kept": len(copied) - sum(copied)}


def request_restore(s3: Any, archive_bucket: str, portfolio: Portfolio, period: str) -> int:
    """Ask S3 for readable copies of a period's archived objects; return how many it must thaw."""
    asked = 0
    for key in _archived_keys(s3, archive_bucket, portfolio, period):
        if _is_readable(s3, archive_bucket, key):
            continue
        try:
            s3.restore_object(
                Bucket=archive_bucket,
                Key=key,
                RestoreRequest={
                    "Days": RESTORED_DAYS,
                    "GlacierJobParameters": {"Tier": "Standard"},
                },
            )
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "RestoreAlreadyInProgress":
                raise
        asked += 1
    return asked


def is_restored(s3: Any, archive_bucket: str, portfolio: Portfolio, period: str) -> bool:
    """Whether every archived object of the period can be read now (hours after the request)."""
    keys = _archived_keys(s3, archive_bucket, portfolio, period)
    return all([_is_readable(s3, archive_bucket, key) for key in keys])


def rebuild(
    s3: Any,
    data_bucket: str,
    archive_bucket: str,
    portfolio: Portfolio,
    period: str,
    copy_limit: int = COPY_OBJECT_LIMIT,
) -> dict[str, Any]:
    """Copy a restored period back over raw, verified, manifest last; return the manifest.

    As in `raw.publish`, the old manifest goes first: half a period never looks whole.
    """
    target = layout.raw_manifest(portfolio.name, period)
    body = s3.get_object(Bucket=archive_bucket, Key=layout.archived(target))["Body"].read()
    s3.delete_object(Bucket=data_bucket, Key=target)
    manifest = raw.parse_manifest(body)
    try:
        for each in _objects(manifest):
            source = (archive_bucket, layout.archived(each["key"]))
            _copy(s3, source, (data_bucket, each["key"]), "STANDARD", each, copy_limit)
    except BaseException:
        raw.remove_others(s3, data_bucket, portfolio, period)
        raise
    wanted = {each["key"] for each in _objects(manifest)}
    raw.remove_others(s3, data_bucket, portfolio, period, wanted)
    s3.put_object(Bucket=data_bucket, Key=target, Body=body, ChecksumAlgorithm="SHA256")
    return manifest


def composite_checksum(chunks: Iterable[bytes], piece_bytes: int) -> tuple[str, str]:
    """Return (SHA-256 in hexadecimal, S3's composite checksum) of a stream cut into pieces."""
    whole, digests, left = hashlib.sha256(), [], 0
    for piece in chunks:
        whole.update(piece)
        rest = memoryview(piece)
        while rest:
            if left == 0:
                digests.append(hashlib.sha256())
                left = piece_bytes
            digests[-1].update(rest[:left])
            rest, left = rest[left:], left - len(rest[:left])
    joined = hashlib.sha256(b"".join(each.digest() for each in digests)).digest()
    return whole.hexdigest(), f"{base64.b64encode(joined).decode()}-{len(digests)}"


def _copy_in(
    s3: Any, data_bucket: str, archive_bucket: str, entry: dict[str, Any], copy_limit: int
) -> bool:
    """Copy one object unless it is there already; return whether it was copied."""
    key = layout.archived(entry["key"])
    if entry["bytes"] <= copy_limit and _checksum(s3, archive_bucket, key) == _base64(entry):
        return False
    source = (data_bucket, entry["key"])
    _copy(s3, source, (archive_bucket, key), STORAGE_CLASS, entry, copy_limit)
    return True


def _copy(
    s3: Any,
    source: tuple[str, str],
    target: tuple[str, str],
    storage_class: str,
    entry: dict[str, Any],
    copy_limit: int,
) -> None:
    from boto3.s3.transfer import TransferConfig

    piece_bytes = min(PIECE_BYTES, copy_limit)
    s3.copy(
        {"Bucket": source[0], "Key": source[1]},
        *target,
        ExtraArgs={"StorageClass": storage_class, "ChecksumAlgorithm": "SHA256"},
        Config=TransferConfig(multipart_threshold=copy_limit + 1, multipart_chunksize=piece_bytes),
    )
    expected = _base64(entry)
    if entry["bytes"] > copy_limit:
        body = s3.get_object(Bucket=source[0], Key=source[1])["Body"]
        digest, composite = composite_checksum(body.iter_chunks(HASH_BYTES), piece_bytes)
        if digest != entry["sha256"]:
            raise ChecksumMismatch(f"s3://{source[0]}/{source[1]}", digest, entry["sha256"])
        expected = composite
    found = _checksum(s3, *target)
    if found != expected:
        raise ChecksumMismatch(f"s3://{target[0]}/{target[1]}", found, expected)


def _checksum(s3: Any, bucket: str, key: str) -> str:
    """Return the SHA-256 that S3 keeps with an object; empty where there is no object or none."""
    try:
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return ""
        raise
    return str(head.get("ChecksumSHA256", ""))


def _is_readable(s3: Any, bucket: str, key: str) -> bool:
    head = s3.head_object(Bucket=bucket, Key=key)
    if head.get("StorageClass", "STANDARD") not in COLD:
        return True
    return 'ongoing-request="false"' in head.get("Restore", "")


def _archived_keys(s3: Any, archive_bucket: str, portfolio: Portfolio, period: str) -> list[str]:
    """Return the period's keys in the archive, listed there: its manifest is frozen as well."""
    found = []
    for table in portfolio.tables:
        prefix = layout.archived(layout.raw_partition(portfolio.name, table, period))
        keys = raw.list_keys(s3, archive_bucket, prefix)
        if not keys:
            raise NotArchived(f"s3://{archive_bucket}/{prefix}")
        found += keys
    manifest = layout.archived(layout.raw_manifest(portfolio.name, period))
    if not _checksum(s3, archive_bucket, manifest):
        raise NotArchived(f"s3://{archive_bucket}/{manifest}")
    return [*found, manifest]


def _objects(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for table in manifest["tables"].values():
        yield from table["objects"]


def _manifest_entry(s3: Any, bucket: str, portfolio: str, period: str) -> dict[str, Any]:
    key = layout.raw_manifest(portfolio, period)
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return {"key": key, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def _base64(entry: dict[str, Any]) -> str:
    return base64.b64encode(bytes.fromhex(entry["sha256"])).decode()
