"""S3 Glacier classes as S3 has them: archived objects are not copied, copied parts have checksums.

Hooks: `s3._copy_object` and `_upload_part_copy` of the emulator, which refuses to read an
archived object but copies it, and keeps no checksum of copied parts; how long its restores
take; and `_persist_object`, which keeps every version's content in memory beside its file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import SubElement, fromstring, tostring

from ministack.services import s3

from local.aws.config import Config

RESTORE_SECONDS = 1.0


def install(config: Config, restore_seconds: float = RESTORE_SECONDS) -> None:
    """Refuse copies of archived objects; restores take `restore_seconds`."""
    s3._RESTORE_DELAY_SECONDS = restore_seconds
    s3._copy_object = _unless_archived(s3._copy_object)
    s3._upload_part_copy = _with_checksum(_unless_archived(s3._upload_part_copy))
    s3._persist_object = _on_disk_alone(s3._persist_object)


def _unless_archived(copy: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(bucket_name: str, key: str, *arguments: Any) -> Any:
        headers = arguments[-1]
        source = unquote(headers.get("x-amz-copy-source", "").lstrip("/").partition("?")[0])
        bucket, _, name = source.partition("/")
        found = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(name) or {}
        storage_class = found.get("storage_class")
        is_archived = storage_class in s3._ARCHIVE_STORAGE_CLASSES
        if is_archived and s3._sync_restore(bucket, name, found) != "restored":
            return s3._invalid_object_state(bucket, name, storage_class)
        return copy(bucket_name, key, *arguments)

    return guarded


def _on_disk_alone(persist: Callable[..., None]) -> Callable[..., None]:
    """Let go of the contents that a file holds: the current version's, and every displaced one."""

    def persisted(bucket: str, key: str, record: Any) -> None:
        persist(bucket, key, record)
        if not isinstance(record, dict) or record.get("body") is not None:
            return
        for each in s3._object_versions.get((bucket, key)) or ():
            is_current = each["version_id"] == (record.get("version_id") or "null")
            if is_current or s3._version_file_exists(bucket, key, each["version_id"]):
                each["data"] = None

    return persisted


def _with_checksum(copy: Callable[..., Any]) -> Callable[..., Any]:
    def checked(bucket_name: str, key: str, query: Any, headers: Any) -> Any:
        status, answered, body = copy(bucket_name, key, query, headers)
        if status != 200:
            return status, answered, body
        upload = s3._multipart_uploads[s3._qp(query, "uploadId")]
        part = upload["parts"][int(s3._qp(query, "partNumber", "1"))]
        part["checksums"], _ = s3._resolve_part_checksums(part["body"], {}, upload)
        root = fromstring(body)  # noqa: S314 - written by this process
        for algorithm, value in part["checksums"].items():
            SubElement(root, f"Checksum{algorithm}").text = value
        return status, answered, tostring(root)

    return checked
