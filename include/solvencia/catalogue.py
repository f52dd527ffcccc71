"""What the crawler inferred, held against the portfolio; and the types Glue gives its columns."""

from __future__ import annotations

from typing import Any

from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio, Table

GLUE_TYPES = {"integer": "bigint", "number": "double", "text": "string", "date": "date"}
PARTITION_KEY = "period"


class CatalogueMismatch(PermanentFault):
    """The Glue catalogue and the portfolio disagree; `problems` names every table and column."""

    def __init__(self, database: str, portfolio: str, problems: list[str]) -> None:
        super().__init__(
            f"the crawler's tables in Glue database {database!r} disagree with "
            f"portfolios/{portfolio}/portfolio.toml in {len(problems)} place(s). Ingest the period "
            "again if its files are wrong, or change the portfolio if the lender's tables changed, "
            "then crawl again.\n" + "\n".join(f"- {each}" for each in problems)
        )
        self.problems = problems


def check(glue: Any, database: str, portfolio: Portfolio, period: str) -> int:
    """Compare every table of the portfolio; return how many agree, or raise CatalogueMismatch."""
    problems = []
    for table in portfolio.tables.values():
        try:
            found = glue.get_table(DatabaseName=database, Name=table.name)["Table"]
        except glue.exceptions.EntityNotFoundException:
            problems.append(f"table {table.name!r}: the crawler found no such table")
            continue
        partitions = glue.get_partitions(
            DatabaseName=database,
            TableName=table.name,
            Expression=f"{PARTITION_KEY} = '{period}'",
            ExcludeColumnSchema=True,
        )["Partitions"]
        problems += compare(table, found, [each["Values"][0] for each in partitions], period)
    if problems:
        raise CatalogueMismatch(database, portfolio.name, problems)
    return len(portfolio.tables)


def compare(table: Table, found: dict[str, Any], partitions: list[str], period: str) -> list[str]:
    """Return each disagreement between a table of the portfolio and the one Glue describes."""
    expected = {name: GLUE_TYPES[kind] for name, kind in table.columns.items()}
    inferred = {each["Name"]: each["Type"] for each in found["StorageDescriptor"]["Columns"]}
    keys = [each["Name"] for each in found.get("PartitionKeys", [])]
    where = f"table {table.name!r}"
    problems = [f"{where}: column {name!r} is missing" for name in expected if name not in inferred]
    problems += [
        f"{where}: column {name!r} is not in the portfolio"
        for name in inferred
        if name not in expected
    ]
    problems += [
        f"{where}: column {name!r} has type {inferred[name]}, the portfolio says {kind}"
        for name, kind in expected.items()
        if name in inferred and inferred[name] != kind
    ]
    if keys != [PARTITION_KEY]:
        problems.append(f"{where}: is partitioned by {keys}, not by [{PARTITION_KEY!r}]")
    elif period not in partitions:
        problems.append(f"{where}: partition {PARTITION_KEY}={period} is missing")
    return problems
