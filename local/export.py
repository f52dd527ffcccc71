"""What the lender's side exports: a delivery folder of gzipped CSV files and their manifest."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

from solvencia.portfolio import Portfolio, Table

ROWS_PER_READ = 20_000


def write_delivery(
    connection: Any, portfolio: Portfolio, folder: Path, start: date, end: date
) -> Path:
    """Export the rows whose time lies in [start, end); return `folder`, whole or absent.

    The manifest names each file with its table, rows, bytes and SHA-256, and comes last.
    An export that is there already is left alone.
    """
    if (folder / "manifest.json").exists():
        return folder
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    files = []
    for table in portfolio.tables.values():
        entry = _write_table(connection, table, draft / f"{table.name}.csv.gz", start, end)
        if entry["rows"]:
            files.append(entry)
        else:
            (draft / entry["name"]).unlink()
    manifest = {"portfolio": portfolio.name, "delivery": folder.name, "files": files}
    (draft / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
    return folder


def _write_table(
    connection: Any, table: Table, path: Path, start: date, end: date
) -> dict[str, Any]:
    cursor = connection.cursor()
    order = ", ".join((table.time, *table.key))
    cursor.execute(
        f"SELECT {', '.join(table.columns)} FROM {table.source_name} "  # noqa: S608 - the portfolio's names
        f"WHERE {table.time} >= '{start}' AND {table.time} < '{end}' ORDER BY {order}"
    )
    rows = 0
    with (
        path.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="", compresslevel=1) as zipped,
        io.TextIOWrapper(zipped, encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(table.columns)
        while batch := cursor.fetchmany(ROWS_PER_READ):
            writer.writerows(batch)
            rows += len(batch)
    content = path.read_bytes()
    return {
        "name": path.name,
        "table": table.name,
        "rows": rows,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
