"""MWAA's files in the code bucket: below a prefix that plugins, requirements and startup decide.

A change of one of them gives a new prefix, which the environment is then updated to, its DAGs
moving along; a change of DAGs alone is synchronized below the prefix, where MWAA finds it itself.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployment import archive
from deployment.artefacts import Artefacts, MissingArtefact

FILES = ("plugins.zip", "requirements.txt")


def upload(artefacts: Artefacts, bundles: Path, settings: Mapping[str, str]) -> str:
    """Bring the bundles into the bucket; return their prefix.

    `settings` are the SOLVENCIA_* that every worker gets. Raises MissingArtefact.
    """
    startup = startup_script(settings)
    digest = hashlib.sha256(startup)
    for name in FILES:
        digest.update(recorded(bundles, name).encode())
    prefix = f"airflow/{digest.hexdigest()[:16]}"
    for name in FILES:
        artefacts.upload_file(bundles / name, f"{prefix}/{name}")
    artefacts.s3.put_object(Bucket=artefacts.bucket, Key=f"{prefix}/startup.sh", Body=startup)
    changed, removed = synchronize(
        artefacts.s3, artefacts.bucket, f"{prefix}/dags/", bundles / "dags.zip"
    )
    artefacts.say(f"DAG folder: {changed} files written, {removed} removed")
    return prefix


def startup_script(settings: Mapping[str, str]) -> bytes:
    """Return the script that MWAA runs on every worker, scheduler and web server first."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(settings.items())]
    return "\n".join(["#!/bin/sh", *lines, ""]).encode()


def synchronize(s3: Any, bucket: str, prefix: str, bundle: Path) -> tuple[int, int]:
    """Make the objects below a prefix the bundle's files; return how many it wrote and removed."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    there = {
        each["Key"]: each["ETag"].strip('"') for page in pages for each in page.get("Contents", [])
    }
    changed = 0
    with zipfile.ZipFile(bundle) as files:
        wanted = {f"{prefix}{name}" for name in files.namelist()}
        for name in sorted(files.namelist()):
            body = files.read(name)
            if there.get(prefix + name) != hashlib.md5(body, usedforsecurity=False).hexdigest():
                s3.put_object(Bucket=bucket, Key=prefix + name, Body=body)
                changed += 1
    removed = sorted(there.keys() - wanted)
    for key in removed:
        s3.delete_object(Bucket=bucket, Key=key)
    return changed, len(removed)


def recorded(bundles: Path, name: str) -> str:
    """Return a bundle's SHA-256 from `checksums.json`, held against the file."""
    record = bundles / "checksums.json"
    found = json.loads(record.read_text()) if record.is_file() else {}
    digest = str(found.get(name, {}).get("sha256", ""))
    if not digest or archive.file_digest(bundles / name) != digest:
        raise MissingArtefact(bundles / name)
    return digest
