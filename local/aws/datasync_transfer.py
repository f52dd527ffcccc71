"""One DataSync transfer: the changed files of a folder, copied to S3 and verified there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.aws.clients import client, split_uri


class TransferFault(Exception):
    """A transfer cannot go on; the message is the execution's ErrorDetail."""


@dataclass(frozen=True)
class Transfer:
    """Copies from an NFS location to an S3 location; `record` is the execution it reports to."""

    exports: Path
    source: str
    target: str
    record: dict[str, Any]

    def run(self) -> None:
        """Copy and verify; raise TransferFault with what is wrong and what to do."""
        self._enter("LAUNCHING")
        folder = self._folder()
        bucket, prefix = split_uri(self.target)
        if self.record["Options"].get("PreserveDeletedFiles", "PRESERVE") != "PRESERVE":
            raise TransferFault("PreserveDeletedFiles=REMOVE is not run here: use PRESERVE")
        self._enter("PREPARING")
        found = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        digests = {name: _md5(path) for name, path in found.items() if self._is_chosen(name)}
        present = _etags(bucket, prefix)
        is_all = self.record["Options"].get("TransferMode") == "ALL"
        changed = [
            name
            for name, digest in digests.items()
            if is_all
            or present.get(f"{prefix}{name}") != (f'"{digest}"', found[name].stat().st_size)
        ]
        sizes = {name: found[name].stat().st_size for name in changed}
        self.record.update(
            EstimatedFilesToTransfer=len(changed),
            EstimatedBytesToTransfer=sum(sizes.values()),
            FilesTransferred=0,
            BytesTransferred=0,
            BytesWritten=0,
        )
        self._enter("TRANSFERRING")
        for name in changed:
            self._check_cancelled()
            with found[name].open("rb") as file:
                client("s3").put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=file)
            self.record["FilesTransferred"] += 1
            self.record["BytesTransferred"] += sizes[name]
            self.record["BytesWritten"] += sizes[name]
        self._enter("VERIFYING")
        written = _etags(bucket, prefix)
        for name in changed:
            if written.get(f"{prefix}{name}") != (f'"{digests[name]}"', sizes[name]):
                text = f"{name} changed during the transfer to {self.target}: start the task again"
                raise TransferFault(text)

    def _folder(self) -> Path:
        below = urlsplit(self.source).path.strip("/")
        folder = (self.exports / below).resolve()
        if not folder.is_relative_to(self.exports.resolve()) or not folder.is_dir():
            raise TransferFault(
                f"{self.source} does not exist: there is no folder {below!r} in the exports "
                "folder, which the lender's export fills"
            )
        return folder

    def _is_chosen(self, name: str) -> bool:
        def matches(key: str) -> bool:
            patterns = [
                pattern.strip("/")
                for each in self.record[key]
                for pattern in each["Value"].split("|")
            ]
            return any(
                fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}/*")
                for pattern in patterns
            )

        return (not self.record["Includes"] or matches("Includes")) and not matches("Excludes")

    def _enter(self, status: str) -> None:
        self._check_cancelled()
        self.record["Status"] = status

    def _check_cancelled(self) -> None:
        if self.record["Status"] == "CANCELLING":
            raise TransferFault(f"The transfer to {self.target} was cancelled")


def _etags(bucket: str, prefix: str) -> dict[str, tuple[str, int]]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        each["Key"]: (each["ETag"], each["Size"])
        for page in pages
        for each in page.get("Contents", [])
    }


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
