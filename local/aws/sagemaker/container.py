"""SageMaker's container contract without Docker: an image is the model environment's Python.

A container sees its own folder at /opt/ml; where the machine forbids mounts it finds that folder in
`SAGEMAKER_BASE_DIR` instead.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from local.aws import children
from local.aws.clients import ServiceError, client, split_uri
from local.aws.config import REGION, Config
from local.aws.iam.identity import acting

BASE = Path("/opt/ml")


class Containers:
    """Starts containers of one embedded AWS, each in a scratch folder of its own."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.work = config.work / "sagemaker"
        self.work.mkdir(parents=True, exist_ok=True)
        self.is_mounted = children.can_mount(self.work, BASE)

    def folder(self, name: str) -> Path:
        """Create the folder that a new container finds at /opt/ml."""
        root = self.work / f"{name}-{uuid.uuid4().hex[:8]}"
        for each in ("input/config", "input/data", "model", "output/data"):
            (root / each).mkdir(parents=True)
        return root

    def command(
        self,
        image: str,
        arguments: Sequence[str],
        entrypoint: Sequence[str] = (),
    ) -> list[str]:
        """Return what a container of this image runs; ServiceError names an unknown image."""
        repository = re.sub(r"(:[^/:]+)?(@[^/@]+)?$", "", image).rpartition("/")[2]
        if not repository.endswith("-model"):
            raise ServiceError(
                "ValidationException",
                f"There is no image {image!r} here: the embedded AWS runs images whose "
                "repository name ends in -model",
            )
        python = str(self.config.model_python)
        if not entrypoint:
            return [python, *self.config.model_entry, *arguments]
        program = python if entrypoint[0] in ("python", "python3") else entrypoint[0]
        return [program, *entrypoint[1:], *arguments]

    def start(
        self, root: Path, command: Sequence[str], environment: Mapping[str, Any]
    ) -> subprocess.Popen[Any]:
        """Start a container whose /opt/ml is `root`; its output is a pipe."""
        python = self.config.model_python
        env = {
            "PATH": f"{python.parent}{os.pathsep}{os.defpath}",
            "HOME": str(root),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONPATH": self.config.model_path,
            "PYTHONUNBUFFERED": "1",
            "AWS_ENDPOINT_URL": self.config.url,
            **_credentials(),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **{name: str(value) for name, value in environment.items()},
        }
        if not self.is_mounted:
            env["SAGEMAKER_BASE_DIR"] = str(root)
        return children.spawn(
            command,
            env=env,
            cwd=root,
            mounts={root: BASE} if self.is_mounted else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def _credentials() -> dict[str, str]:
    """Where a container fetches the credentials of its role, as on AWS; else the root key."""
    identity = acting()
    if identity:
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": identity.uri}
    return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def inside(root: Path, path: str) -> Path:
    """Where a container's path below /opt/ml lies on this machine; ServiceError if outside it."""
    pure = PurePosixPath(path)
    if not pure.is_relative_to(PurePosixPath(BASE)) or ".." in pure.parts:
        raise ServiceError("ValidationException", f"{path} is not below {BASE}: use a path in it")
    return root / pure.relative_to(PurePosixPath(BASE))


def download(uri: str, folder: Path) -> int:
    """Copy every object of an S3Prefix, keeping paths below the prefix; return their number."""
    bucket, prefix = split_uri(uri)
    start = len(prefix) if prefix.endswith("/") else prefix.rfind("/") + 1
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    if not prefix.endswith("/") and any(key.startswith(f"{prefix}/") for key in keys):
        keys = [key for key in keys if key.startswith(f"{prefix}/")]
        start = len(prefix) + 1
    files = [key for key in keys if not key.endswith("/")]
    if not files:
        raise ServiceError("ClientError", f"There is no object under {uri}: check the S3 URI")
    for key in files:
        target = folder / key[start:]
        if not target.resolve().is_relative_to(folder.resolve()):
            raise ServiceError("ClientError", f"The object {key} of {bucket} leaves its channel")
        target.parent.mkdir(parents=True, exist_ok=True)
        body = client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        with target.open("wb") as file:
            shutil.copyfileobj(body, file, 1 << 20)
    return len(files)


def upload(folder: Path, uri: str) -> None:
    """Copy every file of a folder below an S3 URI."""
    bucket, prefix = split_uri(uri)
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        key = "/".join(filter(None, (prefix.rstrip("/"), path.relative_to(folder).as_posix())))
        with path.open("rb") as file:
            client("s3").put_object(Bucket=bucket, Key=key, Body=file)


def pack(folder: Path, archive: Path) -> None:
    """Write a .tar.gz whose bytes depend on names and contents alone."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        member.mode = 0o755 if member.isdir() else 0o644
        return member

    archive.parent.mkdir(parents=True, exist_ok=True)
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, path.relative_to(folder).as_posix(), recursive=False, filter=plain)


def unpack(uri: str, folder: Path) -> None:
    """Unpack a .tar.gz in S3 into a folder; ServiceError names an archive that cannot be read."""
    bucket, key = split_uri(uri)
    archive = folder.parent / "model.tar.gz"
    try:
        with archive.open("wb") as file:
            shutil.copyfileobj(client("s3").get_object(Bucket=bucket, Key=key)["Body"], file)
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (client("s3").exceptions.ClientError, tarfile.TarError, OSError) as error:
        raise ServiceError("ValidationException", f"Cannot read {uri}: {error}") from error
    archive.unlink()
