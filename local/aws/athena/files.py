"""Rows of a query written as data files, one folder for each partition."""

# ruff: noqa: S608 (names and literals are quoted by athena_types)

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from ministack.services import glue

from local.aws import catalogue, lake
from local.aws.athena import types
from local.aws.athena.faults import QueryFault
from local.aws.athena.session import Outcome, Session
from local.aws.athena.types import literal, quote

PARTITIONS_MAX = 100
_EXTENSION = {"JSON": ".gz", "TEXTFILE": ".gz"}


def write_rows(
    session: Session, sql: str, location: str, options: dict[str, Any], keys: list[str]
) -> Outcome:
    """Write a query's rows below `location`, in its order; a query without rows writes nothing."""
    kind = str(options.get("format", "PARQUET")).upper()
    copy_options = _copy_options(kind, options)
    names = dict(types.describe(session.connection, sql))
    shown = ", ".join(
        f"CAST({quote(name)} AS {types.duckdb_type(types.glue_type(engine))}) AS {quote(name)}"
        for name, engine in names.items()
        if name not in keys
    )
    if keys:  # DuckDB's own PARTITION_BY would lose the order of the rows
        session.connection.execute(f"CREATE TEMP TABLE __rows AS {sql}")
        sql = "SELECT * FROM __rows"
        columns = ", ".join(map(quote, keys))
        parts = session.connection.execute(
            f"SELECT DISTINCT {columns} FROM __rows ORDER BY {columns}"
        ).fetchall()
        if len(parts) > PARTITIONS_MAX:
            message = f"Exceeded limit of {PARTITIONS_MAX} open writers for partitions"
            raise QueryFault("HIVE_TOO_MANY_OPEN_PARTITIONS", message)
    else:
        parts = [()]
    files: dict[str, Path] = {}
    total = 0
    for place, values in enumerate(parts):
        path = session.scratch / f"{place}"
        condition = " AND ".join(f"{quote(key)} IS NOT DISTINCT FROM ?" for key in keys)
        where = f" WHERE {condition}" if keys else ""
        rows = session.connection.execute(
            f"COPY (SELECT {shown} FROM ({sql}){where}) TO {literal(str(path))} ({copy_options})",
            list(values),
        ).fetchone()
        if rows is None or not rows[0]:
            continue
        total += rows[0]
        folders = "".join(f"{k}={_spell(v)}/" for k, v in zip(keys, values, strict=True))
        name = f"{session.query_id.replace('-', '')}_{uuid.uuid4()}{_EXTENSION.get(kind, '')}"
        files[lake.folder(location) + folders + name] = path
    lake.put_all(files)
    return Outcome([("rows", "BIGINT")], [(total,)], tuple(files))


def _copy_options(kind: str, options: dict[str, Any]) -> str:
    compression = str(
        options.get("compression")
        or options.get("write_compression")
        or options.get("parquet_compression")
        or "GZIP"
    ).upper()
    if kind == "PARQUET" and compression in ("SNAPPY", "GZIP", "ZSTD", "NONE"):
        return f"FORMAT parquet, COMPRESSION {compression.replace('NONE', 'uncompressed')}"
    if kind in ("JSON", "TEXTFILE") and compression == "GZIP":
        if kind == "JSON":
            return "FORMAT json, COMPRESSION gzip"
        separator = literal(str(options.get("field_delimiter", "\x01")))
        return (
            f"FORMAT csv, HEADER false, DELIMITER {separator}, QUOTE '', ESCAPE '', "
            f"NULLSTR {literal(chr(92) + 'N')}, COMPRESSION gzip"
        )
    raise QueryFault("NOT_SUPPORTED", f"format {kind} with compression {compression}")


def _spell(value: object) -> str:
    text = types.format_value(value)
    return "__HIVE_DEFAULT_PARTITION__" if text is None else quote_plus(text, safe=" -_.~:")


def register_partitions(table: dict[str, Any], database: str, uris: Sequence[str]) -> list[str]:
    """Register the `key=value` folders of these objects; return the new ones' folders."""
    keys = [each["Name"] for each in table.get("PartitionKeys") or []]
    root = lake.folder(table["StorageDescriptor"]["Location"])
    owner = {"DatabaseName": database, "TableName": table["Name"]}
    known = {
        tuple(each["Values"]) for each in glue._partitions.get(f"{database}/{table['Name']}", [])
    }
    new = {}
    for uri in uris if keys else ():
        folders = uri.removeprefix(root).split("/")[: len(keys)]
        if [each.partition("=")[0] for each in folders] != keys:
            continue
        values = tuple(each.partition("=")[2] for each in folders)
        if values not in known:
            new[values] = "/".join(folders) + "/"
    entries = [
        {
            "Values": list(values),
            "StorageDescriptor": {**table["StorageDescriptor"], "Location": root + below},
        }
        for values, below in sorted(new.items())
    ]
    if entries:
        catalogue.require("BatchCreatePartition", database, table["Name"])
        glue._batch_create_partition({**owner, "PartitionInputList": entries})
    return [new[values] for values in sorted(new)]
