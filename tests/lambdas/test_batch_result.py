"""A batch's parts, from and to S3: formatted whole, reconciled row by row, or not at all."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import tarfile
import uuid
from typing import Any

import pytest

from solvencia import batch_format, batch_result, layout, portfolio
from solvencia.settings import Settings
from tests.lambdas.conftest import Deployed

PRODUCT = portfolio.load("consumer_credit")
SETTINGS = Settings(stack="solvencia", account="000000000000", region="us-east-1")
FIELDS = [each.name for each in PRODUCT.request_fields]
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"
VERSION = "solvencia-consumer-credit-2026-10-0123456789ab"
GOOD = {"pd": 0.02, "points": 640, "reasons": []}


@pytest.fixture
def batch() -> str:
    return str(uuid.uuid4())


@pytest.fixture
def s3(stack: Deployed) -> Any:
    return stack.client("s3")


def put_lines(s3: Any, key: str, rows: list[dict[str, Any]]) -> None:
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    s3.put_object(Bucket=SETTINGS.data_bucket, Key=key, Body=body)


def get_rows(s3: Any, batch: str, name: str) -> list[dict[str, Any]]:
    key = layout.batch_result(PRODUCT.name, batch, name)
    body = s3.get_object(Bucket=SETTINGS.data_bucket, Key=key)["Body"].read()
    return [json.loads(line) for line in gzip.decompress(body).splitlines()]


def prepare(s3: Any, batch: str, output: list[dict[str, Any]], refused: list[int]) -> None:
    """Five rows of one part, as format and SageMaker would have left them."""
    part = {"part": 0, "first_row": 1, "lines": 5 - len(refused), "refused": len(refused)}
    manifest = {
        "input": {"file": "a.csv", "sha256": "0" * 64},
        "ignored_fields": [],
        "model": {"version": VERSION, "digest": "d", "period": "2026-10", "fingerprint": "f"},
        "parts": [part],
        "rows": 5,
    }
    key = layout.batch_manifest(PRODUCT.name, batch)
    s3.put_object(Bucket=SETTINGS.data_bucket, Key=key, Body=json.dumps(manifest).encode())
    put_lines(s3, layout.batch_output(PRODUCT.name, batch) + "part-00000.jsonl.out", output)
    problems = {"row": "has 2 fields, not 9"}
    if refused:
        rows = [{"row": row, "problems": problems} for row in refused]
        put_lines(s3, layout.batch_refused(PRODUCT.name, batch, 0), rows)


def reconcile(s3: Any, batch: str) -> dict[str, Any]:
    return batch_result.reconcile(
        portfolio=PRODUCT, batch=batch, started_at="now", settings=SETTINGS, s3=s3
    )


def test_every_row_of_the_input_is_in_the_result_once(s3: Any, batch: str) -> None:
    """Scores get band and decision; bad rows lie beside them, whoever refused them."""
    bad = {"row": 4, "problems": {"debt_ratio": "must be a number"}}
    prepare(s3, batch, [{"row": 1, **GOOD}, bad, {"row": 5, **GOOD}], refused=[2, 3])
    counts = reconcile(s3, batch)
    scored, refused = (
        get_rows(s3, batch, name) for name in ("scored.jsonl.gz", "bad_rows.jsonl.gz")
    )
    key = layout.batch_result(PRODUCT.name, batch, "summary.json")
    summary = json.load(s3.get_object(Bucket=SETTINGS.data_bucket, Key=key)["Body"])

    assert [each["row"] for each in scored] == [1, 5]
    assert [each["row"] for each in refused] == [2, 3, 4]
    assert {each["decision"] for each in scored} <= {"approve", "refer", "decline"}
    assert (counts["rows_in"], counts["scored"], counts["bad"]) == (5, 2, 3)
    assert sum(counts["by_decision"].values()) == sum(summary["by_band"].values()) == 2
    assert summary["bad_by_problem"] == {
        "debt_ratio: must be a number": 1,
        "row: has 2 fields, not 9": 2,
    }
    assert summary["policy_digest"] == PRODUCT.policy_digest
    assert summary["input"]["sha256"] == "0" * 64


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([1, 4], "nothing stands where row 5 should"),
        ([1, 5], "row 5 stands where row 4 should"),
        ([1, 1, 5], "row 1 stands where row 4 should"),
        ([4, 1, 5], "row 4 stands where row 1 should"),
        ([1, 4, 5, 6], "row 6 follows the last row 5"),
        ([1, 2, 4], "row 2 stands where row 4 should"),
        ([None, 4, 5], "row None stands where row 1 should"),
    ],
)
def test_a_lost_doubled_or_strange_row_fails_the_batch(
    s3: Any, batch: str, rows: list[int], message: str
) -> None:
    """Nothing that looks like a result is left behind."""
    prepare(s3, batch, [{"row": row, **GOOD} for row in rows], refused=[2, 3])

    with pytest.raises(batch_result.NotReconciled, match=message):
        reconcile(s3, batch)

    prefix = layout.batch_result(PRODUCT.name, batch, "")
    assert "Contents" not in s3.list_objects_v2(Bucket=SETTINGS.data_bucket, Prefix=prefix)


@pytest.fixture
def live(stack: Deployed, s3: Any) -> None:
    """A model with this portfolio's rules behind the portfolio's endpoint."""
    buffer = io.BytesIO()
    body = {"digest": "d" * 64, "period": "2026-10", "fingerprint": PRODUCT.fingerprint}
    content = json.dumps(body).encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("./model.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    key = "training/consumer_credit/test/model.tar.gz"
    s3.put_object(Bucket=SETTINGS.model_bucket, Key=key, Body=buffer.getvalue())
    sagemaker = stack.client("sagemaker")
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{SETTINGS.model_bucket}/{key}"}
    variant = {"VariantName": "champion", "ModelName": VERSION, "InitialInstanceCount": 1}
    with contextlib.suppress(sagemaker.exceptions.ClientError):
        sagemaker.create_model(ModelName=VERSION, PrimaryContainer=container)
        sagemaker.create_endpoint_config(
            EndpointConfigName=VERSION,
            ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
        )
    name = SETTINGS.endpoint(PRODUCT.name)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=VERSION)
    yield
    sagemaker.delete_endpoint(EndpointName=name)


def format_file(stack: Deployed, batch: str, name: str, content: bytes) -> dict[str, Any]:
    s3 = stack.client("s3")
    key = layout.batch_inbox(PRODUCT.name) + name
    s3.put_object(Bucket=SETTINGS.data_bucket, Key=key, Body=content)
    return batch_format.format_input(
        portfolio=PRODUCT,
        batch=batch,
        source={"file": name},
        settings=SETTINGS,
        s3=s3,
        sagemaker=stack.client("sagemaker"),
    )


def test_a_file_becomes_numbered_parts(
    stack: Deployed, s3: Any, batch: str, live: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts cover all rows; what is no application is kept apart, under its number."""
    monkeypatch.setattr(batch_format, "ROWS_PER_PART", 2)
    text = io.StringIO()
    rows = [["1"] * len(FIELDS), ["1"], ["1"], ["1"], ["1"] * len(FIELDS)]
    csv.writer(text).writerows([FIELDS, *rows])
    found = format_file(stack, batch, "a.csv", text.getvalue().encode())
    bucket = SETTINGS.data_bucket
    body = s3.get_object(Bucket=bucket, Key=layout.batch_manifest(PRODUCT.name, batch))["Body"]
    manifest = json.load(body)
    lines = s3.list_objects_v2(Bucket=bucket, Prefix=layout.batch_lines(PRODUCT.name, batch))
    last = s3.get_object(Bucket=bucket, Key=lines["Contents"][-1]["Key"])["Body"].read()

    assert found == {
        "version": VERSION,
        "fingerprint": PRODUCT.fingerprint,
        "rows": 5,
        "lines": 2,
    }
    assert [(each["first_row"], each["lines"], each["refused"]) for each in manifest["parts"]] == [
        (1, 1, 1),
        (3, 0, 2),
        (5, 1, 0),
    ]
    assert len(lines["Contents"]) == 2
    assert json.loads(last) == {"row": 5, **dict.fromkeys(FIELDS, 1)}
    assert manifest["input"]["bytes"] == len(text.getvalue())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", (",".join(FIELDS) + "\n").encode(), "row 1: there is none"),
        ("a.csv", b"x\n", "row 0: the header lacks"),
        ("a.parquet", b"PAR1", "is not Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_leaves_no_manifest(
    stack: Deployed, s3: Any, batch: str, live: None, name: str, content: bytes, message: str
) -> None:
    """The fault names file and row."""
    with pytest.raises(batch_format.UnreadableFile, match=f"{name}.*{message}"):
        format_file(stack, batch, name, content)

    prefix = layout.batch_manifest(PRODUCT.name, batch)
    assert "Contents" not in s3.list_objects_v2(Bucket=SETTINGS.data_bucket, Prefix=prefix)
