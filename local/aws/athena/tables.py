"""Glue tables as DuckDB relations: registered partitions only, typed by the catalogue."""

# ruff: noqa: S608 (names and literals are quoted by athena_types)

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb
from ministack.services import athena, glue

from local.aws.athena import types
from local.aws.athena.faults import QueryFault
from local.aws.athena.reads import Reference
from local.aws.athena.sql import INFORMATION_SCHEMA, view_definition
from local.aws.athena.types import literal, quote
from local.aws.lake import Listing, folder


@dataclass(frozen=True)
class File:
    """One object of a table with the values of its partition keys, as text."""

    path: str
    uri: str
    size: int
    values: tuple[str, ...]


def attach(connection: duckdb.DuckDBPyConnection, listing: Listing, read: Reference) -> int:
    """Create the relation that stands for `read`; return the bytes it will scan.

    Bytes are the stored (compressed) ones of the columns read, and of whole files where the
    format has no columns. QueryFault if a file cannot be read as the catalogue declares it.
    """
    if read.database == "information_schema":
        _create_information_schema(connection, read)
        return 0
    table = glue._tables[f"{read.database}/{read.table}"]
    files = _files(connection, listing, read, table)
    kind = athena._data_format(table)
    columns = [(each["Name"], each["Type"]) for each in table["StorageDescriptor"]["Columns"]]
    keys = [(each["Name"], each["Type"]) for each in table.get("PartitionKeys") or []]
    if not files:
        nothing = (f"CAST(NULL AS {types.duckdb_type(kind)})" for _, kind in columns + keys)
        quoted = (quote(name) for name, _ in columns + keys)
        source = "SELECT " + ", ".join(map(" AS ".join, zip(nothing, quoted, strict=True)))
        connection.execute(f"CREATE VIEW {read.name} AS {source} WHERE false")
        return 0
    if kind == "parquet":
        present, scanned = _inspect_parquet(connection, files, columns, read.columns)
        reader = f"read_parquet({_paths(files)}, union_by_name = true, filename = '__file', "
        reader += "hive_partitioning = false)"
    else:
        present, scanned = {name.lower() for name, _ in columns}, sum(each.size for each in files)
        reader = _text_reader(table, kind, files, columns)
    cast = "TRY_CAST" if kind == "csv" else "CAST"  # what no number can be read from is NULL
    shown = [
        f"{cast}({'r.' + quote(name) if name.lower() in present else 'NULL'} AS "
        f"{types.duckdb_type(kind)}) AS {quote(name)}"
        for name, kind in columns
    ]
    if keys:
        rows = ", ".join(f"({', '.join(map(literal, (f.path, *f.values)))})" for f in files)
        names = ", ".join(f"k{place}" for place in range(len(keys)))
        reader += f" r JOIN (VALUES {rows}) p(__file, {names}) ON r.__file = p.__file"
        shown += _typed_keys(keys)
    else:
        reader += " r"
    connection.execute(f"CREATE VIEW {read.name} AS SELECT {', '.join(shown)} FROM {reader}")
    return scanned


def _files(
    connection: duckdb.DuckDBPyConnection, listing: Listing, read: Reference, table: dict[str, Any]
) -> list[File]:
    keys = table.get("PartitionKeys") or []
    places: list[tuple[str, tuple[str, ...]]] = [(table["StorageDescriptor"]["Location"], ())]
    if keys:
        partitions = glue._partitions.get(f"{read.database}/{read.table}", [])
        for partition in (partitions := _prune(connection, read, keys, partitions)):
            _check_partition(table, partition)
        places = [
            (each["StorageDescriptor"]["Location"], tuple(each["Values"])) for each in partitions
        ]
    return [
        File(stored.path, folder(location) + stored.name, stored.size, values)
        for location, values in places
        for stored in listing.below(location)
    ]


def _prune(
    connection: duckdb.DuckDBPyConnection,
    read: Reference,
    keys: list[dict[str, str]],
    partitions: list[dict[str, Any]],
) -> list[dict[str, Any]]:
    """Leave out the partitions whose rows the query's own conditions would drop anyway."""
    if not (partitions and read.predicate):
        return partitions
    names = ", ".join(f"k{place}" for place in range(len(keys)))
    shown = ", ".join(["p.__place", *_typed_keys([(k["Name"], k["Type"]) for k in keys])])
    rows = ", ".join(
        f"({place}, {', '.join(map(literal, each['Values']))})"
        for place, each in enumerate(partitions)
    )
    # The row of NULLs asks whether an outer join's missing side would pass: then keep all.
    nothing = ", ".join(["-1", *["NULL"] * len(keys)])
    found = connection.execute(
        f"SELECT __place FROM (SELECT {shown} FROM (VALUES {rows}, ({nothing})) "
        f"p(__place, {names})) {quote(read.alias)} WHERE {read.predicate}"
    ).fetchall()
    places = {row[0] for row in found}
    return partitions if -1 in places else [partitions[place] for place in sorted(places)]


def _typed_keys(keys: list[tuple[str, str]]) -> list[str]:
    return [
        f"CAST(NULLIF(p.k{place}, '__HIVE_DEFAULT_PARTITION__') AS {types.duckdb_type(kind)}) "
        f"AS {quote(name)}"
        for place, (name, kind) in enumerate(keys)
    ]


def _check_partition(table: dict[str, Any], partition: dict[str, Any]) -> None:
    declared = {each["Name"]: each["Type"] for each in table["StorageDescriptor"]["Columns"]}
    for column in partition["StorageDescriptor"].get("Columns") or ():
        name, kind = column["Name"], column["Type"]
        if name in declared and not types.can_coerce(kind, declared[name]):
            values = zip(table["PartitionKeys"], partition["Values"], strict=True)
            raise QueryFault(
                "HIVE_PARTITION_SCHEMA_MISMATCH",
                "There is a mismatch between the table and partition schemas. The types are "
                f"incompatible and cannot be coerced. The column '{name}' in table "
                f"'{table['DatabaseName']}.{table['Name']}' is declared as type "
                f"'{declared[name]}', but partition "
                f"'{'/'.join(f'{key["Name"]}={value}' for key, value in values)}' declared "
                f"column '{name}' as type '{kind}'.",
            )


def parquet_columns(
    connection: duckdb.DuckDBPyConnection, paths: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return, for each file, its top-level columns and their Glue types, from the footers."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    nested: dict[str, int] = defaultdict(int)
    for path, name, children, kind, place in connection.execute(
        "SELECT file_name, name, num_children, duckdb_type, column_id "
        f"FROM parquet_schema([{', '.join(map(literal, paths))}]) ORDER BY file_name, column_id"
    ).fetchall():
        if place == 0:
            continue
        if nested[path]:
            nested[path] += (children or 0) - 1
            continue
        found[path][name.lower()] = types.glue_type(kind)
        nested[path] = children or 0
    return found


def _inspect_parquet(
    connection: duckdb.DuckDBPyConnection,
    files: list[File],
    columns: list[tuple[str, str]],
    read: frozenset[str],
) -> tuple[set[str], int]:
    """Return the columns that some file has, and the bytes of those that are read."""
    stored = parquet_columns(connection, [each.path for each in files])
    for file in files:
        for name, declared in columns:
            kind = stored[file.path].get(name.lower())
            if kind and name.lower() in read and not types.can_read(kind, declared):
                raise QueryFault(
                    "HIVE_BAD_DATA",
                    f"Field {name}'s type {kind.upper()} in parquet file {file.uri} is "
                    f"incompatible with type {declared} defined in table schema",
                )
    sizes = connection.execute(
        "SELECT lower(split_part(path_in_schema, ', ', 1)), sum(total_compressed_size) "
        f"FROM parquet_metadata({_paths(files)}) GROUP BY 1"
    ).fetchall()
    present = {name for each in stored.values() for name in each}
    return present, int(sum(size for name, size in sizes if name in read))


def _text_reader(
    table: dict[str, Any], kind: str, files: list[File], columns: list[tuple[str, str]]
) -> str:
    if kind == "json":
        shape = ", ".join(
            f"{literal(name)}: {literal(types.duckdb_type(t))}" for name, t in columns
        )
        return (
            f"(SELECT *, filename AS __file FROM read_json({_paths(files)}, "
            f"format = 'newline_delimited', columns = {{{shape}}}, filename = true))"
        )
    if kind != "csv":
        raise QueryFault("NOT_SUPPORTED", f"table {table['Name']}: format {kind} is not read here")
    serde = table["StorageDescriptor"].get("SerdeInfo") or {}
    given = serde.get("Parameters") or {}
    is_quoted = "OpenCSVSerde" in serde.get("SerializationLibrary", "")
    mark = given.get("quoteChar", '"') if is_quoted else ""
    separator = given.get("separatorChar", ",") if is_quoted else given.get("field.delim", "\x01")
    names = ", ".join(f"{literal(name)}: 'VARCHAR'" for name, _ in columns)
    skip = int((table.get("Parameters") or {}).get("skip.header.line.count", 0))
    return (
        f"(SELECT *, filename AS __file FROM read_csv({_paths(files)}, auto_detect = false, "
        f"header = false, skip = {skip}, delim = {literal(separator)}, quote = {literal(mark)}, "
        f"escape = {literal(mark)}, nullstr = {literal(chr(92) + 'N')}, columns = {{{names}}}, "
        "null_padding = true, filename = true))"
    )


def _paths(files: list[File]) -> str:
    return f"[{', '.join(literal(each.path) for each in files)}]"


def _create_information_schema(connection: duckdb.DuckDBPyConnection, read: Reference) -> None:
    catalog = "awsdatacatalog"
    rows: list[tuple[str | None, ...]] = []
    if read.table == "schemata":
        rows = [(catalog, name) for name in glue._databases]
    for table in glue._tables.values() if read.table != "schemata" else ():
        is_view = table.get("TableType") == "VIRTUAL_VIEW"
        owner = (catalog, table["DatabaseName"], table["Name"])
        if read.table == "tables":
            rows.append((*owner, "VIEW" if is_view else "BASE TABLE"))
            continue
        declared = table["StorageDescriptor"].get("Columns", []) + (
            table.get("PartitionKeys") or []
        )
        if is_view:
            declared = [
                {"Name": each["name"], "Type": each["type"]}
                for each in view_definition(table)["columns"]
            ]
        for place, each in enumerate(declared, start=1):
            kind = "varchar" if each["Type"] == "string" else each["Type"]
            rows.append((*owner, each["Name"], str(place), None, "YES", kind, each.get("Comment")))
    names = ", ".join(f"{name} VARCHAR" for name in INFORMATION_SCHEMA[read.table])
    connection.execute(f"CREATE TABLE {read.name} ({names})")
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {read.name} VALUES ({marks})", rows)
