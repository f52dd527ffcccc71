"""A batch's input as JSON lines: numbered, in parts, for what SageMaker cannot read as it is."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from solvencia import batch_model, batch_rows, layout
from solvencia.batch_objects import encode, measure, write_json
from solvencia.batch_rows import Row, UnreadableFile
from solvencia.portfolio import Portfolio
from solvencia.settings import Settings

ROWS_PER_PART = 50_000
ROWS_MAX = 10_000_000  # what one Lambda reads, and reconciles, well within its 15 minutes
LINE_BYTES_MAX = 16 * 1024
SPOOL_BYTES = 4 << 20


@dataclass
class Part:
    """Rows from `first_row` on, as they are counted while they are written."""

    part: int
    first_row: int
    lines: int = 0
    refused: int = 0


def format_input(
    *,
    portfolio: Portfolio,
    batch: str,
    source: Mapping[str, str],
    settings: Settings,
    s3: Any,
    sagemaker: Any,
) -> dict[str, Any]:
    """Write a batch's input as parts of JSON lines, then its manifest; return what comes next.

    `source` is {"file": name in the inbox} or {"result": URI of a query's CSV}. Returns
    {"version", "fingerprint", "rows", "lines"}. Raises UnreadableFile or NoModel.
    """
    bucket, name = settings.data_bucket, portfolio.name
    model = batch_model.find_live(sagemaker, s3, settings, portfolio)
    key = _take(s3, bucket, portfolio, batch, source)
    size, digest = measure(s3, bucket, key)
    ignored: set[str] = set()
    with ExitStack() as held:
        body = _open(s3, bucket, key, held)
        rows = batch_rows.read(portfolio, PurePosixPath(key).name, body, ignored)
        parts = list(_write_parts(s3, bucket, name, batch, rows))
    lines, refused = (sum(getattr(each, kind) for each in parts) for kind in ("lines", "refused"))
    if not lines + refused:
        raise UnreadableFile(f"{PurePosixPath(key).name}: row 1: there is none: nothing to score")
    manifest = {
        "input": {**source, "key": key, "bytes": size, "sha256": digest},
        "ignored_fields": sorted(ignored)[:100],
        "model": model,
        "parts": [vars(each) for each in parts],
        "rows": lines + refused,
    }
    write_json(s3, bucket, layout.batch_manifest(name, batch), manifest)
    return {
        "version": model["version"],
        "fingerprint": model["fingerprint"],
        "rows": lines + refused,
        "lines": lines,
    }


def _take(s3: Any, bucket: str, portfolio: Portfolio, batch: str, source: Mapping[str, str]) -> str:
    """Copy the input below the batch, where nobody changes it; return its key."""
    name = portfolio.name
    if "file" in source:
        batch_rows.check_name(source["file"])
        start = layout.batch_inbox(name) + source["file"]
        key = layout.batch_input(name, batch, source["file"])
    else:
        start = urlsplit(source["result"]).path.lstrip("/")
        key = layout.batch_input(name, batch, "query.csv")
    try:
        s3.copy({"Bucket": bucket, "Key": start}, bucket, key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        raise UnreadableFile(
            f"{PurePosixPath(start).name}: row 0: there is no s3://{bucket}/{start}: put it there"
        ) from None
    return key


def _open(s3: Any, bucket: str, key: str, held: ExitStack) -> Any:
    """Return the input as a stream; Parquet, which is read from its end, as a file on disk."""
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    if not key.lower().endswith(".parquet"):
        return body
    file = held.enter_context(tempfile.NamedTemporaryFile(suffix=".parquet"))  # noqa: SIM115
    shutil.copyfileobj(body, file, 1 << 20)
    file.flush()
    return file


def _write_parts(
    s3: Any, bucket: str, portfolio: str, batch: str, rows: Iterator[Row]
) -> Iterator[Part]:
    """Write parts of ROWS_PER_PART rows each; yield what they hold."""
    for first in rows:
        part = Part((first[0] - 1) // ROWS_PER_PART, first[0])
        with (
            tempfile.SpooledTemporaryFile(SPOOL_BYTES) as lines,
            tempfile.SpooledTemporaryFile(SPOOL_BYTES) as refused,
        ):
            for row, application, problems in _take_part(first, rows):
                line = b"" if application is None else encode({"row": row, **application})
                if len(line) > LINE_BYTES_MAX:
                    line, problems = b"", {batch_rows.ROW: "is too long"}
                if line:
                    lines.write(line)
                    part.lines += 1
                else:
                    refused.write(encode({"row": row, "problems": problems}))
                    part.refused += 1
            name = layout.batch_part(part.part)
            for file, key, count in (
                (lines, layout.batch_lines(portfolio, batch) + name, part.lines),
                (refused, layout.batch_refused(portfolio, batch, part.part), part.refused),
            ):
                if count:
                    file.seek(0)
                    s3.put_object(Bucket=bucket, Key=key, Body=file)
        yield part


def _take_part(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    if first[0] > ROWS_MAX:
        raise UnreadableFile(f"a batch takes {ROWS_MAX:,} rows: split the file")
    for _ in range(ROWS_PER_PART - 1):
        if (row := next(rows, None)) is None:
            return
        yield row
