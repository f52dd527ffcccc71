"""Batch transform jobs send lines through a real serving container, in their order."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import tarfile
import uuid
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"
AIRFLOW = Path(__file__).parents[2] / ".venv" / "airflow" / "bin" / "python"
ROLE = "arn:aws:iam::000000000000:role/sagemaker"
ROWS = 9000
PADDING = "x" * 400  # nine thousand such rows take four mini-batches of 1 MB


def lines(rows, padding=""):
    return b"".join(json.dumps({"row": row, "text": padding}).encode() + b"\n" for row in rows)


@pytest.fixture(scope="module")
def sagemaker(aws):
    return aws("sagemaker")


@pytest.fixture(scope="module")
def model(aws, sagemaker):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        content = json.dumps({"answer": "42"}).encode()
        member = tarfile.TarInfo("model.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    aws("s3").create_bucket(Bucket="batches")
    aws("s3").put_object(Bucket="batches", Key="model.tar.gz", Body=buffer.getvalue())
    sagemaker.create_model(
        ModelName="batch",
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://batches/model.tar.gz"},
    )
    return "batch"


@pytest.fixture
def start(aws, sagemaker, model):
    """Start a job over these objects; gives its name and request."""

    def begin(objects, *, source=None, **more):
        name = f"job-{uuid.uuid4().hex[:8]}"
        for key, body in objects.items():
            aws("s3").put_object(Bucket="batches", Key=f"{name}/lines/{key}", Body=body)
        uri = f"s3://batches/{name}/lines/"
        request = {
            "TransformJobName": name,
            "ModelName": model,
            "BatchStrategy": "MultiRecord",
            "MaxPayloadInMB": 1,
            "MaxConcurrentTransforms": 2,
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}},
                "ContentType": "application/jsonlines",
                "SplitType": "Line",
                **(source or {}),
            },
            "TransformOutput": {
                "S3OutputPath": f"s3://batches/{name}/out/",
                "Accept": "application/jsonlines",
                "AssembleWith": "Line",
            },
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
            **more,
        }
        sagemaker.create_transform_job(**request)
        return name

    return begin


@pytest.fixture
def ended(sagemaker, wait_until):
    """Gives a job's last description."""

    def described(name):
        def ask():
            found = sagemaker.describe_transform_job(TransformJobName=name)
            return found if found["TransformJobStatus"] not in ("InProgress", "Stopping") else None

        return wait_until(ask)

    return described


def output(aws, name, key):
    body = aws("s3").get_object(Bucket="batches", Key=f"{name}/out/{key}.out")["Body"].read()
    return [json.loads(line) for line in body.splitlines()]


def test_every_line_is_answered_in_its_order(aws, start, ended):
    """Mini-batches of 1 MB, two at once, come back as one object for each, line by line."""
    job = start({"a.jsonl": lines(range(ROWS), PADDING), "b.jsonl": lines([7])})
    found = ended(job)
    answers = output(aws, job, "a.jsonl")

    assert found["TransformJobStatus"] == "Completed"
    assert found["TransformStartTime"] <= found["TransformEndTime"]
    assert [each["row"] for each in answers] == list(range(ROWS))
    assert len({each["batch"] for each in answers}) > 1
    assert [each["row"] for each in output(aws, job, "b.jsonl")] == [7]


def test_the_container_learns_the_jobs_limits_and_environment(aws, start, ended):
    """SAGEMAKER_* of the limits and the job's own variables are in its environment."""
    job = start({"a.jsonl": lines([1])}, Environment={"SAGEMAKER_MINE": "yes"})
    ended(job)
    (answer,) = output(aws, job, "a.jsonl")

    assert answer["env"] == {
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "1",
        "SAGEMAKER_MINE": "yes",
    }


def test_a_single_record_travels_alone(aws, start, ended):
    """The other strategy sends each line by itself."""
    job = start({"a.jsonl": lines(range(3))}, BatchStrategy="SingleRecord")
    ended(job)

    assert [each["batch"] for each in output(aws, job, "a.jsonl")] == [1, 1, 1]


def test_gzipped_objects_are_read(aws, start, ended):
    """CompressionType Gzip unpacks the input on its way."""
    job = start({"a.jsonl": gzip.compress(lines(range(3)))}, source={"CompressionType": "Gzip"})
    ended(job)

    assert [each["row"] for each in output(aws, job, "a.jsonl")] == [0, 1, 2]


def test_a_refused_batch_fails_the_job_with_the_containers_words(aws, start, ended):
    """The reason names object and status; no output is left of the object."""
    job = start({"a.jsonl": lines(["refuse"])})
    found = ended(job)

    assert found["TransformJobStatus"] == "Failed"
    assert "a.jsonl: the container answered 400" in found["FailureReason"]
    assert "Contents" not in aws("s3").list_objects_v2(Bucket="batches", Prefix=f"{job}/out/")


def test_a_dying_container_fails_the_job(start, ended):
    """Nobody waits for an answer that cannot come."""
    found = ended(start({"a.jsonl": lines(["crash"])}))

    assert found["TransformJobStatus"] == "Failed"
    assert "the container ended" in found["FailureReason"]


def test_a_record_above_the_payload_fails_the_job(start, ended):
    """A line cannot be split further."""
    found = ended(start({"a.jsonl": lines([1], "x" * (1 << 20))}))

    assert "a record is larger than MaxPayloadInMB 1" in found["FailureReason"]


def test_a_job_can_be_stopped_and_is_listed(sagemaker, start, ended, wait_until):
    """Its container ends; the list shows its last status."""
    job = start({"a.jsonl": lines(range(ROWS), PADDING)}, Environment={"SLOW": "60"})
    wait_until(
        lambda: "TransformStartTime" in sagemaker.describe_transform_job(TransformJobName=job)
    )
    sagemaker.stop_transform_job(TransformJobName=job)
    found = ended(job)
    (listed,) = sagemaker.list_transform_jobs(NameContains=job)["TransformJobSummaries"]

    assert found["TransformJobStatus"] == "Stopped"
    assert listed["TransformJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"ModelName": "nobody"}, "Could not find model"),
        ({"source": {"SplitType": "TFRecord"}}, "SplitType TFRecord: only Line runs here"),
        ({"DataProcessing": {"InputFilter": "$[1:]"}}, "DataProcessing does not run here"),
    ],
)
def test_what_does_not_run_here_is_refused_at_once(start, more, text):
    """The text says what does."""
    with pytest.raises(ClientError, match=text):
        start({"a.jsonl": lines([1])}, **more)


def machine(aws, name, arguments):
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Transform",
        "States": {
            "Transform": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sagemaker:createTransformJob.sync",
                "Arguments": arguments,
                "Output": "{% $states.result.TransformJobStatus %}",
                "End": True,
            }
        },
    }
    states = aws("stepfunctions")
    arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)[
        "stateMachineArn"
    ]
    return states.start_execution(stateMachineArn=arn)["executionArn"]


@pytest.mark.parametrize(
    ("row", "status", "said"), [(1, "SUCCEEDED", "Completed"), ("refuse", "FAILED", "answered 400")]
)
def test_a_state_machine_waits_for_a_job(aws, start, ended, wait_until, row, status, said):
    """`createTransformJob.sync` ends with the job, and fails with its reason."""
    first = start({"a.jsonl": lines([row])})
    request = aws("sagemaker").describe_transform_job(TransformJobName=first)
    keys = ("ModelName", "TransformInput", "TransformOutput", "TransformResources")
    arguments = {key: request[key] for key in keys} | {"TransformJobName": f"{first}-again"}
    arn = machine(aws, first, arguments)

    def described():
        found = aws("stepfunctions").describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = wait_until(described)

    assert found["status"] == status
    assert said in found.get("output", "") + found.get("cause", "")


OPERATOR = """
import json, sys
from unittest import mock
from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTransformOperator
operator = SageMakerTransformOperator(
    task_id="transform", config=json.loads(sys.argv[1]), check_interval=1, aws_conn_id=None
)
context = {"ti": mock.Mock(), "task_instance": mock.Mock()}
print(json.dumps(operator.execute(context), default=str).splitlines()[-1])
"""


def test_the_stock_operator_runs_a_job_to_its_end(aws, server, start, ended, tmp_path):
    """SageMakerTransformOperator of the Amazon provider creates, waits, and gives both records."""
    first = start({"a.jsonl": lines(range(5))})
    request = ended(first)
    keys = ("ModelName", "TransformInput", "TransformOutput", "TransformResources")
    config = {key: request[key] for key in keys} | {"TransformJobName": f"{first}-stock"}
    done = subprocess.run(
        [str(AIRFLOW), "-c", OPERATOR, json.dumps(config)],
        env={
            "PATH": os.defpath,
            "AIRFLOW_HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": server.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])

    assert result["Transform"]["TransformJobStatus"] == "Completed"
    assert result["Model"]["ModelName"] == "batch"
    assert [each["row"] for each in output(aws, first, "a.jsonl")] == list(range(5))
