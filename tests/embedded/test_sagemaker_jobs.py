"""Training and processing jobs run real containers on real objects."""

from __future__ import annotations

import io
import json
import tarfile
import threading

import pytest

ROLE = "arn:aws:iam::000000000000:role/sagemaker"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"


@pytest.fixture(scope="module")
def bucket(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="jobs")
    s3.put_object(Bucket="jobs", Key="cleaned/train/a.csv", Body=b"1\n")
    s3.put_object(Bucket="jobs", Key="cleaned/train/part=1/b.csv", Body=b"2\n3\n")
    return "jobs"


@pytest.fixture
def train(aws, bucket, wait_until):
    """Run a training job to its end; gives its last description."""

    def run(name, hyperparameters, image=IMAGE, seconds=60, **more):
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "HyperParameters": hyperparameters,
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"s3://{bucket}/cleaned/train",
                        }
                    },
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/models/"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        }
        aws("sagemaker").create_training_job(**{**request, **more})

        def described():
            found = aws("sagemaker").describe_training_job(TrainingJobName=name)
            return found if found["TrainingJobStatus"] not in ("InProgress", "Stopping") else None

        return wait_until(described)

    return run


def artifact(aws, bucket, job):
    key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix(f"s3://{bucket}/")
    return aws("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_job_trains_on_the_channel_and_stores_its_model(aws, bucket, train):
    """The channel keeps its folders, and the artefact holds what the container wrote."""
    job = train("fine", {"answer": "42"})

    with tarfile.open(fileobj=io.BytesIO(artifact(aws, bucket, job))) as tar:
        model = json.load(tar.extractfile("model.json"))
    assert job["TrainingJobStatus"] == "Completed"
    assert model == {"files": ["a.csv", "part=1/b.csv"], "answer": "42"}


def test_the_same_content_makes_the_same_artifact(aws, bucket, train):
    """Neither time nor job name is in model.tar.gz."""
    first = artifact(aws, bucket, train("same-1", {"answer": "1"}))
    second = artifact(aws, bucket, train("same-2", {"answer": "1"}))

    assert first == second


def test_a_job_passes_through_the_secondary_states(aws, train):
    """The transitions and times that the stock operator reads are all there, each closed."""
    job = train("states", {"answer": "1"})

    transitions = job["SecondaryStatusTransitions"]
    assert [each["Status"] for each in transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert all("EndTime" in each for each in transitions[:-1])
    assert job["TrainingEndTime"] >= job["TrainingStartTime"]


def test_output_goes_to_cloudwatch_logs(aws, train):
    """What the container prints stands in the job's log stream."""
    train("logged", {"answer": "1"})

    events = aws("logs").get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName="logged/algo-1-1"
    )["events"]
    assert [each["message"] for each in events] == ["training with ['answer']"]


def test_a_failing_container_gives_the_reason(train):
    """/opt/ml/output/failure becomes the FailureReason."""
    job = train("failing", {"fail": "only one class in the label"})

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: only one class in the label"


def test_an_unknown_image_fails_the_job_by_name(train):
    """There is no registry to pull from, and the job says so."""
    job = train("foreign", {"answer": "1"}, image="docker.io/library/redis:7")

    assert job["TrainingJobStatus"] == "Failed"
    assert "'docker.io/library/redis:7'" in job["FailureReason"]


def test_a_job_ends_at_its_runtime_limit(train):
    """MaxRuntimeInSeconds is enforced, with AWS's status for it."""
    job = train("endless", {"answer": "1", "sleep": "60"}, seconds=1)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_job_can_be_stopped(aws, bucket, train, wait_until):
    """StopTrainingJob kills the container."""
    sagemaker = aws("sagemaker")

    def is_training():
        jobs = sagemaker.list_training_jobs(NameContains="stopped")["TrainingJobSummaries"]
        if not jobs:
            return False
        job = sagemaker.describe_training_job(TrainingJobName="stopped")
        return job["SecondaryStatus"] == "Training"

    def stop():
        wait_until(is_training)
        sagemaker.stop_training_job(TrainingJobName="stopped")

    stopper = threading.Thread(target=stop)
    stopper.start()
    job = train("stopped", {"answer": "1", "sleep": "60"})
    stopper.join()

    assert job["TrainingJobStatus"] == "Stopped"


def test_subnets_must_exist(aws, train):
    """A VpcConfig is held against EC2 when the job is created."""
    vpc = {"Subnets": ["subnet-00000000"], "SecurityGroupIds": ["sg-1"]}

    with pytest.raises(aws("sagemaker").exceptions.ClientError, match="subnet-00000000"):
        train("homeless", {"answer": "1"}, VpcConfig=vpc)


def process(aws, wait_until, bucket, name, arguments):
    aws("sagemaker").create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        AppSpecification={"ImageUri": IMAGE, "ContainerArguments": arguments},
        ProcessingResources={
            "ClusterConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            }
        },
        ProcessingInputs=[
            {
                "InputName": "test",
                "S3Input": {
                    "S3Uri": f"s3://{bucket}/evaluated/rows.csv",
                    "LocalPath": "/opt/ml/processing/input/test",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": "metrics",
                    "S3Output": {
                        "S3Uri": f"s3://{bucket}/metrics/{name}",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
    )

    def described():
        found = aws("sagemaker").describe_processing_job(ProcessingJobName=name)
        return found if found["ProcessingJobStatus"] != "InProgress" else None

    return wait_until(described)


def test_a_processing_job_reads_and_writes_s3(aws, bucket, wait_until):
    """Its outputs are uploaded with their folders."""
    aws("s3").put_object(Bucket=bucket, Key="evaluated/rows.csv", Body=b"1\n2\n3\n")
    job = process(aws, wait_until, bucket, "evaluate", ["process"])

    listed = aws("s3").list_objects_v2(Bucket=bucket, Prefix="metrics/evaluate/")["Contents"]
    metrics = aws("s3").get_object(Bucket=bucket, Key="metrics/evaluate/metrics.json")["Body"]
    assert job["ProcessingJobStatus"] == "Completed"
    assert [each["Key"] for each in listed] == [
        "metrics/evaluate/metrics.json",
        "metrics/evaluate/plots/roc.png",
    ]
    assert json.load(metrics) == {"rows": 3}


def test_a_failing_processing_job_says_why(aws, bucket, wait_until):
    """The container's message is the exit message and the failure reason."""
    aws("s3").put_object(Bucket=bucket, Key="evaluated/rows.csv", Body=b"")
    job = process(aws, wait_until, bucket, "evaluate-nothing", ["process", "fail"])

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "the rows are empty"
    assert job["FailureReason"] == "AlgorithmError: the rows are empty"
