"""One Athena query at work: its connection, what it may scan and where its results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from sqlglot import exp

from local.aws.athena import sql as athena_sql
from local.aws.athena import tables as athena_tables
from local.aws.athena.faults import QueryFault
from local.aws.lake import Listing


@dataclass(frozen=True)
class Outcome:
    """What a statement answers: columns by name and DuckDB type, rows as Python values."""

    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[Sequence[object]] = ()
    written: Sequence[str] = ()
    is_text: bool = False


@dataclass
class Session:
    """A private DuckDB with the relations that one query reads; `results` is its S3 folder."""

    query_id: str
    text: str
    database: str
    workgroup: str
    results: str
    scratch: Path
    cutoff_bytes: int | None = None
    scanned_bytes: int = 0
    listing: Listing = field(default_factory=Listing)

    def __post_init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute("SET memory_limit = '1GB'")
        self.connection.execute(f"SET temp_directory = '{self.scratch}/spill'")
        # The one would write columns as REQUIRED where no NULL came, so that files of one table
        # differ; the other makes a TRY_CAST over CSV fail.
        self.connection.execute("SET disabled_optimizers = 'statistics_propagation,type_pushdown'")

    def prepare(self, tree: exp.Expression, view: str = "") -> athena_sql.Translation:
        """Create what the query (of `view`, if it defines one) reads; return DuckDB SQL."""
        translation = athena_sql.translate(tree, self.text, self.database, view)
        for read in translation.references:
            self.scanned_bytes += athena_tables.attach(self.connection, self.listing, read)
        if self.cutoff_bytes and self.scanned_bytes > self.cutoff_bytes:
            raise QueryFault("", "Bytes scanned limit was exceeded")
        return translation

    def select(self, tree: exp.Expression) -> Outcome:
        """Run a query and return its rows."""
        translation = self.prepare(tree)
        cursor = self.connection.execute(translation.sql)
        names = translation.names or [each[0] for each in cursor.description]
        kinds = [str(each[1]) for each in cursor.description]
        return Outcome(list(zip(names, kinds, strict=True)), cursor.fetchall())
