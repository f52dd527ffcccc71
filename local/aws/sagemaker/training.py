"""SageMaker training jobs: channels from S3, `train` in the container, model.tar.gz to S3."""

from __future__ import annotations

import time

from local.aws.clients import split_uri
from local.aws.sagemaker.container import download, pack, upload
from local.aws.sagemaker.jobs import (
    Jobs,
    check_instances,
    check_source,
    secondary_transition,
    write_json,
)
from local.aws.sagemaker.registry import TRAINING_JOB, Record, zones


def create(jobs: Jobs, request: Record) -> Record:
    """Check the request as AWS does at once, then start the job."""
    zones(request.get("VpcConfig"))
    for channel in request.get("InputDataConfig") or ():
        check_source(channel["DataSource"]["S3DataSource"])
    split_uri(request["OutputDataConfig"]["S3OutputPath"])
    check_instances(request["ResourceConfig"])
    record = jobs.registry.create(
        TRAINING_JOB,
        request,
        TrainingJobStatus="InProgress",
        SecondaryStatus="Starting",
        SecondaryStatusTransitions=[secondary_transition("Starting")],
    )
    jobs.start(TRAINING_JOB, record, train)
    return {"TrainingJobArn": record["TrainingJobArn"]}


def train(jobs: Jobs, record: Record) -> None:
    """Run one job to its end; its faults are JobFailed, JobStopped or ServiceError."""
    name, algorithm = record["TrainingJobName"], record["AlgorithmSpecification"]
    root = jobs.containers.folder(f"train-{name}")
    command = jobs.containers.command(
        algorithm.get("TrainingImage", ""),
        algorithm.get("ContainerArguments") or ["train"],
        algorithm.get("ContainerEntrypoint") or (),
    )
    jobs.move(record, "Downloading")
    channels = record.get("InputDataConfig") or ()
    for file, value in (
        ("hyperparameters", record.get("HyperParameters") or {}),
        ("resourceconfig", {"current_host": "algo-1", "hosts": ["algo-1"]}),
        (
            "inputdataconfig",
            {each["ChannelName"]: {"TrainingInputMode": "File"} for each in channels},
        ),
    ):
        write_json(root / f"input/config/{file}.json", value)
    for channel in channels:
        source = channel["DataSource"]["S3DataSource"]["S3Uri"]
        download(source, root / "input/data" / channel["ChannelName"])
    jobs.move(record, "Training", TrainingStartTime=time.time())
    environment = {
        "TRAINING_JOB_NAME": name,
        "TRAINING_JOB_ARN": record["TrainingJobArn"],
        **(record.get("Environment") or {}),
    }
    jobs.run(TRAINING_JOB, record, root, command, environment)
    jobs.move(record, "Uploading")
    output = f"{record['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{name}/output"
    pack(root / "model", root / "packed/model.tar.gz")
    if any((root / "output/data").iterdir()):
        pack(root / "output/data", root / "packed/output.tar.gz")
    upload(root / "packed", output)
    artifact = {"S3ModelArtifacts": f"{output}/model.tar.gz"}
    jobs.finish(TRAINING_JOB, record, "Completed", ModelArtifacts=artifact)
