"""Training rows sent back through the API: each must score as the model scored it in batch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from local.place import Place
from resilience.bodies import JSON
from resilience.cloud import Cloud
from resilience.service import PERIOD, Served
from solvencia import layout, portfolio


def measure(place: Place, cloud: Cloud, served: Served, limit: int) -> tuple[int, list[str]]:
    """Ask for the first `limit` training rows; return how many there were, and what differs."""
    product, in_batch = portfolio.load(served.portfolio), _predict(place, cloud, served)
    names = [each.name for each in product.request_fields]
    asked, faults = 0, []
    for at, key in enumerate(str(each) for each in served.rows[product.key.name]):
        if key not in in_batch or asked >= limit:
            continue
        asked += 1
        raw = json.dumps({name: served.rows[name][at] for name in names}).encode()
        headers = {"Content-Type": JSON, "Idempotency-Key": f"skew-{key}"}
        answer = cloud.ask_until_free("POST", f"/v1/{product.name}/score", raw, headers)
        if answer.status != 200 or answer.json["pd"] != in_batch[key]:
            faults.append(f"{product.name} {key}: {answer.status}, or another PD than in batch")
    return asked, faults


def _predict(place: Place, cloud: Cloud, served: Served) -> dict[str, float]:
    """Return the PDs of the training rows by the model itself, by key."""
    folder = place.build / "resilience" / "skew" / served.portfolio
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("train", "model"):
        (folder / name).mkdir(parents=True)
    prefix = layout.cleaned_split(served.portfolio, PERIOD, "train")
    for number, key in enumerate(_keys(cloud, prefix)):
        _fetch(cloud, cloud.settings.data_bucket, key, folder / "train" / f"{number}.parquet")
    bucket, _, key = served.artefact.removeprefix("s3://").partition("/")
    _fetch(cloud, bucket, key, folder / "model.tar.gz")
    with tarfile.open(folder / "model.tar.gz") as archive:
        archive.extractall(folder / "model", filter="data")
    done = subprocess.run(  # noqa: S603 - our own module
        [place.python("model"), "-m", "resilience.batch", str(folder)],
        env={**os.environ, "PYTHONPATH": f"{place.root}{os.pathsep}{place.root / 'include'}"},
        capture_output=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _keys(cloud: Cloud, prefix: str) -> Iterator[str]:
    pages = cloud.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=cloud.settings.data_bucket, Prefix=prefix):
        yield from (each["Key"] for each in page.get("Contents", []))


def _fetch(cloud: Cloud, bucket: str, key: str, target: Path) -> None:
    target.write_bytes(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
