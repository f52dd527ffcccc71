"""A batch's input becomes numbered applications, or names the file and the row that stops it."""

from __future__ import annotations

import gzip
import io
import json
import math
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from solvencia import batch_rows, portfolio
from solvencia.batch_objects import encode

PORTFOLIO = portfolio.load("consumer_credit")
FIELDS = [each.name for each in PORTFOLIO.request_fields]
VALUES = dict.fromkeys(FIELDS, 1) | {"debt_ratio": 0.5, "monthly_income_usd": None}


def read(name, content, ignored=None):
    return list(
        batch_rows.read(PORTFOLIO, name, io.BytesIO(content), set() if ignored is None else ignored)
    )


def csv_of(*rows, header=FIELDS):
    lines = [",".join(header), *(",".join(row) for row in rows)]
    return "\n".join(lines).encode()


def texts(**changed):
    return [str({**VALUES, **changed}[name]).replace("None", "") for name in FIELDS]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", csv_of(texts(), texts())),
        ("a.csv", b"\xef\xbb\xbf" + csv_of(texts(), [f'"{each}"' for each in texts()]) + b"\r\n\n"),
        ("a.csv.gz", gzip.compress(csv_of(texts(), texts()))),
        ("a.jsonl", (json.dumps(VALUES) + "\n").encode() * 2),
        ("a.JSONL.gz", gzip.compress((json.dumps(VALUES) + "\n").encode() * 2)),
    ],
)
def test_every_format_gives_the_same_rows(name, content):
    """CSV with or without quotes and mark, JSON lines, both gzipped, number their rows from 1."""
    assert read(name, content) == [(1, VALUES, {}), (2, VALUES, {})]


def test_parquet_gives_the_same_rows(tmp_path):
    """Types of the file stay; a missing number is None."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({name: [value, value] for name, value in VALUES.items()}), path)
    with path.open("rb") as body:
        found = list(batch_rows.read(PORTFOLIO, "a.parquet", body, set()))

    assert found == [(1, VALUES, {}), (2, VALUES, {})]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (Decimal("1.5"), 1.5),
        (math.nan, None),
        (math.inf, "inf"),
        (float(2**70), 2.0**70),
        (date(2026, 1, 2), "2026-01-02"),
        (b"ab", "b'ab'"),
        ([math.inf], "[inf]"),
    ],
)
def test_what_json_does_not_know_is_left_for_the_model_to_refuse(tmp_path, cell, value):
    """A missing number is NaN in Parquet; a text where a number belongs is refused by its field."""
    path = tmp_path / "a.parquet"
    columns = {name: [given] for name, given in VALUES.items()} | {"debt_ratio": [cell]}
    pq.write_table(pa.table(columns), path)
    with path.open("rb") as body:
        found = list(batch_rows.read(PORTFOLIO, "a.parquet", body, set()))

    assert found == [(1, VALUES | {"debt_ratio": value}, {})]
    assert encode(found[0][1])


def test_other_columns_are_ignored_and_named():
    """A lender's file has more columns than a score asks for, in any order."""
    ignored = set()
    header = ["loan", *reversed(FIELDS)]
    found = read("a.csv", csv_of(["L-1", *reversed(texts())], header=header), ignored)

    assert found == [(1, VALUES, {})]
    assert ignored == {"loan"}


def test_a_row_that_is_none_has_a_problem_of_its_own():
    """A lost field, and a line that is no object, spoil their own row alone."""
    short = read("a.csv", csv_of(texts(), texts()[1:], texts()))
    lines = b'{"debt_ratio": NaN}\n[1]\n{' + b"\n" + json.dumps(VALUES).encode()
    broken = read("a.jsonl", lines)

    assert [each[0] for each in short] == [1, 2, 3]
    assert short[1] == (2, None, {"row": f"has {len(FIELDS) - 1} fields, not {len(FIELDS)}"})
    assert [each[2] for each in broken] == [{"row": "is not a JSON object"}] * 3 + [{}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        (" -7.5e1 ", -75.0),
        ("", None),
        ("1,5", "1,5"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("1e999", "1e999"),
        ("9" * 400, "9" * 400),
    ],
)
def test_a_text_that_is_no_finite_number_is_left_for_the_model_to_refuse(text, value):
    """A number is a number; nothing else is guessed at."""
    row = [
        f'"{text}"' if name == "debt_ratio" else each
        for name, each in zip(FIELDS, texts(), strict=True)
    ]
    (found,) = read("a.csv", csv_of(row))

    assert found[1]["debt_ratio"] == value


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"", r"a\.xlsx: cannot be read: name it \*\.csv"),
        ("a.csv", b"", "a.csv: row 0: the header lacks revolving_utilisation_ratio"),
        ("a.csv", csv_of(header=FIELDS[:-1]), f"a.csv: row 0: the header lacks {FIELDS[-1]}:"),
        ("a.csv", csv_of(header=[*FIELDS, FIELDS[0]]), "row 0: the header names .* twice"),
        ("a.csv", csv_of(texts(), ['"']), "a.csv: row 2: is not CSV"),
        ("a.csv", csv_of(texts()) + b"\n\xff", "a.csv: row 2: is not UTF-8"),
        ("a.csv.gz", b"plain", "a.csv.gz: after row 0: is not gzip"),
        ("a.csv.gz", gzip.compress(csv_of(texts()))[:-9], "is not gzip"),
        ("a.jsonl", b"x" * (3 << 20), "a.jsonl: after row 0: a line is longer than 1 MB"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_row(name, content, message):
    """The message never repeats a value."""
    with pytest.raises(batch_rows.UnreadableFile, match=message):
        read(name, content)


def test_a_parquet_file_that_is_none_is_named(tmp_path):
    """The path on this machine is not in the message."""
    path = tmp_path / "input.tmp"
    path.write_bytes(b"no parquet")
    with (
        path.open("rb") as body,
        pytest.raises(
            batch_rows.UnreadableFile, match=r"a\.parquet: after row 0: is not Parquet"
        ) as found,
    ):
        list(batch_rows.read(PORTFOLIO, "a.parquet", body, set()))

    assert str(tmp_path) not in str(found.value)
