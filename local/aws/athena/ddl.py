"""Statements about the catalogue: tables, partitions, views, and what SHOW and DESCRIBE tell."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from ministack.services import athena, glue

from local.aws import catalogue, lake
from local.aws.athena import sql as athena_sql
from local.aws.athena import types
from local.aws.athena.faults import QueryFault
from local.aws.athena.files import register_partitions
from local.aws.athena.session import Outcome, Session


def run(session: Session) -> Outcome:
    """Run one statement of the catalogue; QueryFault if it is none that is known here."""
    declared = athena._parse_ddl(session.text)
    if declared is not None:
        return _create_or_drop_table(session, declared)
    cursor = athena._Cursor(session.text)
    if cursor.tokens and cursor.tokens[-1][:2] == ("punct", ";"):
        cursor.tokens.pop()
    for words, statement in _STATEMENTS.items():
        if cursor.keywords(*words.split()):
            return statement(session, cursor)
    raise QueryFault("SYNTAX_ERROR", f"line 1:1: mismatched input '{session.text.split()[0]}'")


def _create_or_drop_table(session: Session, declared: Any) -> Outcome:
    verb = "Delete" if isinstance(declared, athena._DropTable) else "Create"
    catalogue.require(f"{verb}Table", declared.database or session.database, declared.table)
    try:
        athena._run_ddl(declared, session.database)
    except ValueError as error:
        raise QueryFault("", f"FAILED: SemanticException {error}") from error
    return Outcome(is_text=True)


def _create_view(session: Session, cursor: Any) -> Outcome:
    """CREATE [OR REPLACE] VIEW: the query is kept as Athena keeps it, with its columns."""
    tree = athena_sql.parse(session.text)
    database = (tree.this.db or session.database).lower()
    name, query = tree.this.name.lower(), tree.expression
    key = f"{database}/{name}"
    known = glue._tables.get(key)
    if known and not (tree.args.get("replace") and known.get("TableType") == "VIRTUAL_VIEW"):
        raise QueryFault("TABLE_ALREADY_EXISTS", f"line 1:1: '{database}.{name}' already exists")
    original = query.sql(dialect="trino")
    translation = session.prepare(query, key)
    if translation.has_unnamed:
        raise QueryFault("MISSING_COLUMN_NAME", "line 1:1: Column name not specified")
    columns = types.describe(session.connection, translation.sql)
    definition = {
        "originalSql": original,
        "catalog": "awsdatacatalog",
        "schema": session.database,
        "columns": [{"name": each, "type": types.athena_type(kind)} for each, kind in columns],
    }
    encoded = base64.b64encode(json.dumps(definition).encode()).decode()
    entry = {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "StorageDescriptor": {
            "Columns": [{"Name": each, "Type": types.glue_type(kind)} for each, kind in columns],
            "Location": "",
        },
    }
    catalogue.require("UpdateTable" if known else "CreateTable", database, name)
    store = glue._update_table if known else glue._create_table
    _check(store({"DatabaseName": database, "TableInput": entry}))
    return Outcome(is_text=True)


def _drop_view(session: Session, cursor: Any) -> Outcome:
    may_miss = cursor.keywords("if", "exists")
    database, name = _name(session, cursor)
    if f"{database}/{name}" in glue._tables:
        catalogue.require("DeleteTable", database, name)
        _check(glue._delete_table({"DatabaseName": database, "Name": name}))
    elif not may_miss:
        raise QueryFault("TABLE_NOT_FOUND", f"line 1:1: View '{database}.{name}' does not exist")
    return Outcome(is_text=True)


def _create_database(session: Session, cursor: Any) -> Outcome:
    may_exist = cursor.keywords("if", "not", "exists")
    name = str(cursor.identifier())
    if not (may_exist and name in glue._databases):
        catalogue.require("CreateDatabase", name)
        _check(glue._create_database({"DatabaseInput": {"Name": name}}))
    return Outcome(is_text=True)


def _drop_database(session: Session, cursor: Any) -> Outcome:
    may_miss = cursor.keywords("if", "exists")
    name = str(cursor.identifier())
    is_full = any(key.startswith(f"{name}/") for key in glue._tables)
    if is_full and not cursor.keywords("cascade"):
        raise QueryFault("", f"FAILED: InvalidOperationException Database {name} is not empty")
    if not (may_miss and name not in glue._databases):
        catalogue.require("DeleteDatabase", name)
        _check(glue._delete_database({"Name": name}))
    return Outcome(is_text=True)


def _alter_table(session: Session, cursor: Any) -> Outcome:
    """ALTER TABLE … ADD [IF NOT EXISTS] | DROP [IF EXISTS] PARTITION (…) [LOCATION '…'] …"""
    database, name = _name(session, cursor)
    table = _table(database, name)
    keys = [each["Name"] for each in table.get("PartitionKeys") or []]
    storage = table["StorageDescriptor"]
    known = [tuple(each["Values"]) for each in glue._partitions.get(f"{database}/{name}", [])]
    owner = {"DatabaseName": database, "TableName": name}
    adds = cursor.keywords("add")
    if not (adds or cursor.keywords("drop")):
        raise QueryFault("SYNTAX_ERROR", "line 1:1: ALTER TABLE knows ADD and DROP PARTITION here")
    tolerant = cursor.keywords("if", "not", "exists") or cursor.keywords("if", "exists")
    while cursor.keywords("partition"):
        given = _partition(cursor)
        if sorted(given) != sorted(keys):
            message = f"Partition {given} does not name the table's keys {keys}"
            raise QueryFault("", f"FAILED: SemanticException {message}")
        values = tuple(given[key] for key in keys)
        if (values in known) == adds and not tolerant:
            state = "already exists" if adds else "does not exist"
            raise QueryFault("", f"FAILED: SemanticException Partition {list(values)} {state}")
        if adds:
            below = "".join(f"{key}={value}/" for key, value in zip(keys, values, strict=True))
            location = cursor.string() if cursor.keywords("location") else None
            location = location or lake.folder(storage["Location"]) + below
            entry = {"Values": list(values), "StorageDescriptor": {**storage, "Location": location}}
            catalogue.require("BatchCreatePartition", database, name)
            glue._batch_create_partition({**owner, "PartitionInputList": [entry]})
        else:
            catalogue.require("DeletePartition", database, name)
            _check(glue._delete_partition({**owner, "PartitionValues": list(values)}))
            cursor.punct(",")
    if not cursor.at_end():
        raise QueryFault("SYNTAX_ERROR", f"line 1:1: extraneous input '{cursor.peek()[1]}'")
    return Outcome(is_text=True)


def _partition(cursor: Any) -> dict[str, str]:
    cursor.punct("(")
    given = {}
    while not cursor.at_end() and not cursor.punct(")"):
        key = str(cursor.identifier()).lower()
        cursor.punct("=")
        text = cursor.string()
        given[key] = str(cursor.number()) if text is None else str(text)
        cursor.punct(",")
    return given


def _repair(session: Session, cursor: Any) -> Outcome:
    """MSCK REPAIR TABLE: register the `key=value` folders that are not registered yet."""
    database, name = _name(session, cursor)
    root = (table := _table(database, name))["StorageDescriptor"]["Location"]
    uris = [lake.folder(root) + stored.name for stored in session.listing.below(root)]
    new = register_partitions(table, database, uris)
    lines = [f"Repair: Added partition to metastore {name}:{each.rstrip('/')}" for each in new]
    return _lines("result", lines)


def _show_tables(session: Session, cursor: Any) -> Outcome:
    database = session.database
    if cursor.keywords("in") or cursor.keywords("from"):
        database = str(cursor.identifier())
    if database not in glue._databases:
        raise QueryFault("", f"FAILED: SemanticException Database does not exist: {database}")
    pattern = (cursor.string() or "*").strip("'")
    names = (key.split("/", 1)[1] for key in glue._tables if key.startswith(f"{database}/"))
    return _lines("tab_name", sorted(n for n in names if glue._simple_glob_match(pattern, n)))


def _show_databases(session: Session, cursor: Any) -> Outcome:
    return _lines("database_name", sorted(glue._databases))


def _show_partitions(session: Session, cursor: Any) -> Outcome:
    database, name = _name(session, cursor)
    keys = [each["Name"] for each in _table(database, name).get("PartitionKeys") or []]
    partitions = glue._partitions.get(f"{database}/{name}", [])
    return _lines(
        "partition",
        sorted(
            "/".join(f"{key}={value}" for key, value in zip(keys, each["Values"], strict=True))
            for each in partitions
        ),
    )


def _describe(session: Session, cursor: Any) -> Outcome:
    table = _table(*_name(session, cursor))
    declared = table["StorageDescriptor"]["Columns"] + (table.get("PartitionKeys") or [])
    rows = [(each["Name"], each["Type"], each.get("Comment", "")) for each in declared]
    names = [(name, "VARCHAR") for name in ("col_name", "data_type", "comment")]
    return Outcome(names, rows, is_text=True)


def _name(session: Session, cursor: Any) -> tuple[str, str]:
    found = cursor.dotted_name(2)
    if found is None:
        raise QueryFault("SYNTAX_ERROR", "line 1:1: a table name is missing")
    return (found[0] or session.database).lower(), found[1].lower()


def _table(database: str, name: str) -> dict[str, Any]:
    catalogue.require("GetTable", database, name)
    table: dict[str, Any] | None = glue._tables.get(f"{database}/{name}")
    if table is None:
        raise QueryFault("", f"FAILED: SemanticException Table not found {database}.{name}")
    return table


def _check(answer: tuple[int, Any, bytes]) -> None:
    if answer[0] >= 300:
        message = json.loads(answer[2]).get("message")
        raise QueryFault("", f"FAILED: Execution Error. {message}")


def _lines(title: str, lines: list[str]) -> Outcome:
    return Outcome([(title, "VARCHAR")], [(line,) for line in lines], is_text=True)


_STATEMENTS: dict[str, Callable[[Session, Any], Outcome]] = {
    "create or replace view": _create_view,
    "create view": _create_view,
    "drop view": _drop_view,
    "create database": _create_database,
    "create schema": _create_database,
    "drop database": _drop_database,
    "drop schema": _drop_database,
    "alter table": _alter_table,
    "msck repair table": _repair,
    "show tables": _show_tables,
    "show databases": _show_databases,
    "show schemas": _show_databases,
    "show partitions": _show_partitions,
    "describe": _describe,
    "desc": _describe,
}
