"""What a query reads of each table: the columns it names and the partitions it can need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ministack.services import glue
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope


@dataclass
class Reference:
    """One place where a query reads a table; `name` is the relation that stands for it.

    `predicate` is SQL over the partition keys, that `alias` qualifies; rows outside it cannot
    reach the result.
    """

    name: str
    database: str
    table: str
    alias: str = ""
    columns: frozenset[str] = frozenset()
    predicate: str = ""


def note_reads(
    tree: exp.Expression, references: dict[str, Reference], schema: dict[str, dict[str, str]]
) -> None:
    """Fill in, for every relation of a qualified query, its columns and its predicate."""
    for scope, alias, source in _sources(tree):
        if source.name not in references:
            continue
        reference = references[source.name]
        read = {column.name for column in scope.columns if column.table == alias}
        reference.columns = frozenset(read & schema[source.name].keys())
        found = glue._tables.get(f"{reference.database}/{reference.table}") or {}
        keys = {each["Name"].lower() for each in found.get("PartitionKeys") or []}
        reference.alias = alias
        reference.predicate = " AND ".join(
            f"({each.sql(dialect='duckdb')})"
            for each in _conditions(scope, alias)
            if keys and _is_over(each, alias, keys)
        )


def _sources(tree: exp.Expression) -> Iterator[tuple[Scope, str, exp.Table]]:
    for scope in traverse_scope(tree):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table):
                yield scope, alias, source


def _conditions(scope: Scope, alias: str) -> Iterator[exp.Expression]:
    """Yield the conditions that every row of `alias` in the result fulfils."""
    select = scope.expression
    holders = [select.args.get("where")]
    for join in select.args.get("joins") or ():
        if not join.side or (join.side == "LEFT" and join.this.alias_or_name == alias):
            holders.append(join.args.get("on"))
    for holder in holders:
        condition = holder.this if isinstance(holder, exp.Where) else holder
        if condition is not None:
            yield from condition.flatten() if isinstance(condition, exp.And) else (condition,)


def _is_over(condition: exp.Expression, alias: str, keys: set[str]) -> bool:
    columns = list(condition.find_all(exp.Column))
    return (
        bool(columns)
        and condition.find(exp.Query) is None
        and all(each.table == alias and each.name in keys for each in columns)
    )
