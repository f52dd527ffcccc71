"""Objects of the local S3, read in place as the files they are."""

from __future__ import annotations

import bisect
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse
from xml.etree.ElementTree import fromstring

from ministack.services import s3

from local.aws.iam import gate


class StorageFault(RuntimeError):
    """The local S3 refused a write, or keeps an object in memory only."""


@dataclass(frozen=True)
class StoredObject:
    """One object below a location: `name` is relative to it, `path` is the file on disk."""

    name: str
    path: str
    size: int


class Listing:
    """The keys of each bucket as they were when a query or a crawl first looked at it."""

    def __init__(self) -> None:
        self._keys: dict[str, list[str]] = {}

    def below(self, location: str) -> list[StoredObject]:
        """Return the readable objects under an `s3://` location, sorted by key.

        Hidden names (`_…`, `.…`), empty folder marks and archived objects are left out, as
        Athena and Glue do.
        """
        bucket, prefix = split(folder(location))
        if bucket not in s3._buckets:
            raise StorageFault(f"NoSuchBucket: {bucket} of {location} does not exist")
        gate.require("s3:ListBucket", f"arn:aws:s3:::{bucket}", s3_prefix=prefix)
        records = s3._buckets[bucket]["objects"]
        keys = self._keys.setdefault(bucket, sorted(list(records)))
        start = bisect.bisect_left(keys, prefix)
        end = bisect.bisect_left(keys, prefix[:-1] + chr(ord("/") + 1)) if prefix else len(keys)
        found = []
        for key in keys[start:end]:
            name = key[len(prefix) :]
            record = records.get(key)
            if record is None or key.endswith("/") or _is_hidden(name):
                continue
            if record.get("storage_class") not in s3._ARCHIVE_STORAGE_CLASSES:
                gate.require("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
                found.append(StoredObject(name, file_of(bucket, key), record["size"]))
        return found


def file_of(bucket: str, key: str) -> str:
    """Return the path of an object's file; StorageFault if it is not kept on disk."""
    path = s3._object_disk_path(bucket, key)
    if path is None or not os.path.isfile(path):
        raise StorageFault(f"s3://{bucket}/{key} is not a file: start the server with S3_PERSIST=1")
    return str(path)


def bucket_exists(location: str) -> bool:
    """Whether the bucket of an `s3://` location is there."""
    return split(location)[0] in s3._buckets


def require_location(location: str) -> None:
    """Raise AccessDenied unless whoever acts may ask where a location's bucket is."""
    gate.require("s3:GetBucketLocation", f"arn:aws:s3:::{split(location)[0]}")


def put(uri: str, data: bytes, content_type: str = "application/octet-stream") -> None:
    """Write one object through the S3 service, so events, checksums and versions hold."""
    bucket, key = split(uri)
    gate.require("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    headers = {"content-type": content_type, "content-length": str(len(data))}
    status, _, body = s3._put_object(bucket, key, data, headers)
    if status >= 300:
        error = fromstring(body)  # noqa: S314 - written by this process
        raise StorageFault(f"{error.findtext('Code')}: {error.findtext('Message')} ({uri})")


def put_all(files: dict[str, Path]) -> None:
    """Write files to their URIs; if one is refused, none of them stays."""
    written: list[str] = []
    try:
        for uri, path in files.items():
            put(uri, path.read_bytes())
            written.append(uri)
    except (StorageFault, gate.AccessDenied):
        delete(written)
        raise


def delete(uris: list[str]) -> None:
    """Remove objects again."""
    for uri in uris:
        s3._delete_object(*split(uri))


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of an `s3://` URI."""
    parts = urlparse(uri, allow_fragments=False)
    return parts.netloc, parts.path.lstrip("/")


def folder(location: str) -> str:
    """Return the location with one slash at its end."""
    return location.rstrip("/") + "/"


def _is_hidden(name: str) -> bool:
    return any(part.startswith(("_", ".")) for part in name.split("/"))
