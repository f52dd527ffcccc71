"""What the view shows, read from SageMaker's registry, the endpoint and the model bucket."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from solvencia import layout
from solvencia.settings import Settings

CACHE_SECONDS = 5.0
VERSIONS_MAX = 60  # of one page; each costs a request
_LISTED_AT_ONCE = 100  # of one answer of SageMaker
DESCRIBED_AT_ONCE = 8
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_FOLDERS = ("evidence", "evaluation")
TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
}


class NotKept(LookupError):
    """No such file is kept of a version, or none that may be shown."""


@dataclass(frozen=True)
class Version:
    """One registered version; a metric is None where the registry does not hold it."""

    name: str
    arn: str
    status: str
    created_at: datetime
    description: str
    metadata: Mapping[str, str]

    def number(self, metric: str) -> float | None:
        """Return a metric of the registry."""
        try:
            return float(self.metadata[metric])
        except (KeyError, ValueError):
            return None

    @property
    def refusals_count(self) -> int:
        """How many rules of the gate refused it."""
        return int(self.number("refusals_count") or 0)


@dataclass(frozen=True)
class Live:
    """What the endpoint serves."""

    version: str
    status: str
    instances: int
    since: datetime


class Recent:
    """Remembers what a function returned for some seconds, for each key."""

    def __init__(self, seconds: float = CACHE_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._found: dict[Any, tuple[float, Any]] = {}

    def get(self, key: Any, read: Callable[[], Any]) -> Any:
        """Return what is remembered, or read it."""
        now = time.monotonic()
        with self._lock:
            self._found = {k: v for k, v in self._found.items() if now - v[0] < self._seconds}
            if key in self._found:
                return self._found[key][1]
        value = read()
        with self._lock:
            self._found[key] = (now, value)
        return value


class Registry:
    """Reads; `client` gives the AWS client of a service."""

    def __init__(self, settings: Settings, client: Callable[[str], Any]) -> None:
        self._settings = settings
        self._client = client
        self._recent = Recent()

    def versions(self, portfolio: str, page: int = 1) -> list[Version]:
        """Return one page of a portfolio's versions, the newest first."""
        first = (page - 1) * VERSIONS_MAX
        arns = [arn for _, arn in self._listed(portfolio)[first : first + VERSIONS_MAX]]
        with ThreadPoolExecutor(DESCRIBED_AT_ONCE) as pool:
            return list(pool.map(self._version, arns))

    def version(self, portfolio: str, name: str) -> Version:
        """Return a version of any age; raise NotKept for one that is not registered."""
        for known, arn in self._listed(portfolio):
            if known == name:
                return self._version(arn)
        raise NotKept(f"{name} is not among the versions of {portfolio}.")

    def names(self, portfolio: str) -> list[str]:
        """Return the names of all versions, the newest first."""
        return [name for name, _ in self._listed(portfolio)]

    def newest(self, portfolio: str) -> tuple[Version | None, int]:
        """Return a portfolio's newest version, and how many there are."""
        listed = self._listed(portfolio)
        return (self._version(listed[0][1]) if listed else None), len(listed)

    def live(self, portfolio: str) -> Live | None:
        """Return what the portfolio's endpoint serves; None where there is none."""
        found: Live | None = self._recent.get(
            ("live", portfolio), lambda: self._read_live(portfolio)
        )
        return found

    def facts(self, portfolio: str, version: str) -> dict[str, Any]:
        """Return a version's facts; raise NotKept while they are not written."""
        body = self.open(portfolio, version, "facts.json")["Body"].read()
        facts: dict[str, Any] = json.loads(body)
        return facts

    def open(self, portfolio: str, version: str, path: str) -> dict[str, Any]:
        """Return S3's answer for a file of a version; raise NotKept for all else."""
        key = file_key(portfolio, version, path)
        s3 = self._client("s3")
        try:
            found: dict[str, Any] = s3.get_object(Bucket=self._settings.model_bucket, Key=key)
        except s3.exceptions.NoSuchKey as error:
            raise NotKept(f"{path} is not kept of {version}.") from error
        return found

    def _listed(self, portfolio: str) -> list[tuple[str, str]]:
        """Return name and ARN of every version: what a summary holds, a hundred a request."""
        found: list[tuple[str, str]] = self._recent.get(
            ("listed", portfolio), lambda: self._read_list(portfolio)
        )
        return found

    def _read_list(self, portfolio: str) -> list[tuple[str, str]]:
        sagemaker = self._client("sagemaker")
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._group(portfolio),
            SortBy="CreationTime",
            SortOrder="Descending",
            PaginationConfig={"PageSize": _LISTED_AT_ONCE},
        )
        try:
            return [
                (each.get("ModelPackageDescription", ""), each["ModelPackageArn"])
                for page in pages
                for each in page["ModelPackageSummaryList"]
            ]
        except sagemaker.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":  # no such group yet
                return []
            raise

    def _version(self, arn: str) -> Version:
        def read() -> Version:
            sagemaker = self._client("sagemaker")
            return _read_version(sagemaker.describe_model_package(ModelPackageName=arn))

        found: Version = self._recent.get(("version", arn), read)
        return found

    def _read_live(self, portfolio: str) -> Live | None:
        sagemaker = self._client("sagemaker")
        try:
            found = sagemaker.describe_endpoint(EndpointName=self._settings.endpoint(portfolio))
        except sagemaker.exceptions.ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":
                return None
            raise
        variants = found.get("ProductionVariants", [])
        return Live(
            version=found["EndpointConfigName"],
            status=found["EndpointStatus"],
            instances=sum(each.get("CurrentInstanceCount", 0) for each in variants),
            since=found["LastModifiedTime"],
        )

    def _group(self, portfolio: str) -> str:
        return f"{self._settings.stack}-{portfolio.replace('_', '-')}"


def file_key(portfolio: str, version: str, path: str) -> str:
    """Return the S3 key of a version's file.

    Only what lies below the version's evidence/ and evaluation/, or its facts.json, has one;
    raises NotKept for all else.
    """
    first, *rest = path.split("/")
    is_known = (rest and first in _FOLDERS) or path == "facts.json"
    is_plain = all(_SEGMENT.fullmatch(each) for each in (first, *rest))
    has_type = path.rpartition(".")[2] in TYPES
    if not (is_known and is_plain and has_type and _VERSION.fullmatch(version)):
        raise NotKept(f"{path!r} is no file of a version.")
    return layout.version_prefix(portfolio, version) + path


def _read_version(found: Mapping[str, Any]) -> Version:
    metadata = dict(found.get("CustomerMetadataProperties", {}))
    arn = found["ModelPackageArn"]
    return Version(
        name=metadata.get("version") or arn.rpartition("model-package/")[2].replace("/", "-"),
        arn=arn,
        status=found.get("ModelApprovalStatus", "unknown"),
        created_at=found["CreationTime"],
        description=found.get("ApprovalDescription", ""),
        metadata=metadata,
    )
