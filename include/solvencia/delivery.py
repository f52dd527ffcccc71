"""The `bulk` and `files` ways in: a landed delivery, accepted by its manifest or refused whole.

A delivery is a prefix with `manifest.json` and gzipped CSV files with a header line. Scratch
space holds the delivered files and the Parquet made of them. Memory holds one batch of rows while
a file is read, and then one month of one table at a time while that month is sorted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from solvencia import columns, csv_rows, layout, months, raw
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio, Table

CHUNK_BYTES = 1 << 20
PROBLEMS_SHOWN = 20


class RefusedDelivery(PermanentFault):
    """A delivery breaks its manifest or the portfolio; `problems` names every place."""

    def __init__(self, uri: str, problems: list[str]) -> None:
        shown = problems[:PROBLEMS_SHOWN]
        more = len(problems) - len(shown)
        tail = [f"… and {more} more"] if more else []
        super().__init__(
            f"delivery {uri} is refused, and nothing of it was taken over: {len(problems)} "
            "problem(s). Have the sender repair the delivery and land it again under this prefix, "
            "then rerun this task.\n" + "\n".join(f"- {each}" for each in (*shown, *tail))
        )
        self.problems = problems


def accept(
    s3: Any, bucket: str, portfolio: Portfolio, delivery: str, way: str, folder: Path
) -> list[dict[str, Any]]:
    """Verify a delivery, then publish every period that it holds; return their manifests.

    Nothing is published unless the whole delivery is sound. Raises RefusedDelivery or EmptyMonth.
    """
    prefix = layout.delivery_prefix(portfolio.name, delivery)
    uri = f"s3://{bucket}/{prefix}"
    files = _read_manifest(s3, bucket, portfolio, delivery, prefix, uri)
    problems = [
        problem
        for entry in files
        for problem in _fetch(s3, bucket, prefix + entry["name"], entry, folder / entry["name"])
    ]
    if problems:
        raise RefusedDelivery(uri, problems)
    periods: dict[str, dict[str, raw.Part]] = {}
    for table in portfolio.tables.values():
        own = [entry for entry in files if entry["table"] == table.name]
        months = _split(portfolio, table, own, folder, problems)
        for period, pieces in sorted(months.items()) if not problems else ():
            path = folder / f"{table.name}-{period}.parquet"
            part = raw.write_part(path, table, _sort(table, pieces))
            periods.setdefault(period, {})[table.name] = part
    if not periods and not problems:
        problems.append("no file has a row")
    if problems:
        raise RefusedDelivery(uri, problems)
    for period in _months_between(periods):
        parts = periods.setdefault(period, {})
        for table in portfolio.tables.values():
            if table.name not in parts:
                path = folder / f"{table.name}-{period}.parquet"
                parts[table.name] = raw.write_part(path, table, iter(()))
    return raw.publish_all(s3, bucket, portfolio, way, periods)


def _months_between(periods: Collection[str]) -> list[str]:
    """Return every month from the first to the last: one that no table has is empty, too."""
    first, last = (int(each[:4]) * 12 + int(each[5:]) - 1 for each in (min(periods), max(periods)))
    return [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(first, last + 1)]


def _read_manifest(
    s3: Any, bucket: str, portfolio: Portfolio, delivery: str, prefix: str, uri: str
) -> list[dict[str, Any]]:
    """Return the declared files, held against what has landed."""
    landed = {key[len(prefix) :] for key in raw.list_keys(s3, bucket, prefix)}
    if "manifest.json" not in landed:
        raise RefusedDelivery(uri, ["manifest.json is missing: it must be landed last"])
    body = s3.get_object(Bucket=bucket, Key=prefix + "manifest.json")["Body"].read()
    try:
        manifest = json.loads(body)
        files: list[dict[str, Any]] = [
            {
                "name": str(each["name"]),
                "table": str(each["table"]),
                "rows": int(each["rows"]),
                "bytes": int(each["bytes"]),
                "sha256": str(each["sha256"]).lower(),
            }
            for each in manifest["files"]
        ]
        owner, name = manifest["portfolio"], manifest["delivery"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedDelivery(
            uri, [f"manifest.json is not readable ({type(error).__name__}: {error})"]
        ) from error
    problems: list[str] = []
    if owner != portfolio.name:
        problems.append(f"manifest.json is for portfolio {owner!r}, not {portfolio.name!r}")
    if name != delivery:
        problems.append(f"manifest.json is for delivery {name!r}, not {delivery!r}")
    if not files:
        problems.append("manifest.json declares no file")
    names = [each["name"] for each in files]
    for each in sorted({each for each in names if names.count(each) > 1}):
        problems.append(f"{each}: declared twice in manifest.json")
    for entry in files:
        if entry["table"] not in portfolio.tables:
            known = ", ".join(portfolio.tables)
            problems.append(f"{entry['name']}: no table {entry['table']!r}; there are {known}")
        if entry["name"] != Path(entry["name"]).name:
            problems.append(f"{entry['name']}: a file lies beside manifest.json, in no folder")
    problems += [
        f"{each}: declared in manifest.json, but missing" for each in sorted(set(names) - landed)
    ]
    undeclared = sorted(landed - set(names) - {"manifest.json"})
    problems += [f"{each}: landed, but not declared in manifest.json" for each in undeclared]
    if problems:
        raise RefusedDelivery(uri, problems)
    return files


def _fetch(s3: Any, bucket: str, key: str, entry: dict[str, Any], path: Path) -> Iterator[str]:
    """Download one file and yield what its size and checksum contradict."""
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    if size != entry["bytes"]:
        yield f"{entry['name']}: has {size} bytes, the manifest says {entry['bytes']}"
    if digest.hexdigest() != entry["sha256"]:
        yield (
            f"{entry['name']}: SHA-256 is {digest.hexdigest()}, the manifest says {entry['sha256']}"
        )


def _split(
    portfolio: Portfolio,
    table: Table,
    entries: list[dict[str, Any]],
    folder: Path,
    problems: list[str],
) -> dict[str, Path]:
    """Spread a table's files over one unsorted Arrow file for each month; add to `problems`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    months: dict[str, Path] = {}
    writers: dict[str, Any] = {}
    schema = raw.arrow_schema(table)
    with ExitStack() as stack:
        for entry in entries:
            rows = 0
            for lines, batch in csv_rows.read(table, folder / entry["name"], problems):
                rows += len(lines)
                if batch is None:
                    continue
                _check_schedule(portfolio, table, entry["name"], lines, batch, problems)
                days = batch.column(table.time)
                numbers = pc.add(pc.multiply(pc.year(days), 12), pc.subtract(pc.month(days), 1))
                for number in pc.unique(numbers).to_pylist():
                    period = f"{number // 12:04d}-{number % 12 + 1:02d}"
                    if period not in writers:
                        months[period] = folder / f"{table.name}-{period}.arrow"
                        writers[period] = stack.enter_context(
                            pa.ipc.new_stream(str(months[period]), schema)
                        )
                    writers[period].write(batch.filter(pc.equal(numbers, number)))
            if rows != entry["rows"]:
                problems.append(
                    f"{entry['name']}: has {rows} rows, the manifest says {entry['rows']}"
                )
    return months


def _check_schedule(
    portfolio: Portfolio,
    table: Table,
    name: str,
    lines: list[int],
    batch: Any,
    problems: list[str],
) -> None:
    import pyarrow.compute as pc

    span = pc.min_max(batch.column(table.time)).as_py()
    if all(months.in_schedule(portfolio, span[each]) for each in ("min", "max")):
        return
    for line, day in zip(lines, batch.column(table.time).to_pylist(), strict=True):
        if not months.in_schedule(portfolio, day) and len(problems) < csv_rows.PROBLEMS_SHOWN:
            problems.append(
                f"{name}: line {line}: {table.time} lies outside the portfolio's [schedule]"
            )


def _sort(table: Table, path: Path) -> Iterator[Any]:
    """Yield one month's rows in the order in which `sql` reads them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    with pa.memory_map(str(path)) as source:
        rows = pa.ipc.open_stream(source).read_all()
        keys = [(name, "ascending", "at_start") for name in columns.order(table)]
        yield from rows.take(pc.sort_indices(rows, keys)).to_batches()
    path.unlink()
