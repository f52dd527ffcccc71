"""Objects of a batch in S3, written and read as streams: what is in memory is one block."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

BLOCK_BYTES = 1 << 20
PART_BYTES = 8 << 20  # S3 takes 5 MiB or more, but for an upload's last part


class Upload:
    """A file that is written to S3 while it grows; an exception leaves nothing behind."""

    def __init__(self, s3: Any, bucket: str, key: str, content_type: str) -> None:
        self.s3 = s3
        self.place = {"Bucket": bucket, "Key": key}
        self.content_type = content_type
        self.held = bytearray()
        self.upload_id = ""
        self.parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> int:
        """Take bytes; send a part when there are enough."""
        self.held += data
        if len(self.held) >= PART_BYTES:
            self._send()
        return len(data)

    def flush(self) -> None:
        """Nothing: a part goes when it is large enough."""

    def _send(self) -> None:
        if not self.upload_id:
            made = self.s3.create_multipart_upload(**self.place, ContentType=self.content_type)
            self.upload_id = made["UploadId"]
        number = len(self.parts) + 1
        sent = self.s3.upload_part(
            **self.place, UploadId=self.upload_id, PartNumber=number, Body=bytes(self.held)
        )
        self.parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self.held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            if self.upload_id:
                self.s3.abort_multipart_upload(**self.place, UploadId=self.upload_id)
        elif self.upload_id:
            if self.held:
                self._send()
            self.s3.complete_multipart_upload(
                **self.place, UploadId=self.upload_id, MultipartUpload={"Parts": self.parts}
            )
        else:
            self.s3.put_object(**self.place, ContentType=self.content_type, Body=bytes(self.held))


class JsonLines:
    """Rows into a gzipped object of JSON lines; the same rows give the same bytes."""

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self.upload = Upload(s3, bucket, key, "application/gzip")
        self.packed = gzip.GzipFile("", "wb", 3, self.upload, mtime=0)

    def add(self, row: Mapping[str, Any]) -> None:
        """Write one row."""
        self.packed.write(encode(row))

    def __enter__(self) -> Self:
        self.upload.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.packed.close()
        self.upload.__exit__(kind, error, trace)


def encode(row: Mapping[str, Any]) -> bytes:
    """Return one JSON line."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode(errors="backslashreplace") + b"\n"


def read_lines(s3: Any, bucket: str, key: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of an object of JSON lines."""
    rest = b""
    for block in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(BLOCK_BYTES):
        *whole, rest = (rest + block).split(b"\n")
        yield from map(json.loads, whole)
    if rest:
        yield json.loads(rest)


def read_json(s3: Any, bucket: str, key: str) -> Any:
    """Return an object's JSON value."""
    return json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])


def write_json(s3: Any, bucket: str, key: str, value: Mapping[str, Any]) -> None:
    """Write an object of JSON that a person can read."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    s3.put_object(Bucket=bucket, Key=key, ContentType="application/json", Body=text.encode())


def measure(s3: Any, bucket: str, key: str) -> tuple[int, str]:
    """Return an object's bytes and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    for block in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
