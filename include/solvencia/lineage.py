"""Where a model comes from, as digests: data, code and image, each noted where it was used."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from solvencia import layout, raw
from solvencia.faults import PermanentFault

_PACKAGE = Path(__file__).parent
_SOURCES = (".py", ".sql", ".toml")


PROVENANCE = "provenance.json"  # beside model.json, whose digest it does not change
UNKNOWN = "not recorded"
SOURCES = "sources"
_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/([^:@]+):([^:@]+)")


class OtherModel(PermanentFault):
    """What was evaluated is not what this run has trained."""


class SourcesChanged(PermanentFault):
    """The raw data is not that which was there when it was prepared."""


def check_evaluated(s3: Any, artefact: str, evaluated: str) -> dict[str, str]:
    """Raise OtherModel unless the artefact at a URI is the model of that digest.

    Returns the artefact's provenance; it is empty in one that an older image has made.
    """
    place = urlsplit(artefact)
    body = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
    found: dict[str, Any] = {"model.json": {"digest": ""}, PROVENANCE: {}}
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for member in archive:
            name = str(PurePosixPath(member.name))
            content = archive.extractfile(member) if name in found else None
            if content:
                found[name] = json.load(content)
    trained = str(found["model.json"]["digest"])
    if trained != evaluated:
        raise OtherModel(
            f"{artefact} is model {trained[:12]}, but the period's evaluation is of "
            f"{evaluated[:12]}, which another run has written: clear `find_champion` of this run "
            "and what follows"
        )
    return dict(found[PROVENANCE])


def describe_image(portfolio: str) -> dict[str, str]:
    """Return the digests of the image that runs this: its code, and that with its libraries."""
    code, whole = code_digest(portfolio), hashlib.sha256()
    installed = sorted(f"{each.name}=={each.version}".lower() for each in distributions())
    whole.update("\n".join([code, *installed]).encode())
    return {"code_digest": code, "content_digest": whole.hexdigest()}


def image_digest(ecr: Any, image: str, content: str) -> str:
    """Return the digest that an image's registry gives it; else `content:`, of what it holds."""
    if "@" in image:
        return image.rpartition("@")[2]
    found = _ECR.fullmatch(image)
    if found:
        account, repository, tag = found.groups()
        try:
            described = ecr.describe_images(
                registryId=account, repositoryName=repository, imageIds=[{"imageTag": tag}]
            )["imageDetails"]
        except (
            ecr.exceptions.ImageNotFoundException,
            ecr.exceptions.RepositoryNotFoundException,
        ):
            described = []
        if described:
            return str(described[0]["imageDigest"])
    return f"content:{content}" if content else UNKNOWN


def note_sources(s3: Any, bucket: str, portfolio: str, period: str) -> None:
    """Keep which raw manifests a period's data is about to be prepared from, and their digest."""
    sources = _sources(s3, bucket, portfolio, period)
    raw.put_json(s3, bucket, layout.report(portfolio, period, SOURCES), sources)


def check_sources(s3: Any, bucket: str, portfolio: str, period: str) -> None:
    """Raise SourcesChanged unless the raw data is still what `note_sources` has seen."""
    if read_sources(s3, bucket, portfolio, period) != _sources(s3, bucket, portfolio, period):
        raise SourcesChanged(
            f"the raw data of {portfolio} up to {period} changed while it was prepared, so nobody "
            "knows which of it was read: clear `clear_prepared` of this run and what follows"
        )


def read_sources(s3: Any, bucket: str, portfolio: str, period: str) -> dict[str, Any]:
    """Return `manifests` and `data_digest` of what a period's data was prepared from."""
    key = layout.report(portfolio, period, SOURCES)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise SourcesChanged(
            f"s3://{bucket}/{key} does not exist, so nobody knows what {period} was prepared from: "
            "clear `clear_prepared` of this run and what follows"
        ) from error
    found: dict[str, Any] = json.loads(body)
    return found


def list_manifests(s3: Any, bucket: str, portfolio: str, period: str) -> list[str]:
    """Return the keys of the raw manifests that a period's prepared data is joined from."""
    periods = [each for each in raw.list_periods(s3, bucket, portfolio) if each <= period]
    return [layout.raw_manifest(portfolio, each) for each in periods]


def data_digest(s3: Any, bucket: str, manifests: Iterable[str]) -> str:
    """Return the SHA-256 over these manifests, each of which holds its raw objects' SHA-256."""
    digest = hashlib.sha256()
    for key in manifests:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        digest.update(key.encode() + b"\0" + hashlib.sha256(body).digest())
    return digest.hexdigest()


def _sources(s3: Any, bucket: str, portfolio: str, period: str) -> dict[str, Any]:
    manifests = list_manifests(s3, bucket, portfolio, period)
    return {"manifests": manifests, "data_digest": data_digest(s3, bucket, manifests)}


@functools.cache
def code_digest(portfolio: str) -> str:
    """Return the SHA-256 over this package: its modules, and the one portfolio's folder."""
    own = layout.PORTFOLIOS / portfolio
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*")):
        is_other = layout.PORTFOLIOS in path.parents and own not in path.parents
        if path.suffix in _SOURCES and not is_other:
            name = path.relative_to(_PACKAGE).as_posix().encode()
            digest.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
