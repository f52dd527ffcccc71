"""The `bulk` way in: a delivery is taken over whole or refused whole."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from solvencia import csv_rows, delivery, extract, layout, raw


def gzipped(table: Any, rows: list[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


@pytest.fixture
def land(s3: Any, bucket: str, product: Any, rows: Any) -> Callable[..., None]:
    """Land the sample rows as delivery `october`; `change` may alter files and manifest before."""

    def land(change: Callable[[dict[str, bytes], dict[str, Any]], None] | None = None) -> None:
        files = {
            f"{name}.csv.gz": gzipped(table, rows[name]) for name, table in product.tables.items()
        }
        manifest: dict[str, Any] = {
            "portfolio": product.name,
            "delivery": "october",
            "files": [
                {
                    "name": name,
                    "table": name.removesuffix(".csv.gz"),
                    "rows": len(rows[name.removesuffix(".csv.gz")]),
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
                for name, content in files.items()
            ],
        }
        if change:
            change(files, manifest)
        prefix = layout.delivery_prefix(product.name, "october")
        for name, content in files.items():
            s3.put_object(Bucket=bucket, Key=prefix + name, Body=content)
        if manifest:
            s3.put_object(
                Bucket=bucket, Key=prefix + "manifest.json", Body=json.dumps(manifest).encode()
            )

    return land


def resign(files: dict[str, bytes], manifest: dict[str, Any], name: str, content: bytes) -> None:
    """Replace a file's content, and sign it in the manifest."""
    files[name] = content
    for entry in manifest["files"]:
        if entry["name"] == name:
            entry["bytes"] = len(content)
            entry["sha256"] = hashlib.sha256(content).hexdigest()


def replace_line(old: str, new: str, name: str) -> Callable[[dict[str, bytes], Any], None]:
    def change(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        text = gzip.decompress(files[name]).decode()
        assert old in text
        resign(files, manifest, name, gzip.compress(text.replace(old, new).encode(), mtime=0))

    return change


def test_bulk_gives_the_bytes_that_sql_gives(
    land, warehouse, s3, bucket, product, tmp_path, monkeypatch
):
    """However the rows arrive, in whatever order and batches, the raw objects are the same."""
    monkeypatch.setattr(csv_rows, "ROWS_PER_BATCH", 2)
    land()
    delivered = delivery.accept(s3, bucket, product, "october", "bulk", tmp_path)
    found = {
        manifest["period"]: {name: table for name, table in manifest["tables"].items()}
        for manifest in delivered
    }

    for period in ("2026-09", "2026-10"):
        ingested = extract.ingest(warehouse, s3, bucket, product, period, tmp_path)

        assert ingested["tables"] == found[period]
    assert sorted(found) == ["2026-09", "2026-10"]
    assert raw.list_periods(s3, bucket, product.name) == ["2026-09", "2026-10"]


def drop_manifest(files, manifest):
    manifest.clear()


def corrupt_checksum(files, manifest):
    manifest["files"][0]["sha256"] = "0" * 64


def cut_file(files, manifest):
    files["bureau.csv.gz"] = files["bureau.csv.gz"][:-5]


def lose_file(files, manifest):
    del files["income.csv.gz"]


def add_file(files, manifest):
    files["extra.csv.gz"] = b"?"


def miscount(files, manifest):
    manifest["files"][0]["rows"] = 7


def rename_delivery(files, manifest):
    manifest["delivery"] = "november"


def mistake_table(files, manifest):
    manifest["files"][0]["table"] = "loan"


def forget_field(files, manifest):
    del manifest["files"][0]["sha256"]


def break_gzip(files, manifest):
    resign(files, manifest, "income.csv.gz", files["income.csv.gz"][:40])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (drop_manifest, "manifest.json is missing"),
        (forget_field, "manifest.json is not readable"),
        (rename_delivery, "manifest.json is for delivery 'november'"),
        (mistake_table, "application.csv.gz: no table 'loan'"),
        (corrupt_checksum, "application.csv.gz: SHA-256 is"),
        (cut_file, "bureau.csv.gz: has"),
        (lose_file, "income.csv.gz: declared in manifest.json, but missing"),
        (add_file, "extra.csv.gz: landed, but not declared"),
        (miscount, "application.csv.gz: has 4 rows, the manifest says 7"),
        (break_gzip, "income.csv.gz: after line"),
        (
            replace_line("debt_ratio", "ratio", "income.csv.gz"),
            "income.csv.gz: line 1: the header of table 'income' lacks",
        ),
        (
            replace_line("1002,2026-10-15,,1450.0", "1002,2026-10-15,1450.0", "income.csv.gz"),
            "income.csv.gz: line 3: has 3 fields, not 4",
        ),
        (
            replace_line("2026-10-15,0,", "2026-10-15,zero,", "applicant.csv.gz"),
            "applicant.csv.gz: line 2: column 'age_years' is not an integer",
        ),
        (
            replace_line("1001,2026-10-01", ",2026-10-01", "applicant.csv.gz"),
            "applicant.csv.gz: line 3: column 'applicant_id' is missing",
        ),
        (
            replace_line("2026-10-15", "15.10.2026", "application.csv.gz"),
            "application.csv.gz: line 4: column 'applied_on' is not a date",
        ),
        (
            replace_line("2026-09-30", "2022-10-31", "application.csv.gz"),
            "application.csv.gz: line 5: applied_on lies outside",
        ),
    ],
)
def test_a_faulty_delivery_is_refused_whole(land, s3, bucket, product, tmp_path, change, named):
    """Each fault names file and line and what is wrong, and not one partition is written."""
    land(change)

    with pytest.raises(delivery.RefusedDelivery) as fault:
        delivery.accept(s3, bucket, product, "october", "bulk", tmp_path)

    assert any(problem.startswith(named) for problem in fault.value.problems)
    assert raw.list_keys(s3, bucket, "raw/") == []
    assert raw.list_keys(s3, bucket, "manifests/") == []


def test_every_broken_row_is_named_at_once(land, s3, bucket, product, tmp_path):
    """The sender hears of all broken rows, not of the first alone."""

    def change(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        replace_line("3,1003,", "3,x,", "application.csv.gz")(files, manifest)
        replace_line("2,1002,", "2,y,", "application.csv.gz")(files, manifest)

    land(change)

    with pytest.raises(delivery.RefusedDelivery) as fault:
        delivery.accept(s3, bucket, product, "october", "bulk", tmp_path)

    assert [problem.split(":")[1] for problem in fault.value.problems] == [" line 2", " line 4"]


def test_a_month_that_one_table_lacks_is_refused(land, s3, bucket, product, tmp_path):
    """A table without rows in a month of the delivery is an empty month, before any upload."""

    def change(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        replace_line("1009,2026-09-30", "1009,2026-10-30", "income.csv.gz")(files, manifest)

    land(change)

    with pytest.raises(raw.EmptyMonth, match=r"'income'.*2026-09"):
        delivery.accept(s3, bucket, product, "october", "bulk", tmp_path)

    assert raw.list_keys(s3, bucket, "raw/") == []
