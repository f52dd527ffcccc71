"""SageMaker processing jobs: inputs from S3, a command in the container, outputs to S3."""

from __future__ import annotations

import time
from pathlib import Path

from local.aws.clients import split_uri
from local.aws.sagemaker.container import download, inside, upload
from local.aws.sagemaker.jobs import (
    Jobs,
    check_instances,
    check_source,
    read_message,
    write_json,
)
from local.aws.sagemaker.registry import PROCESSING_JOB, Record, zones


def create(jobs: Jobs, request: Record) -> Record:
    """Check the request as AWS does at once, then start the job."""
    zones((request.get("NetworkConfig") or {}).get("VpcConfig"))
    for each in request.get("ProcessingInputs") or ():
        check_source(each["S3Input"])
        inside(Path(), each["S3Input"]["LocalPath"])
    for output in _outputs(request):
        split_uri(output["S3Uri"])
        inside(Path(), output["LocalPath"])
    check_instances(request["ProcessingResources"]["ClusterConfig"])
    record = jobs.registry.create(PROCESSING_JOB, request, ProcessingJobStatus="InProgress")
    jobs.start(PROCESSING_JOB, record, process)
    return {"ProcessingJobArn": record["ProcessingJobArn"]}


def process(jobs: Jobs, record: Record) -> None:
    """Run one job to its end; its faults are JobFailed, JobStopped or ServiceError."""
    name, application = record["ProcessingJobName"], record["AppSpecification"]
    root = jobs.containers.folder(f"process-{name}")
    command = jobs.containers.command(
        application["ImageUri"],
        application.get("ContainerArguments") or (),
        application.get("ContainerEntrypoint") or (),
    )
    write_json(root / "config/processingjobconfig.json", record)
    hosts = {"current_host": "algo-1", "hosts": ["algo-1"]}
    write_json(root / "config/resourceconfig.json", hosts)
    for each in record.get("ProcessingInputs") or ():
        download(each["S3Input"]["S3Uri"], inside(root, each["S3Input"]["LocalPath"]))
    for output in _outputs(record):
        inside(root, output["LocalPath"]).mkdir(parents=True, exist_ok=True)
    jobs.registry.change(record, ProcessingStartTime=time.time())
    environment = {
        "PROCESSING_JOB_NAME": name,
        "PROCESSING_JOB_ARN": record["ProcessingJobArn"],
        **(record.get("Environment") or {}),
    }
    jobs.run(PROCESSING_JOB, record, root, command, environment)
    for output in _outputs(record):
        upload(inside(root, output["LocalPath"]), output["S3Uri"])
    jobs.finish(PROCESSING_JOB, record, "Completed", ExitMessage=read_message(root))


def _outputs(record: Record) -> list[Record]:
    outputs = (record.get("ProcessingOutputConfig") or {}).get("Outputs") or ()
    return [each["S3Output"] for each in outputs]
