"""What a crawl writes: a table, its partitions and the types that its files have."""

# ruff: noqa: S608 (names and literals are quoted by athena_types)

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import duckdb
from ministack.core.responses import get_account_id
from ministack.services import athena, glue

from local.aws import catalogue, lake
from local.aws.athena import types
from local.aws.athena.tables import parquet_columns


class CrawlFault(RuntimeError):
    """Folders that are no table; the message names the folder and what disagrees."""


@dataclass
class Folder:
    """One table to be: its objects by partition, in a location that ends with a slash."""

    name: str
    location: str
    keys: tuple[str, ...] = ()
    partitions: dict[tuple[str, ...], list[lake.StoredObject]] = field(default_factory=dict)

    def where(self, values: tuple[str, ...]) -> str:
        """Return the folder of one partition."""
        first = self.partitions[values][0].name.split("/")[: len(self.keys)]
        return self.location + "".join(f"{part}/" for part in first)


def write_table(crawler: dict[str, Any], folder: Folder) -> str:
    """Write a table and its partitions; return Created, Updated or nothing."""
    kind, schemas = _infer(folder)
    kinds: dict[str, list[str]] = defaultdict(list)
    for schema in schemas.values():
        for column, declared in schema.items():
            kinds[column].append(declared)
    storage = {
        "Columns": _columns({column: types.widen(each) for column, each in kinds.items()}),
        "Location": folder.location,
        **_storage(kind),
    }
    stored = [each for objects in folder.partitions.values() for each in objects]
    table = {
        "Name": folder.name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in folder.keys],
        "StorageDescriptor": storage,
        "Parameters": {
            "UPDATED_BY_CRAWLER": crawler["Name"],
            "classification": kind,
            "typeOfData": "file",
            "objectCount": str(len(stored)),
            "sizeKey": str(sum(each.size for each in stored)),
            **({"skip.header.line.count": "1", "delimiter": ","} if kind == "csv" else {}),
        },
    }
    database = crawler["DatabaseName"]
    if database not in glue._databases:
        raise CrawlFault(f"database {database} does not exist: create it before the crawl")
    catalogue.require("GetTable", database, folder.name)
    known = glue._tables.get(f"{database}/{folder.name}")
    policy = crawler.get("SchemaChangePolicy") or {}
    if known and policy.get("UpdateBehavior") == "LOG":
        return ""
    request = {"DatabaseName": database, "TableInput": table}
    is_new_shape = known is None or any(
        known[each] != table[each] for each in ("StorageDescriptor", "PartitionKeys")
    )
    catalogue.require("CreateTable" if known is None else "UpdateTable", database, folder.name)
    (glue._create_table if known is None else glue._update_table)(request)
    inherits = "InheritFromTable" in json.dumps(json.loads(crawler.get("Configuration") or "{}"))
    entries = {
        values: {
            **storage,
            "Columns": storage["Columns"] if inherits else _columns(schemas[values]),
            "Location": folder.where(values),
        }
        for values in (folder.partitions if folder.keys else ())
    }
    has_new_partitions = sync_partitions(database, folder.name, entries)
    if known is None:
        return "Created"
    return "Updated" if is_new_shape or has_new_partitions else ""


def sync_partitions(
    database: str, name: str, entries: dict[tuple[str, ...], dict[str, Any]]
) -> bool:
    """Register what is there, refresh what changed, remove what vanished."""
    before = {
        tuple(each["Values"]): each for each in glue._partitions.get(f"{database}/{name}", [])
    }
    for operation, is_needed in (
        ("GetPartitions", True),
        ("BatchCreatePartition", entries.keys() - before.keys()),
        ("BatchUpdatePartition", entries.keys() & before.keys()),
        ("BatchDeletePartition", before.keys() - entries.keys()),
    ):
        if is_needed and (before or entries):
            catalogue.require(operation, database, name)
    glue._partitions[f"{database}/{name}"] = [
        {
            "CreationTime": time.time(),
            **before.get(values, {}),
            "Values": list(values),
            "DatabaseName": database,
            "TableName": name,
            "StorageDescriptor": storage,
            "Parameters": {},
            "CatalogId": get_account_id(),
        }
        for values, storage in sorted(entries.items())
    ]
    return {key: each["StorageDescriptor"] for key, each in before.items()} != entries


def _infer(folder: Folder) -> tuple[str, dict[tuple[str, ...], dict[str, str]]]:
    """Return the format and, for each partition, its columns and their Glue types."""
    groups = {
        values: [each.path for each in stored] for values, stored in folder.partitions.items()
    }
    kind = _format(next(iter(groups.values()))[0])
    with duckdb.connect(":memory:") as connection:
        if kind == "parquet":
            stored = parquet_columns(
                connection, [path for each in groups.values() for path in each]
            )
        else:
            stored = {
                path: _csv_columns(connection, path) for each in groups.values() for path in each
            }
    schemas = {}
    for values, paths in groups.items():
        merged: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            for column, declared in stored[path].items():
                merged[column].append(declared)
        schemas[values] = {column: types.widen(each) for column, each in merged.items()}
    return kind, schemas


def _csv_columns(connection: duckdb.DuckDBPyConnection, path: str) -> dict[str, str]:
    sql = f"SELECT * FROM read_csv({types.literal(path)}, header = true, sample_size = 20480)"
    found = {name.lower(): types.glue_type(kind) for name, kind in types.describe(connection, sql)}
    return {
        name: kind if kind in ("bigint", "double") else "string" for name, kind in found.items()
    }


def _format(path: str) -> str:
    with open(path, "rb") as file:
        return "parquet" if file.read(4) == b"PAR1" else "csv"


def _columns(schema: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Type": kind} for name, kind in schema.items()]


def _storage(kind: str) -> dict[str, Any]:
    formats = athena._STORED_AS["parquet" if kind == "parquet" else "textfile"]
    given = {"serialization.format": "1"} if kind == "parquet" else {"field.delim": ","}
    return {
        "InputFormat": formats[0],
        "OutputFormat": formats[1],
        "Compressed": False,
        "NumberOfBuckets": -1,
        "SerdeInfo": {"SerializationLibrary": formats[2], "Parameters": given},
    }
