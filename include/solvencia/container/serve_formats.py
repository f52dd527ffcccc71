"""Batches as they arrive: JSON lines, CSV or Parquet in, JSON lines out, some rows at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import batched
from typing import Any

import msgspec

from solvencia.container.serve_scores import Refusal, Scores, Unfit, decode

ROW = "row"  # the input's row number, which is echoed
JSON_LINES = "application/jsonlines"
_PARQUET_ROWS = 1024  # decoded at a time

type Entry = dict[str, Any] | Unfit


def answer(scores: Scores, kind: str, body: bytes) -> Iterator[bytes]:
    """Yield a JSON line for each row, in order: its score, or its problems; some lines at a time.

    Raises Refusal with 400 before the first line for a body that cannot be read as `kind`, one
    of FORMATS.
    """
    blocks = batched(FORMATS[kind](scores, body), scores.rows_at_once)
    lines = (_score(scores, each) for each in blocks)
    first = next(lines, b"")
    return _chain(first, lines)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _score(scores: Scores, entries: Sequence[Entry]) -> bytes:
    """Return the lines of a block."""
    is_numbered = ROW not in scores.known
    lines: list[bytes] = []
    heads: list[tuple[int, bytes]] = []  # where a score belongs, and how its line begins
    applications: list[dict[str, Any]] = []
    for place, entry in enumerate(entries):
        head = b"{"
        lines.append(b"")
        if isinstance(entry, Unfit):
            lines[place] = _refuse(head, entry.problems)
            continue
        if is_numbered and ROW in entry:
            number = entry.pop(ROW)
            if type(number) is not int:
                lines[place] = _refuse(head, {ROW: "not a whole number"})
                continue
            head = b'{"row":%d,' % number
        heads.append((place, head))
        applications.append(entry)
    for (place, head), scored in zip(heads, scores.score_all(applications), strict=True):
        if isinstance(scored, Unfit):
            lines[place] = _refuse(head, scored.problems)
        else:
            lines[place] = head + scored[1:]
    return b"\n".join(lines) + b"\n"


def _refuse(head: bytes, problems: dict[str, str]) -> bytes:
    body: bytes = msgspec.json.encode({"problems": problems})
    return head + body[1:]


def _read_lines(scores: Scores, body: bytes) -> Iterator[Entry]:
    for line in io.BytesIO(body):
        if not line.strip():
            continue
        try:
            entry = decode(line)
        except Refusal:
            yield Unfit({"body": "is not JSON"})
            continue
        yield entry if isinstance(entry, dict) else Unfit({"body": "must be an object of fields"})


def _read_csv(scores: Scores, body: bytes) -> Iterator[Entry]:
    try:
        text = body.decode("utf-8-sig")
        for _ in csv.reader(io.StringIO(text, newline=""), strict=True):
            pass  # a fault in the last line must be known before the first is answered
    except (UnicodeDecodeError, csv.Error) as error:
        what = "UTF-8" if isinstance(error, UnicodeDecodeError) else "CSV"
        raise Refusal(400, f"the body is not {what}: quote texts by RFC 4180") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(rows, [])
    _check_names(scores, header)
    numbered = ROW in header and ROW not in scores.known
    for cells in rows:
        if not cells:
            continue
        if len(cells) != len(header):
            yield Unfit({"body": f"has {len(cells)} cells, the header {len(header)}"})
            continue
        entry: dict[str, Any] = dict(zip(header, cells, strict=True))
        if numbered and entry[ROW].strip().isascii() and entry[ROW].strip().isdigit():
            entry[ROW] = int(entry[ROW])
        yield entry


def _read_parquet(scores: Scores, body: bytes) -> Iterator[Entry]:
    import pyarrow as pa  # a server of single rows needs none
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        _check_names(scores, file.schema_arrow.names)
        for batch in file.iter_batches(_PARQUET_ROWS, use_threads=False):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError):
        raise Refusal(400, "the body is not Parquet: write the file again") from None


def _check_names(scores: Scores, names: list[str]) -> None:
    problems = {name: "missing column" for name in scores.fields if name not in names}
    problems |= {name: "unknown column" for name in names if name not in {*scores.known, ROW}}
    problems |= {name: "column given twice" for name in names if names.count(name) > 1}
    if problems:
        raise Refusal(400, "columns differ from the portfolio's fields", problems)


FORMATS: dict[str, Callable[[Scores, bytes], Iterator[Entry]]] = {
    JSON_LINES: _read_lines,
    "application/x-jsonlines": _read_lines,
    "application/x-ndjson": _read_lines,
    "text/csv": _read_csv,
    "application/x-parquet": _read_parquet,
    "application/vnd.apache.parquet": _read_parquet,
}
