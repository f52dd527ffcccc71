"""Where a model comes from, as digests: the data that was read and the code that read it."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from solvencia import layout, raw
from solvencia.faults import PermanentFault

_PACKAGE = Path(__file__).parent
_SOURCES = (".py", ".sql", ".toml")


class OtherModel(PermanentFault):
    """What was evaluated is not what this run has trained."""


def check_evaluated(s3: Any, artefact: str, evaluated: str) -> None:
    """Raise OtherModel unless the artefact at a URI is the model of that digest."""
    place = urlsplit(artefact)
    body = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
    trained = ""
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for member in archive:
            if PurePosixPath(member.name) == PurePosixPath("model.json"):
                content = archive.extractfile(member)
                trained = str(json.load(content)["digest"]) if content else ""
    if trained != evaluated:
        raise OtherModel(
            f"{artefact} is model {trained[:12]}, but the period's evaluation is of "
            f"{evaluated[:12]}, which another run has written: clear `find_champion` of this run "
            "and what follows"
        )


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
