"""Rows of a gzipped CSV file in the portfolio's types, each fault with its file and line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from solvencia import columns, raw
from solvencia.portfolio import Table

ROWS_PER_BATCH = 20_000
PROBLEMS_SHOWN = 100  # a file that is wrong in every row is not read to its end


def read(table: Table, path: Path, problems: list[str]) -> Iterator[tuple[list[int], Any | None]]:
    """Yield line numbers and typed batches; None instead of a batch with a broken row."""
    width = len(table.columns)
    rows: list[list[str]] = []
    lines: list[int] = []
    line, is_broken = 1, False
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            reader = csv.reader(text, strict=True)
            header = next(reader, [])
            if header != list(table.columns):
                problems.append(f"{path.name}: line 1: {_describe_header(table, header)}")
                return
            for row in reader:
                line = reader.line_num
                if len(row) != width:
                    problems.append(f"{path.name}: line {line}: has {len(row)} fields, not {width}")
                    is_broken = True
                rows.append(row)
                lines.append(line)
                if len(rows) == ROWS_PER_BATCH:
                    yield lines, None if is_broken else _type(table, path, rows, lines, problems)
                    rows, lines, is_broken = [], [], False
                if len(problems) >= PROBLEMS_SHOWN:
                    problems.append(
                        f"{path.name}: reading stopped at line {line}: mend these first"
                    )
                    return
    except csv.Error as error:
        problems.append(f"{path.name}: line {line + 1}: is not CSV ({error})")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        problems.append(f"{path.name}: after line {line}: is not gzip ({error})")
    except UnicodeDecodeError as error:
        problems.append(f"{path.name}: after line {line}: is not UTF-8 ({error.reason})")
    if rows:
        yield lines, None if is_broken else _type(table, path, rows, lines, problems)


def _type(
    table: Table, path: Path, rows: list[list[str]], lines: list[int], problems: list[str]
) -> Any | None:
    """Return the rows as a record batch, or None after naming each broken row."""
    import pyarrow as pa

    is_broken = False
    while rows and len(problems) < PROBLEMS_SHOWN:
        try:
            arrays = columns.convert(table, list(zip(*rows, strict=True)))
        except columns.Unfit as unfit:
            problems.append(
                f"{path.name}: line {lines[unfit.row]}: column {unfit.column!r} {unfit.problem}"
            )
            is_broken = True
            # Look on behind this row: the sender wants to hear of all of them at once.
            rows, lines = rows[unfit.row + 1 :], lines[unfit.row + 1 :]
        else:
            batch = pa.record_batch(arrays, schema=raw.arrow_schema(table))
            return None if is_broken else batch
    return None


def _describe_header(table: Table, header: list[str]) -> str:
    """Name the portfolio's columns only: a file without a header starts with a person's values."""
    wanted = list(table.columns)
    if sorted(header) == sorted(wanted):
        return f"the columns must stand in this order: {', '.join(wanted)}"
    absent = [name for name in wanted if name not in header]
    unknown = len([name for name in header if name not in wanted])
    lacks = f"lacks {', '.join(absent)}" if absent else "lacks nothing"
    return (
        f"the header of table {table.name!r} {lacks}, and has {unknown} names that the portfolio "
        f"does not know; it must be {','.join(wanted)}"
    )
