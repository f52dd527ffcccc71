from __future__ import annotations

import csv
import io
import json
import random
import socket

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving import ask, post, post_batch, serving

from solvencia import batch_rows, features
from solvencia.batch_objects import encode
from solvencia.container import serve_formats
from solvencia.container.serve_scores import Scores, Unfit

KINDS = ("scorecard", "boosting", "blend")

MESSY = [
    None, 0, 1, 7, 98, 0.5, 0.9999999, -1, 1.5, 1e7, 1e300, 2**60, 10**400, "7", " 7 ", "", "x",
    True, [1], {"a": 1},
]  # fmt: skip
BROKEN = [
    "NaN", "-Infinity", "1e999", "-1e999", "9" * 5000, "0.1", "1", "-0", "null", "true", '""',
    '"\\ud800"', '"own"', "[" * 2000, "{}", "[1e999]", '{"a":{"b":[1]}}', "1e-400",
    '"\x00"', "0x1", "'a'", "1_0", "\u0661", '"\ufffd"', "1" + "0" * 400, "1" + "0" * 25,
    '"\\u0000"', '"' + "a" * 9000 + '"',
]  # fmt: skip
LINES, CSV, PARQUET = "application/jsonlines", "text/csv", "application/x-parquet"


@pytest.fixture(scope="module")
def server(trained):
    with serving(trained[0], SOLVENCIA_WORKERS="1") as (port, _):
        yield port


def rows_of(application) -> list[dict]:
    late = application | {"past_due_90_days_count": 4, "monthly_income_usd": None}
    return [{"row": place + 5, **each} for place, each in enumerate((application, late) * 20)]


def write(kind: str, rows: list[dict]) -> bytes:
    if kind == LINES:
        return b"".join(json.dumps(each).encode() + b"\n" for each in rows)
    if kind == CSV:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), target)
    return target.getvalue()


@pytest.mark.parametrize("kind", [LINES, CSV, PARQUET])
def test_every_format_has_the_floats_of_a_single_request(
    server, consumer_credit, application, kind
):
    """Rows of a batch get, in order and by their numbers, the very scores they get alone."""
    rows = rows_of(application)

    status, found = post_batch(server, write(kind, rows), kind, consumer_credit.fingerprint)

    assert status == 200
    assert [each.pop("row") for each in found] == [each["row"] for each in rows]
    for row, each in zip(rows[:2], found[:2], strict=True):
        alone = {k: v for k, v in row.items() if k != "row"}
        body = {"fingerprint": consumer_credit.fingerprint, "applications": [alone]}
        assert post(server, json.dumps(body).encode())[1]["scores"] == [each]
    assert found == found[:2] * 20


@pytest.mark.parametrize("kind", KINDS)
def test_rows_scored_together_get_the_bytes_of_a_row_alone(
    consumer_credit, splits, kinds, kind, application
):
    """Whatever stands beside it, a row gets its own score and reasons, or what is wrong with it."""
    matrix = features.build(consumer_credit, splits["test"])[:60]
    names = kinds[kind].features
    plain = [{name: row[names.index(name)] for name in application} for row in matrix.tolist()]
    plain = [{k: None if v != v else v for k, v in each.items()} for each in plain]
    messy = [application | {name: value} for name in application for value in MESSY]
    scores = Scores(kinds[kind], consumer_credit)
    for asked in (plain, messy, [*messy, application | {"age": 3}, {}]):
        together = scores.score_all(asked)

        assert [tell(each) for each in together] == [alone(scores, each) for each in asked]
    assert sum(isinstance(each, Unfit) for each in together) > 50
    assert sum(isinstance(each, bytes) for each in together) > 50


def alone(scores, application) -> bytes | dict:
    try:
        return msgspec.json.encode(scores.score(application))
    except Unfit as unfit:
        return unfit.problems


def tell(answer) -> bytes | dict:
    return answer.problems if isinstance(answer, Unfit) else answer


@pytest.mark.parametrize("kind", [LINES, CSV, PARQUET])
def test_a_bad_row_has_its_problems_and_the_batch_goes_on(
    server, consumer_credit, application, kind
):
    """A row that cleaning refuses is answered with the field and the reason, in its place."""
    rows = rows_of(application)[:3]
    rows[1]["debt_ratio"] = -1.0

    status, found = post_batch(server, write(kind, rows), kind, consumer_credit.fingerprint)

    assert status == 200
    assert found[1] == {"row": 6, "problems": {"debt_ratio": "below 0"}}
    assert "pd" in found[0]
    assert "pd" in found[2]


def test_a_line_that_is_no_object_is_a_bad_row(server, consumer_credit, application):
    """Broken JSON, a list, an unknown field or a number that is none stay within their line."""
    good = json.dumps(application).encode()
    bad = [b"{", b"[1]", b'{"age": 3}', json.dumps(application | {"row": "x"}).encode()]

    status, found = post_batch(
        server, b"\n".join([good, *bad, good]), LINES, consumer_credit.fingerprint
    )

    assert status == 200
    assert [each.get("problems") for each in found] == [
        None,
        {"body": "is not JSON"},
        {"body": "must be an object of fields"},
        {"age": "unknown field"},
        {"row": "not a whole number"},
        None,
    ]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (PARQUET, b"PAR1 but no more", "not Parquet"),
        (CSV, b"debt_ratio\n\xff\n", "not UTF-8"),
        (CSV, b'debt_ratio\n"1"2\n', "not CSV"),
        (CSV, b"debt_ratio,age\n1,2\n", "columns differ"),
        (CSV, b"", "columns differ"),
    ],
)
def test_what_cannot_be_read_is_refused_whole(server, consumer_credit, kind, body, expected):
    """Malformed CSV or Parquet, or other columns, get 400 and the reason before any score."""
    status, (answer,) = post_batch(server, body, kind, consumer_credit.fingerprint)

    assert status == 400
    assert expected in answer["error"]


def test_a_body_that_breaks_off_late_cuts_its_answer_off(server, consumer_credit, application):
    """Parquet whose last pages are corrupt gets no second head and no end that looks whole."""
    rows = rows_of(application) * 200
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), target, row_group_size=1000, compression="none")
    body = bytearray(target.getvalue())
    last = pq.ParquetFile(io.BytesIO(bytes(body))).metadata.row_group(len(rows) // 1000 - 1)
    start = last.column(0).dictionary_page_offset or last.column(0).data_page_offset
    body[start : start + last.total_byte_size] = b"\xff" * last.total_byte_size
    attributes = f"fingerprint={consumer_credit.fingerprint}"
    head = (
        f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: {PARQUET}\r\n"
        f"X-Amzn-SageMaker-Custom-Attributes: {attributes}\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answer = b""
    with socket.create_connection(("127.0.0.1", server), timeout=30) as caller:
        caller.sendall(head.encode() + bytes(body))
        try:
            while part := caller.recv(65536):
                answer += part
        except ConnectionResetError:
            pass

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1
    assert not answer.endswith(b"0\r\n\r\n")
    assert ask(server, "GET", "/ping")[0] == 200


def test_a_batch_names_its_fingerprint(server, trained, consumer_credit, application):
    """Another fingerprint gets 409, none 400; a transform job's environment may name it."""
    body = json.dumps(application).encode()

    assert post(server, body, LINES)[0] == 400
    assert post_batch(server, body, LINES, "other")[0] == 409

    named = {"SOLVENCIA_FINGERPRINT": consumer_credit.fingerprint, "SOLVENCIA_WORKERS": "1"}
    with serving(trained[0], **named) as (port, _):
        assert post(port, body, LINES)[0] == 200


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_no_row_of_a_file_spoils_another(consumer_credit, kinds, application, ending):
    """Whatever rows hold, each is answered under its number, and the sound ones get their score."""
    chance = random.Random(3)  # noqa: S311 - faults, not secrets
    names = list(application)
    rows = [list(map(json.dumps, application.values())) for _ in range(600)]
    sound = set(range(1, 601, 3))
    for number, row in enumerate(rows, 1):
        if number not in sound:
            for place in chance.sample(range(len(names)), chance.randint(1, 3)):
                row[place] = chance.choice(BROKEN)
    if ending == "csv":
        lines = [",".join(names), *(",".join(row).replace('"', "") for row in rows)]
    else:
        lines = [
            "{" + ", ".join(f'"{name}": {value}' for name, value in zip(names, row, strict=True))
            + (f', "{names[0]}": 1' if chance.random() < 0.1 and number not in sound else "") + "}"
            for number, row in enumerate(rows, 1)
        ]  # fmt: skip
    file = io.BytesIO("\n".join(lines).encode())

    read = list(batch_rows.read(consumer_credit, f"rows.{ending}", file, set()))
    body = b"".join(encode({"row": row, **given}) for row, given, _ in read if given is not None)
    answered = b"".join(
        serve_formats.answer(Scores(kinds["boosting"], consumer_credit), LINES, body)
    )

    answers = [json.loads(line) for line in answered.splitlines()]
    refused = {row: problems for row, given, problems in read if given is None}
    assert sorted([*refused, *(each["row"] for each in answers)]) == list(range(1, 601))
    assert sound <= {each["row"] for each in answers if "pd" in each}
    assert all(refused.values())
    assert len(refused) + sum("problems" in each for each in answers) > 200


def test_a_row_of_json_that_only_some_parsers_read_is_named(consumer_credit, application):
    """The field is named where there is one; names given twice are refused as the API does."""
    values = ["1e999", '"\\ud800"', "[1]", "1" + "0" * 400, "1" + "0" * 20]
    lines = [json.dumps(application).replace('"debt_ratio": ', f'"debt_ratio": {each}, "x": ')
             for each in values]  # fmt: skip
    lines.append('{"debt_ratio": 1, "debt_ratio": 2}')
    file = io.BytesIO("\n".join(lines).encode())

    *named, whole, double = batch_rows.read(consumer_credit, "a.jsonl", file, set())

    assert [each[2] for each in named] == [
        {"debt_ratio": "is beyond all numbers"},
        {"debt_ratio": "is not Unicode"},
        {"debt_ratio": "must be a number or a text"},
        {"debt_ratio": "is beyond all numbers"},
    ]
    assert whole[1]["debt_ratio"] == 1e20
    assert double == (6, None, {"row": "gives a name twice"})
