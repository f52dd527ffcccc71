"""Rows of a Parquet file, read by DuckDB in batches; memory is bounded, the file is on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from solvencia import batch_rows
from solvencia.batch_rows import Row, UnreadableFile
from solvencia.portfolio import Portfolio

BATCH_ROWS = 10_000
MEMORY = "512MB"


def read(portfolio: Portfolio, name: str, body: Any, ignored: set[str]) -> Iterator[Row]:
    """Yield the rows of an open file as `batch_rows.read` does; raise UnreadableFile."""
    row = 0
    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY}) as database:
            described = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [body.name])
            found = [str(each[0]) for each in described.fetchall()]
            fields = list(batch_rows.check_columns(portfolio, name, found, ignored))
            names = ", ".join(f'"{each}"' for each in fields)
            total = database.execute("SELECT count(*) FROM read_parquet(?)", [body.name])
            rows = (total.fetchone() or (0,))[0]
            for start in range(0, rows, BATCH_ROWS):
                batch = database.execute(
                    f"SELECT {names} FROM read_parquet(?, file_row_number = true) "  # noqa: S608
                    "WHERE file_row_number >= ? AND file_row_number < ? ORDER BY file_row_number",
                    [body.name, start, start + BATCH_ROWS],
                )
                for values in batch.fetchall():
                    row += 1
                    found_values = map(batch_rows.plain, values)
                    yield batch_rows.sift(row, dict(zip(fields, found_values, strict=True)))
    except duckdb.Error as error:
        text = str(error).splitlines()[0].replace(body.name, name)[:200]
        raise UnreadableFile(f"{name}: after row {row}: is not Parquet ({text})") from error
