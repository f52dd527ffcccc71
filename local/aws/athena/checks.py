"""What Trino refuses in a qualified query and DuckDB would let pass."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from local.aws.athena import faults as athena_faults
from local.aws.athena.faults import QueryFault

_OPERATORS = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}


def check_columns(tree: exp.Expression, text: str, schema: dict[str, dict[str, str]]) -> None:
    """Refuse what stayed without a table: DuckDB would read an alias where Trino does not."""
    for scope in traverse_scope(tree):
        for column in scope.unqualified_columns:
            if column.find_ancestor(exp.Order, exp.Lambda, exp.Select) is not scope.expression:
                continue
            owners = [
                source
                for source in scope.sources.values()
                if column.name
                in (
                    source.expression.named_selects
                    if isinstance(source, Scope)
                    else schema.get(source.name, ())
                )
            ]
            if len(owners) > 1:
                message = f"{athena_faults.at(column, text)}: Column '{column.name}' is ambiguous"
                raise QueryFault("SYNTAX_ERROR", message)
            raise athena_faults.column_not_found(column, text)


def check_comparisons(tree: exp.Expression, text: str) -> None:
    """Refuse comparisons across kinds, which Trino never coerces and DuckDB does."""
    for node in tree.find_all(*_OPERATORS, exp.Between, exp.In):
        sides = [node.args.get(name) for name in ("expression", "low", "high")]
        for right in (*filter(None, sides), *node.expressions):
            kinds = _kind(node.this), _kind(right)
            if all(kinds) and kinds[0] != kinds[1]:
                types = [each.type.sql("trino").lower() for each in (node.this, right)]
                operation = f" {_OPERATORS.get(type(node), node.key.upper())} ".join(types)
                where = athena_faults.at(node, text)
                raise QueryFault("TYPE_MISMATCH", f"{where}: Cannot apply operator: {operation}")


def _kind(node: exp.Expression) -> str:
    for kind, types in (
        ("text", exp.DataType.TEXT_TYPES),
        ("number", exp.DataType.NUMERIC_TYPES),
        ("time", exp.DataType.TEMPORAL_TYPES),
    ):
        if node.type is not None and node.type.this in types:
            return kind
    return ""
