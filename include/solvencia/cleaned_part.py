"""One part of the prepared data, cleaned: what the clean Lambda does around the core."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from solvencia import layout
from solvencia.cleaned_files import clean_files
from solvencia.portfolio import Portfolio
from solvencia.split import list_splits


def clean_part(
    *,
    portfolio: Portfolio,
    period: str,
    part: int,
    bucket: str,
    s3: Any,
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Clean the objects of one prepared part into its splits and the quarantine.

    `s3` is a boto3 client; `scratch` is where temporary files go (default: the system's). Every
    output object is written, with its columns typed even when it has no row; a rerun overwrites
    them. Returns {"part", "prepared", "cleaned": {split: rows}, "quarantined",
    "quarantined_by": {"field: reason": rows}}, and "declined", {"prepared", "quarantined"} of that
    decision, where the portfolio keeps it. Raises MissingColumn.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        prefix = layout.prepared_part(portfolio.name, period, part)
        files = list(_download(s3, bucket, prefix, folder))
        outputs, counts = clean_files(
            portfolio=portfolio,
            period=period,
            files=files,
            folder=folder,
            source=f"s3://{bucket}/{prefix}",
        )
        keys = {
            split: layout.cleaned_part(portfolio.name, period, split, part)
            for split in list_splits(portfolio)
        } | {"quarantine": layout.quarantine_part(portfolio.name, period, part)}
        for output, key in keys.items():
            with outputs[output].open("rb") as body:
                s3.put_object(Bucket=bucket, Key=key, Body=body)
    return {"part": part, **counts}


def _download(s3: Any, bucket: str, prefix: str, folder: Path) -> Iterator[Path]:
    """Fetch every object with rows below the prefix, one plain GET each, in the keys' order."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    objects = [each for page in pages for each in page.get("Contents", [])]
    for place, each in enumerate(sorted(objects, key=lambda item: str(item["Key"]))):
        if each["Size"] == 0 or each["Key"].rsplit("/", 1)[-1].startswith(("_", ".")):
            continue
        target = folder / f"prepared-{place:05d}.parquet"
        with target.open("wb") as file:
            shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"], file)
        yield target
