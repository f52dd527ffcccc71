"""Prepared Parquet files into cleaned ones: DuckDB around the core, no S3.

Rows go DuckDB -> NumPy -> DuckDB in batches, so memory is bounded by a batch and by DuckDB's
buffers, which spill to the folder; the folder needs about 100 bytes a row. The same
rows give the same bytes: one thread, sorted by key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from solvencia.clean import Cleaned, Column, MissingColumn, clean
from solvencia.portfolio import Field, Portfolio
from solvencia.split import assign, find_open, list_splits

type Reasons = Mapping[int, tuple[str, ...]]  # by the row's place in its batch

BATCH_ROWS = 100_000

_SQL_TYPES = {"integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR", "date": "DATE"}


def clean_files(
    *, portfolio: Portfolio, period: str, files: list[Path], folder: Path, source: str
) -> tuple[dict[str, Path], dict[str, Any]]:
    """Clean prepared Parquet files into a folder; return the outputs by name and the counts.

    Outputs are the portfolio's splits and "quarantine"; `source` names the files in errors.
    """
    with _connect(folder) as database:
        _read(database, portfolio, files, source)
        by_reason = _clean_batches(database, portfolio, period)
        return _write(database, portfolio, folder), _count(database, portfolio, by_reason)


def _connect(folder: Path) -> Any:
    return duckdb.connect(
        str(folder / "part.duckdb"),
        config={
            "threads": 1,
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )


def _read(database: Any, portfolio: Portfolio, files: list[Path], source: str) -> None:
    """Fill the table `prepared`, sorted by the key, from the files; empty when there is none."""
    fields = portfolio.prepared_fields
    if not files:
        columns = ", ".join(f"{_quote(each.name)} {_SQL_TYPES[each.type]}" for each in fields)
        database.execute(f"CREATE TABLE prepared ({columns})")
        return
    for file in files:
        described = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)])
        found = {row[0] for row in described.fetchall()}
        absent = [each.name for each in fields if each.name not in found]
        if absent:
            raise MissingColumn(portfolio.name, absent, source)
    names = _list(fields)
    order = _list((portfolio.key, *(each for each in fields if each != portfolio.key)))
    database.execute(
        f"CREATE TABLE prepared AS SELECT {names} "  # noqa: S608 - names are the portfolio's
        f"FROM read_parquet(?, hive_partitioning = false) ORDER BY {order}",
        [[str(file) for file in files]],
    )


def _clean_batches(database: Any, portfolio: Portfolio, period: str) -> Counter[str]:
    """Fill the tables `cleaned` and `refused` batch by batch; return rows by reason."""
    kept = _kept(portfolio)
    columns = ", ".join(f"{_quote(each.name)} {_kept_type(portfolio, each)}" for each in kept)
    database.execute(f"CREATE TABLE cleaned (row_no BIGINT, split VARCHAR, {columns})")
    database.execute("CREATE TABLE refused (row_no BIGINT, reasons VARCHAR)")
    by_reason: Counter[str] = Counter()
    rows = database.execute("SELECT count(*) FROM prepared").fetchone()[0]
    for start in range(0, rows, BATCH_ROWS):
        fetched = database.execute(
            "SELECT * FROM prepared WHERE rowid BETWEEN ? AND ? ORDER BY rowid",
            [start, start + BATCH_ROWS - 1],
        ).fetchnumpy()
        result = clean(portfolio, {name: _fill(each) for name, each in fetched.items()})
        reasons = _refuse_open(portfolio, period, result, _settle_labels(portfolio, result))
        by_reason.update(reason for found in reasons.values() for reason in found)
        _insert(database, portfolio, period, result, reasons, start)
    return by_reason


def _fill(column: Any) -> Column:
    """Turn DuckDB's masked array into one of objects with None."""
    if not isinstance(column, np.ma.MaskedArray):
        return np.asarray(column)
    if column.dtype.kind == "f":
        return np.asarray(column.filled(np.nan))
    if column.dtype.kind == "M":
        return np.asarray(column.filled(np.datetime64("NaT", "us")))
    filled: Column = np.ma.getdata(column).astype(object)
    filled[np.ma.getmaskarray(column)] = None
    return filled


def _settle_labels(portfolio: Portfolio, result: Cleaned) -> Reasons:
    """Return the reasons to refuse, where only a declined row has, and must have, no label."""
    if portfolio.decision_field is None:
        return result.reasons
    label = portfolio.label.field
    missing, known = f"{label}: missing", f"{label}: known, though declined"
    is_known = ~np.isnan(result.columns[label])
    reasons = dict(result.reasons)
    for row in np.flatnonzero(result.columns[portfolio.decision_field.name] == 0).tolist():
        found = tuple(each for each in reasons.pop(row, ()) if each != missing)
        if found or is_known[row]:
            reasons[row] = (*found, *([known] if is_known[row] else []))
    return reasons


def _refuse_open(
    portfolio: Portfolio, period: str, result: Cleaned, reasons: Reasons
) -> dict[int, tuple[str, ...]]:
    """Add the reason of rows whose label is not known yet: they may not train a model."""
    time = portfolio.time.name
    is_open = find_open(portfolio, period, result.columns[time])
    reason = f"{time}: performance window still open"
    opened = {row: (*reasons.get(row, ()), reason) for row in np.flatnonzero(is_open).tolist()}
    return {**reasons, **opened}


def _insert(
    database: Any,
    portfolio: Portfolio,
    period: str,
    result: Cleaned,
    reasons: Reasons,
    start: int,
) -> None:
    refused = np.array(sorted(reasons), dtype=np.int64)
    accepted = np.setdiff1d(np.arange(len(result.is_accepted)), refused)
    columns = {name: values[accepted] for name, values in result.columns.items()}
    keys, dates = columns[portfolio.key.name], columns[portfolio.time.name]
    decisions = columns[portfolio.decision_field.name] if portfolio.decision_field else None
    splits = assign(portfolio, period, keys, dates, decisions)
    batch = {"row_no": accepted + start, "split": splits.astype(object)}
    batch |= {each.name: _storable(columns[each.name]) for each in _kept(portfolio)}
    _append(database, "cleaned", batch)
    texts = np.array(["; ".join(reasons[row]) for row in refused.tolist()], dtype=object)
    _append(database, "refused", {"row_no": refused + start, "reasons": texts})


def _append(database: Any, table: str, batch: dict[str, npt.NDArray[Any]]) -> None:
    if len(batch["row_no"]) == 0:
        return
    database.register("batch", batch)
    selected = ", ".join(
        f"CASE WHEN isnan({_quote(name)}) THEN NULL ELSE {_quote(name)} END"
        if values.dtype.kind == "f"
        else _quote(name)
        for name, values in batch.items()
    )
    database.execute(f"INSERT INTO {table} SELECT {selected} FROM batch")  # noqa: S608
    database.unregister("batch")


def _storable(values: Column) -> Column:
    """DuckDB reads dates from NumPy in microseconds only."""
    return values.astype("datetime64[us]") if values.dtype.kind == "M" else values


def _write(database: Any, portfolio: Portfolio, folder: Path) -> dict[str, Path]:
    """Write one Parquet file for each split and the quarantine; return them by name."""
    kept = _list(_kept(portfolio))
    queries = {
        split: f"SELECT {kept} FROM cleaned WHERE split = '{split}' ORDER BY row_no"  # noqa: S608
        for split in list_splits(portfolio)
    }
    queries["quarantine"] = (
        f"SELECT p.{_quote(portfolio.key.name)}, r.reasons, "  # noqa: S608
        f"p.* EXCLUDE ({_quote(portfolio.key.name)}) "
        "FROM refused r JOIN prepared p ON p.rowid = r.row_no ORDER BY r.row_no"
    )
    files = {name: folder / f"{name}.parquet" for name in queries}
    for name, query in queries.items():
        target = str(files[name]).replace("'", "''")
        database.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION snappy)")
    return files


def _count(database: Any, portfolio: Portfolio, by_reason: Counter[str]) -> dict[str, Any]:
    by_split = dict(
        database.execute("SELECT split, count(*) FROM cleaned GROUP BY split").fetchall()
    )
    prepared, quarantined = database.execute(
        "SELECT (SELECT count(*) FROM prepared), (SELECT count(*) FROM refused)"
    ).fetchone()
    return {
        "prepared": prepared,
        **(
            {"declined": _count_declined(database, portfolio.decision_field)}
            if portfolio.decision_field
            else {}
        ),
        "cleaned": {split: by_split.get(split, 0) for split in list_splits(portfolio)},
        "quarantined": quarantined,
        "quarantined_by": dict(sorted(by_reason.items())),
    }


def _count_declined(database: Any, decision: Field) -> dict[str, int]:
    is_declined = f"TRY_CAST(p.{_quote(decision.name)} AS DOUBLE) = 0"
    prepared, quarantined = database.execute(
        "SELECT count(*), count(r.row_no) FROM prepared p "  # noqa: S608 - the portfolio's name
        f"LEFT JOIN refused r ON r.row_no = p.rowid WHERE {is_declined}"
    ).fetchone()
    return {"prepared": prepared, "quarantined": quarantined}


def _kept(portfolio: Portfolio) -> tuple[Field, ...]:
    """What a cleaned object carries: the key first, then time, label, protected and features."""
    return portfolio.with_role("id") + portfolio.with_role(
        "time", "label", "protected", "feature", "derived"
    )


def _kept_type(portfolio: Portfolio, field: Field) -> str:
    return _SQL_TYPES[field.type] if field in (portfolio.key, portfolio.time) else "DOUBLE"


def _list(fields: tuple[Field, ...]) -> str:
    return ", ".join(_quote(each.name) for each in fields)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
