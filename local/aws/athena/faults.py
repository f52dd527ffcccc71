"""Failures of a query, worded and coded as Athena words and codes them."""

from __future__ import annotations

import re

import duckdb
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError, TokenError

from local.aws.iam.gate import AccessDenied
from local.aws.lake import StorageFault


class QueryFault(Exception):
    """A query that Athena would refuse: `code` is its error name, the message the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code


def at(node: exp.Expression | None, text: str) -> str:
    """Return `line x:y`, one-based, of the first name below `node`."""
    names = node.find_all(exp.Identifier, exp.Star) if node is not None else ()
    start = min((each.meta["start"] for each in names if "start" in each.meta), default=0)
    return f"line {text.count(chr(10), 0, start) + 1}:{start - text.rfind(chr(10), 0, start)}"


def column_not_found(column: exp.Expression, text: str) -> QueryFault:
    """The column is in none of the tables read."""
    return QueryFault(
        "COLUMN_NOT_FOUND",
        f"{at(column, text)}: Column '{column.name}' cannot be resolved or requester is not "
        "authorized to access requested resources",
    )


def table_not_found(table: exp.Expression, name: str, text: str) -> QueryFault:
    """The catalogue has no such table."""
    message = f"{at(table, text)}: Table 'awsdatacatalog.{name}' does not exist"
    return QueryFault("TABLE_NOT_FOUND", message)


def explain(error: Exception) -> QueryFault | None:
    """Return what Athena would say of an engine's error; None if it is not the query's fault."""
    message = str(error).split("\n", 1)[0]
    match error:
        case QueryFault():
            return error
        case ParseError() if error.errors:
            first = error.errors[0]
            where = f"line {first['line']}:{first['col']}"
            return QueryFault("SYNTAX_ERROR", f"{where}: {first['description']}")
        case SqlglotError() | TokenError():
            return QueryFault("SYNTAX_ERROR", f"line 1:1: {message}")
        case AccessDenied():
            said = f"Insufficient permissions to execute the query. {message}"
            return QueryFault("PERMISSION_DENIED", said)
        case StorageFault():
            return QueryFault("HIVE_FILESYSTEM_ERROR", message)
        case duckdb.InterruptException():
            return QueryFault("", "Query was cancelled by user")
        case duckdb.Error():
            return QueryFault(*_explain_engine(error, message))
    return None


def _explain_engine(error: duckdb.Error, message: str) -> tuple[str, str]:
    message = re.sub(r"^\w+( \w+)* Error: ", "", message)
    if "Division by zero" in message:
        return "DIVISION_BY_ZERO", "Division by zero"
    if function := re.search(r"Function with name (\S+) does not exist", message):
        return "FUNCTION_NOT_FOUND", f"line 1:1: Function '{function[1]}' not registered"
    if isinstance(error, duckdb.ConversionException):
        return "INVALID_CAST_ARGUMENT", message
    if isinstance(error, duckdb.OutOfRangeException):
        return "NUMERIC_VALUE_OUT_OF_RANGE", message
    if isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException):
        return "SYNTAX_ERROR", f"line 1:1: {message}"
    return "GENERIC_INTERNAL_ERROR", message
