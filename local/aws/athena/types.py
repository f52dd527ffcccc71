"""Types and values at Athena's borders: Glue, DuckDB and the text of a result."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterable
from typing import Any

import duckdb
from sqlglot import exp

_HUGE = ("HUGEINT", "UHUGEINT", "UBIGINT")
_TEXT = ("string", "varchar", "char")
_WIDER = {
    "tinyint": ("smallint", "int", "bigint"),
    "smallint": ("int", "bigint"),
    "int": ("bigint",),
    "float": ("double",),
}


def duckdb_type(glue_type: str) -> str:
    """Return the DuckDB spelling of a Glue (Hive) type."""
    return str(exp.DataType.build(glue_type, dialect="hive").sql(dialect="duckdb"))


def glue_type(engine_type: str) -> str:
    """Return the Glue (Hive) spelling of a DuckDB type, in lower case."""
    if engine_type in _HUGE:
        return "bigint"
    if engine_type.strip('"') in ("NULL", "UUID", "JSON", "TIME", "INTERVAL"):
        return "string"
    if engine_type.startswith("TIMESTAMP"):
        return "timestamp"
    kind = exp.DataType.build(engine_type, dialect="duckdb")
    return str(kind.sql(dialect="hive")).lower().replace(": ", ":").replace(", ", ",")


def athena_type(engine_type: str) -> str:
    """Return the type name that GetQueryResults gives for a DuckDB type."""
    base = glue_type(engine_type).split("(")[0].split("<")[0]
    names = {"int": "integer", "string": "varchar", "binary": "varbinary", "struct": "row"}
    return names.get(base, base)


def can_read(stored: str, declared: str) -> bool:
    """Whether a Parquet column of Glue type `stored` reads as the type a table declares."""
    stored, declared = base(stored), base(declared)
    if declared in _TEXT and stored in _TEXT:
        return True
    integers = ("tinyint", "smallint", "int", "bigint")
    if stored in integers and declared in integers:
        return True  # a value too wide for the declared type fails when it is read
    return stored == declared or declared in _WIDER.get(stored, ())


def can_coerce(partition: str, table: str) -> bool:
    """Whether a partition's declared type may differ so from its table's."""
    partition, table = base(partition), base(table)
    return partition == table or table in _WIDER.get(partition, ()) or table in _TEXT


def widen(types: Iterable[str]) -> str:
    """Return the narrowest Glue type that holds every one of `types`; text if none else does."""
    kinds = sorted(set(types))
    for kind in kinds:
        if all(each == kind or kind in _WIDER.get(each, ()) for each in kinds):
            return kind
    if all(each in ("tinyint", "smallint", "int", "bigint", "float", "double") for each in kinds):
        return "double"
    return "timestamp" if kinds == ["date", "timestamp"] else "string"


def base(glue_type: str) -> str:
    """Return the type's name without its arguments."""
    name = glue_type.lower().split("(")[0].split("<")[0].strip()
    return {"integer": "int", "real": "float"}.get(name, name)


def describe(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[str, str]]:
    """Return name and DuckDB type of every column that a query yields."""
    return [(row[0], row[1]) for row in connection.execute(f"DESCRIBE {sql}").fetchall()]


def quote(name: str) -> str:
    """Return an identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a string literal."""
    return "'" + text.replace("'", "''") + "'"


def format_value(value: Any) -> str | None:
    """Return a value as Athena's results spell it; None for NULL."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return _format_double(value)
        case datetime.datetime():
            zone = " UTC" if value.tzinfo else ""
            return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}{zone}"
        case bytes():
            return value.hex(" ")
        case list() | tuple():
            return "[" + ", ".join(format_value(each) or "null" for each in value) + "]"
        case dict():
            pairs = (f"{key}={format_value(each) or 'null'}" for key, each in value.items())
            return "{" + ", ".join(pairs) + "}"
    return str(value)


def _format_double(value: float) -> str:
    """Spell a double as Java does: plain from 0.001 to 10 million, else with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    fraction = "".join(map(str, digits[1:])) or "0"
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{digits[0]}.{fraction}E{power}"
