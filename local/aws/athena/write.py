"""Statements that write data: UNLOAD, CREATE TABLE AS and INSERT, each whole or not at all."""

# ruff: noqa: S608 (names and literals are quoted by athena_types)

from __future__ import annotations

import re
from typing import Any

from ministack.services import athena, glue
from sqlglot import exp

from local.aws import catalogue
from local.aws.athena import sql as athena_sql
from local.aws.athena import types
from local.aws.athena.faults import QueryFault, at, table_not_found
from local.aws.athena.files import register_partitions, write_rows
from local.aws.athena.session import Outcome, Session
from local.aws.athena.types import quote

_UNLOAD = re.compile(
    r"(?P<head>\s*UNLOAD\s*\()(?P<select>.*)\)\s*TO\s*'(?P<target>[^']+)'\s*"
    r"WITH\s*\((?P<options>.*)\)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_OPTIONS = {"format", "compression", "partitioned_by", "field_delimiter"} | {
    *("external_location", "write_compression", "parquet_compression"),
}
_SERDE = {
    "PARQUET": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    "JSON": "org.openx.data.jsonserde.JsonSerDe",
    "TEXTFILE": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
}


def unload(session: Session, parameters: list[str]) -> Outcome:
    """Run `UNLOAD (query) TO 's3://…' WITH (…)`; the target must hold nothing yet."""
    found = _UNLOAD.fullmatch(session.text)
    if found is None:
        raise QueryFault("SYNTAX_ERROR", "line 1:1: UNLOAD (query) TO 's3://…' WITH (format = …)")
    head = re.sub(r"[^\n]", " ", found["head"])  # keeps the lines and columns of messages
    tree = athena_sql.parse(head + found["select"], parameters)
    given = re.sub(r"--[^\n]*", "", found["options"])
    options = {
        name.lower(): value or re.findall(r"'([^']*)'", array)
        for name, value, array in re.findall(
            r"(\w+)\s*=\s*(?:'([^']*)'|ARRAY\s*\[([^\]]*)\])", given, re.IGNORECASE
        )
    }
    unknown = options.keys() - {"format", "compression", "partitioned_by", "field_delimiter"}
    if unknown or "format" not in options:
        reason = f"unknown {sorted(unknown)}" if unknown else "format is required"
        raise QueryFault("INVALID_TABLE_PROPERTY", f"UNLOAD options: {reason}")
    return _write_new(session, tree, found["target"], options)[0]


def create_table_as(session: Session, tree: exp.Create) -> Outcome:
    """Run CREATE TABLE … WITH (…) AS query: its data first, then its entry in the catalogue."""
    database, name = _target(session, tree.this)
    key = f"{database}/{name}"
    if key in glue._tables:
        if tree.args.get("exists"):
            return Outcome()
        message = f"Table 'awsdatacatalog.{database}.{name}' already exists"
        raise QueryFault("TABLE_ALREADY_EXISTS", f"line 1:1: {message}")
    if database not in glue._databases:
        where = at(tree.this, session.text)
        raise QueryFault("SCHEMA_NOT_FOUND", f"{where}: Schema '{database}' does not exist")
    options = _table_options(tree)
    location = options.pop("external_location", f"{session.results}tables/{session.query_id}/")
    catalogue.require("CreateTable", database, name)
    outcome, columns = _write_new(session, tree.expression, location, options, needs_names=True)
    keys = options.get("partitioned_by") or []
    kind = str(options.get("format", "PARQUET")).upper()
    separator = options.get("field_delimiter", "\x01")
    entry = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": _classification(kind)},
        "PartitionKeys": [each for each in columns if each["Name"] in keys],
        "StorageDescriptor": {
            "Columns": [each for each in columns if each["Name"] not in keys],
            "Location": location,
            "InputFormat": athena._STORED_AS["parquet" if kind == "PARQUET" else "textfile"][0],
            "OutputFormat": athena._STORED_AS["parquet" if kind == "PARQUET" else "textfile"][1],
            "SerdeInfo": {
                "SerializationLibrary": _SERDE[kind],
                "Parameters": {"field.delim": separator} if kind == "TEXTFILE" else {},
            },
        },
    }
    glue._create_table({"DatabaseName": database, "TableInput": entry})
    register_partitions(glue._tables[key], database, outcome.written)
    return outcome


def insert(session: Session, tree: exp.Insert) -> Outcome:
    """Run INSERT INTO table [(columns)] query; new partitions are registered."""
    database, name = _target(session, tree.this)
    table = glue._tables.get(f"{database}/{name}")
    if table is None:
        raise table_not_found(tree.this, f"{database}.{name}", session.text)
    keys = [each["Name"] for each in table.get("PartitionKeys") or []]
    declared = table["StorageDescriptor"]["Columns"] + (table.get("PartitionKeys") or [])
    given = [each.name for each in tree.this.expressions] if _has_columns(tree.this) else None
    translation = session.prepare(tree.expression)
    columns = types.describe(session.connection, translation.sql)
    names = given or [each["Name"] for each in declared]
    if len(columns) != len(names):
        raise QueryFault(
            "SYNTAX_ERROR",
            f"line 1:1: Insert query has {len(columns)} columns, the table takes {len(names)}",
        )
    places = {name: f"c{place}" for place, name in enumerate(names)}
    shown = ", ".join(
        f"CAST({places.get(each['Name'], 'NULL')} AS {types.duckdb_type(each['Type'])}) "
        f"AS {quote(each['Name'])}"
        for each in declared
    )
    sql = f"SELECT {shown} FROM ({translation.sql}) q({', '.join(places.values())})"
    kind = athena._data_format(table).upper().replace("CSV", "TEXTFILE")
    serde = (table["StorageDescriptor"].get("SerdeInfo") or {}).get("Parameters") or {}
    options = {"format": kind, "field_delimiter": serde.get("field.delim", "\x01")}
    outcome = write_rows(session, sql, table["StorageDescriptor"]["Location"], options, keys)
    register_partitions(table, database, outcome.written)
    return outcome


def _write_new(
    session: Session,
    tree: exp.Expression,
    location: str,
    options: dict[str, Any],
    needs_names: bool = False,
) -> tuple[Outcome, list[dict[str, str]]]:
    """Write a query's rows below a location that is empty; return the Glue columns too."""
    translation = session.prepare(tree)
    if needs_names and translation.has_unnamed:
        raise QueryFault("MISSING_COLUMN_NAME", "line 1:1: Column name not specified")
    if session.listing.below(location):
        message = f"Target directory for table already exists: {location}"
        raise QueryFault("HIVE_PATH_ALREADY_EXISTS", message)
    columns = types.describe(session.connection, translation.sql)
    keys = options.get("partitioned_by") or []
    if keys and [name for name, _ in columns[-len(keys) :]] != keys:
        raise QueryFault(
            "HIVE_COLUMN_ORDER_MISMATCH",
            "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: {keys}",
        )
    outcome = write_rows(session, translation.sql, location, options, keys)
    return outcome, [{"Name": name, "Type": types.glue_type(kind)} for name, kind in columns]


def _target(session: Session, node: exp.Expression) -> tuple[str, str]:
    table = node.this if isinstance(node, exp.Schema) else node
    return (table.db or session.database).lower(), table.name.lower()


def _has_columns(node: exp.Expression) -> bool:
    return isinstance(node, exp.Schema) and bool(node.expressions)


def _table_options(tree: exp.Create) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for each in tree.args["properties"].expressions if tree.args.get("properties") else ():
        if isinstance(each, exp.PartitionedByProperty):
            options["partitioned_by"] = [part.name for part in each.find_all(exp.Literal)] or [
                part.name for part in each.find_all(exp.Identifier)
            ]
        elif isinstance(each, exp.FileFormatProperty):
            options["format"] = (
                each.this.name if isinstance(each.this, exp.Expression) else each.this
            )
        elif type(each) is exp.Property:
            options[each.name.lower()] = each.args["value"].name
    if unknown := options.keys() - _OPTIONS:
        raise QueryFault("INVALID_TABLE_PROPERTY", f"line 1:1: {sorted(unknown)} not supported")
    return options


def _classification(kind: str) -> str:
    return "csv" if kind == "TEXTFILE" else kind.lower()
