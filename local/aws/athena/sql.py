"""Trino SQL, as Athena takes it, turned into DuckDB SQL over named relations."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

import sqlglot
from ministack.services import glue
from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from local.aws import catalogue
from local.aws.athena import checks as athena_checks
from local.aws.athena import faults as athena_faults
from local.aws.athena.faults import QueryFault
from local.aws.athena.reads import Reference, note_reads

INFORMATION_SCHEMA: dict[str, tuple[str, ...]] = {
    "schemata": ("catalog_name", "schema_name"),
    "tables": ("table_catalog", "table_schema", "table_name", "table_type"),
    "columns": (
        *("table_catalog", "table_schema", "table_name", "column_name"),
        *("ordinal_position", "column_default", "is_nullable", "data_type", "comment"),
    ),
}


@dataclass(frozen=True)
class Translation:
    """DuckDB SQL, what it reads, and the column names as the query spelled them (or None)."""

    sql: str
    references: tuple[Reference, ...]
    names: tuple[str, ...] | None
    has_unnamed: bool


def parse(text: str, parameters: list[str] | None = None) -> exp.Expression:
    """Parse one statement and put the execution's parameters in; ParseError or QueryFault."""
    tree = sqlglot.parse_one(text, read="trino")
    places = sorted(tree.find_all(exp.Placeholder), key=lambda each: each.meta.get("start", 0))
    if len(places) != len(parameters or ()):
        raise QueryFault(
            "INVALID_PARAMETER_USAGE",
            f"line 1:1: Incorrect number of parameters: expected {len(places)} but found "
            f"{len(parameters or ())}",
        )
    for place, value in zip(places, parameters or (), strict=True):
        place.replace(sqlglot.parse_one(value, read="trino"))
    return tree


def translate(tree: exp.Expression, text: str, database: str, view: str = "") -> Translation:
    """Return the query as DuckDB SQL; QueryFault names what the catalogue does not have."""
    if isinstance(tree, exp.Values):
        width = range(len(tree.expressions[0].expressions or [0]))
        columns = [exp.to_identifier(f"_col{place}") for place in width]
        alias = exp.TableAlias(this=exp.to_identifier("rows"), columns=columns)
        tree = exp.select("*").from_(exp.Values(expressions=tree.expressions, alias=alias))
    first = tree
    if not isinstance(tree, exp.Query):
        raise QueryFault("SYNTAX_ERROR", f"line 1:1: mismatched input '{text.split()[0]}'")
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    has_unnamed = _name_columns(first)
    names = tuple(each.alias_or_name for each in first.selects)
    has_star = any(each.is_star for each in first.selects)
    tree = normalize_identifiers(tree, dialect="trino")
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    references: dict[str, Reference] = {}
    schema: dict[str, dict[str, str]] = {}
    tree = _resolve(tree, text, database, references, schema, (view,))
    types = MappingSchema(schema, dialect="hive", normalize=False) if schema else None
    tree = _qualify(tree, text, types)
    athena_checks.check_columns(tree, text, schema)
    tree = annotate_types(tree, schema=types, dialect="trino")
    athena_checks.check_comparisons(tree, text)
    for node in reversed(list(tree.dfs())):  # children first: a replacement copies them
        adapted = _adapt(node)
        if adapted is not node:
            node.replace(adapted)
    note_reads(tree, references, schema)
    sql = tree.sql(dialect="duckdb", comments=False)
    return Translation(sql, tuple(references.values()), None if has_star else names, has_unnamed)


def view_definition(table: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON that Athena keeps of a view (`originalSql`, `schema`, …)."""
    found = re.match(r"/\* Presto View: (\S+) \*/", table.get("ViewOriginalText") or "")
    if found is None:
        raise QueryFault("NOT_SUPPORTED", f"{table['Name']} is not a view that Athena wrote")
    definition: dict[str, Any] = json.loads(base64.b64decode(found[1]))
    return definition


def _name_columns(select: exp.Expression) -> bool:
    """Name `_colN` what has neither alias nor column name; return whether there was any."""
    unnamed = [
        (place, each)
        for place, each in enumerate(select.selects)
        if not isinstance(each, exp.Alias | exp.Column | exp.Dot) and not each.is_star
    ]
    for place, each in unnamed:
        each.replace(exp.alias_(each.copy(), f"_col{place}"))
    return bool(unnamed)


def _require_read(owner: str, name: str, found: dict[str, Any] | None) -> None:
    if owner == "information_schema":
        return
    catalogue.require("GetDatabase", owner)
    catalogue.require("GetTable", owner, name)
    if found and found.get("PartitionKeys"):
        catalogue.require("GetPartitions", owner, name)


def _resolve(
    tree: exp.Expression,
    text: str,
    database: str,
    references: dict[str, Reference],
    schema: dict[str, dict[str, str]],
    views: tuple[str, ...],
) -> exp.Expression:
    """Put a named relation in each table's place, and a view's query in the view's."""
    tables = [
        source
        for scope in traverse_scope(tree)
        for source in scope.sources.values()
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
    ]
    for table in {id(each): each for each in tables}.values():
        owner, name, alias = table.db or database, table.name, table.alias_or_name
        key = f"{owner}/{name}"
        found = glue._tables.get(key)
        _require_read(owner, name, found)
        if owner == "information_schema" and name in INFORMATION_SCHEMA:
            columns = dict.fromkeys(INFORMATION_SCHEMA[name], "string")
        elif found is None:
            if owner not in glue._databases:
                where = athena_faults.at(table, text)
                raise QueryFault("SCHEMA_NOT_FOUND", f"{where}: Schema '{owner}' does not exist")
            raise athena_faults.table_not_found(table, f"{owner}.{name}", text)
        elif found.get("TableType") == "VIRTUAL_VIEW":
            if key in views:
                raise QueryFault("INVALID_VIEW", f"View '{owner}.{name}' is recursive")
            stored = view_definition(found)
            inner = normalize_identifiers(parse(stored["originalSql"]), dialect="trino")
            inner = _resolve(inner, "", stored["schema"], references, schema, (*views, key))
            _name_columns(inner)
            table.replace(exp.Subquery(this=inner, alias=exp.TableAlias(this=_name(alias))))
            continue
        else:
            storage = found.get("StorageDescriptor") or {}
            declared = (storage.get("Columns") or []) + (found.get("PartitionKeys") or [])
            columns = {each["Name"].lower(): each["Type"] for each in declared}
        relation = f"__read{len(references)}"
        references[relation] = Reference(relation, owner, name, alias)
        schema[relation] = columns
        replacement = table.copy()
        replacement.set("this", _name(relation))
        replacement.set("db", None)
        replacement.set("catalog", None)
        if not table.alias:
            replacement.set("alias", exp.TableAlias(this=_name(alias)))
        table.replace(replacement)
    return tree


def _qualify(tree: exp.Expression, text: str, types: MappingSchema | None) -> exp.Expression:
    try:
        return qualify(
            tree,
            schema=types,
            dialect="trino",
            validate_qualify_columns=False,
            expand_alias_refs=False,
        )
    except OptimizeError as error:
        unknown = str(error).removeprefix("Unknown column: ").strip('"')
        for column in tree.find_all(exp.Column):
            if column.name == unknown:
                raise athena_faults.column_not_found(column, text) from error
        raise


def _adapt(node: exp.Expression) -> exp.Expression:
    """Give a node the meaning it has in Trino where DuckDB's differs."""
    integers = exp.DataType.INTEGER_TYPES
    if isinstance(node, exp.Div) and node.left.is_type(*integers) and node.right.is_type(*integers):
        return exp.Paren(this=exp.IntDiv(this=node.left.copy(), expression=node.right.copy()))
    shifts = isinstance(node, exp.DateAdd | exp.DateSub | exp.DateTrunc | exp.TimestampTrunc) or (
        isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval)
    )
    if shifts and node.this.is_type("date"):  # a date stays a date
        return exp.Cast(this=exp.Paren(this=node.copy()), to=exp.DataType.build("date"))
    if isinstance(node, exp.DateDiff):  # whole units that have passed, not borders crossed
        unit = exp.Literal.string(node.text("unit").lower() or "day")
        return exp.Anonymous(this="date_sub", expressions=[unit, node.expression, node.this])
    if type(node) is exp.Cast and node.is_type(*integers) and node.this.is_type("double", "float"):
        node.set("this", exp.Round(this=node.this.copy()))  # halves away from zero
    return node


def _name(text: str) -> exp.Identifier:
    return exp.to_identifier(text, quoted=True)
