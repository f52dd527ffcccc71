"""Raw partitions: typed Parquet of one table and month, published whole with its manifest.

Every way in (`sql`, `bulk`, `files`) ends here, so the same rows give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solvencia import layout, months
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio, Table

ROW_GROUP_ROWS = 100_000  # fixed, because it decides the bytes of a file
UPLOADS_AT_ONCE = 8


class EmptyMonth(PermanentFault):
    """A table has no row in a month in which it must have some."""

    def __init__(self, portfolio: Portfolio, table: str, period: str) -> None:
        super().__init__(
            f"empty month: table {table!r} of portfolio {portfolio.name!r} has no row in {period}. "
            f"Load the month into the lender's table, or move [schedule] in portfolio.toml if "
            f"{period} lies outside the product's life, then run {period} again."
        )
        self.table = table
        self.period = period


class MissingPeriod(PermanentFault):
    """A period has no manifest: it was never ingested, or its last ingest broke off."""

    def __init__(self, portfolio: str, period: str, uri: str) -> None:
        super().__init__(
            f"{portfolio} has no raw data for {period}: {uri} does not exist. "
            f"Run ingest_{portfolio} or deliver_{portfolio} for that month first."
        )


@dataclass(frozen=True)
class Part:
    """One Parquet file on this machine, ready to become part of a raw partition."""

    path: Path
    rows: int
    bytes: int
    sha256: str


def arrow_schema(table: Table) -> Any:
    """Return the table's pyarrow schema."""
    import pyarrow as pa

    types = {"integer": pa.int64(), "number": pa.float64(), "text": pa.string()}
    return pa.schema([(name, types.get(kind, pa.date32())) for name, kind in table.columns.items()])


def write_part(path: Path, table: Table, batches: Iterator[Any]) -> Part:
    """Write record batches, already in order, as one Parquet file.

    Memory holds one row group. How the rows are cut into batches leaves no trace in the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = arrow_schema(table)
    waiting: list[Any] = []
    rows, waiting_rows = 0, 0
    with pq.ParquetWriter(path, schema, compression="snappy") as writer:

        def flush(limit: int) -> None:
            nonlocal waiting, waiting_rows
            whole = pa.Table.from_batches(waiting, schema).combine_chunks()
            writer.write_table(whole.slice(0, limit), row_group_size=ROW_GROUP_ROWS)
            waiting = whole.slice(limit).to_batches()
            waiting_rows = whole.num_rows - min(limit, whole.num_rows)

        for batch in batches:
            waiting.append(batch)
            waiting_rows += batch.num_rows
            rows += batch.num_rows
            while waiting_rows >= ROW_GROUP_ROWS:
                flush(ROW_GROUP_ROWS)
        if waiting_rows or not rows:
            flush(ROW_GROUP_ROWS)
    return Part(path, rows, path.stat().st_size, digest(path))


def publish(
    s3: Any, bucket: str, portfolio: Portfolio, period: str, way: str, parts: Mapping[str, Part]
) -> dict[str, Any]:
    """Replace one period's raw partitions by these parts, one for each table; return the manifest.

    The old manifest goes first and the new one comes last: a reader that finds a manifest finds
    the whole period. If an upload fails, the period is removed, so that no part of it is left.
    Raises EmptyMonth, before anything is touched.
    """
    _check_months(portfolio, period, parts)
    manifest = _manifest(portfolio, period, way, parts)
    manifest_key = layout.raw_manifest(portfolio.name, period)
    s3.delete_object(Bucket=bucket, Key=manifest_key)
    try:
        for name, table in manifest["tables"].items():
            _upload(s3, bucket, table["objects"], parts[name])
        wanted = {each["key"] for table in manifest["tables"].values() for each in table["objects"]}
        remove_others(s3, bucket, portfolio, period, wanted)
    except BaseException:
        remove_others(s3, bucket, portfolio, period)
        raise
    put_json(s3, bucket, manifest_key, manifest)
    return manifest


def publish_all(
    s3: Any,
    bucket: str,
    portfolio: Portfolio,
    way: str,
    periods: Mapping[str, Mapping[str, Part]],
) -> list[dict[str, Any]]:
    """Publish several periods at once; every empty month is refused before the first upload."""
    for period, parts in sorted(periods.items()):
        _check_months(portfolio, period, parts)
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        return list(
            pool.map(
                lambda each: publish(s3, bucket, portfolio, each[0], way, each[1]),
                sorted(periods.items()),
            )
        )


def read_manifest(s3: Any, bucket: str, portfolio: str, period: str) -> dict[str, Any]:
    """Return a period's manifest; raise MissingPeriod where there is none."""
    key = layout.raw_manifest(portfolio, period)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise MissingPeriod(portfolio, period, f"s3://{bucket}/{key}") from error
    return parse_manifest(body)


def parse_manifest(body: bytes) -> dict[str, Any]:
    """Read a raw manifest's bytes."""
    manifest: dict[str, Any] = json.loads(body)
    return manifest


def remove_others(
    s3: Any, bucket: str, portfolio: Portfolio, period: str, wanted: Set[str] = frozenset()
) -> None:
    """Delete what lies in a period's raw partitions beside the wanted keys."""
    for table in portfolio.tables:
        for key in list_keys(s3, bucket, layout.raw_partition(portfolio.name, table, period)):
            if key not in wanted:
                s3.delete_object(Bucket=bucket, Key=key)


def list_keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    """Return all keys below a prefix, in order."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", [])]


def list_periods(s3: Any, bucket: str, portfolio: str) -> list[str]:
    """Return the periods whose raw data is whole, oldest first."""
    first = layout.raw_manifest(portfolio, "0000-00")
    prefix, suffix = first.split("0000-00")
    return [key[len(prefix) : -len(suffix)] for key in list_keys(s3, bucket, prefix)]


def put_json(s3: Any, bucket: str, key: str, content: object, **condition: str) -> None:
    """Store JSON so that the same content gives the same bytes; on a condition of S3's."""
    body = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=body.encode(),
        ContentType="application/json",
        ChecksumAlgorithm="SHA256",
        **condition,
    )


def digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_months(portfolio: Portfolio, period: str, parts: Mapping[str, Part]) -> None:
    for table in portfolio.tables.values():
        if parts[table.name].rows == 0 and not months.may_be_empty(portfolio, table, period):
            raise EmptyMonth(portfolio, table.name, period)


def _manifest(
    portfolio: Portfolio, period: str, way: str, parts: Mapping[str, Part]
) -> dict[str, Any]:
    tables = {}
    for table in portfolio.tables:
        part = parts[table]
        key = layout.raw_partition(portfolio.name, table, period) + "part-0000.parquet"
        entry = {"key": key, "bytes": part.bytes, "sha256": part.sha256}
        tables[table] = {"rows": part.rows, "objects": [entry]}
    return {"portfolio": portfolio.name, "period": period, "way": way, "tables": tables}


def _upload(s3: Any, bucket: str, objects: list[dict[str, Any]], part: Part) -> None:
    extra = {"ChecksumAlgorithm": "SHA256"}
    for each in objects:
        s3.upload_file(str(part.path), bucket, each["key"], ExtraArgs=extra)
