"""A model in service on a deployed stack, trained by the stack itself on made-up applicants."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from resilience import applicants
from resilience.applicants import Columns
from resilience.cloud import Cloud, CloudFault, Say, wait
from solvencia import layout, portfolio

PERIOD = "2026-10"
ROWS, MONTHS = 3000, 36
QUICK = {"rounds_max": "20", "num_leaves": "5", "learning_rate": "0.3", "networks": "1"}
JOB_SECONDS = 300


@dataclass(frozen=True)
class Served:
    """A portfolio in service: the prepared rows it learned from, and where its model lies."""

    portfolio: str
    rows: Columns
    artefact: str


def put_in_service(cloud: Cloud, name: str, instances: int, say: Say) -> Served:
    """Clean made-up rows of a portfolio, train on them, and serve the model."""
    product, settings = portfolio.load(name), cloud.settings
    year, month = (int(each) for each in PERIOD.split("-"))
    newest = year * 12 + month - 1 - product.label.window_months
    rows = applicants.prepared(product, ROWS, date(newest // 12, newest % 12 + 1, 1), MONTHS, 3)
    body = io.BytesIO()
    pq.write_table(pa.table(rows), body)
    cloud.client("s3").put_object(
        Bucket=settings.data_bucket,
        Key=layout.prepared_part(name, PERIOD, 0) + "rows.parquet",
        Body=body.getvalue(),
    )
    _clean(cloud, name)
    artefact = _train(cloud, name)
    sagemaker, title = cloud.client("sagemaker"), f"drill-{name.replace('_', '-')}"
    sagemaker.create_model(
        ModelName=title,
        ExecutionRoleArn=settings.sagemaker_role_arn,
        PrimaryContainer={
            "Image": cloud.outputs["SOLVENCIA_MODEL_IMAGE"],
            "ModelDataUrl": artefact,
            "Environment": {"SOLVENCIA_WORKERS": "1"},
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=title,
        ProductionVariants=[
            {
                "VariantName": "champion",
                "ModelName": title,
                "InitialInstanceCount": instances,
                "InstanceType": "ml.m5.large",
            }
        ],
    )
    endpoint = settings.endpoint(name)
    sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=title)
    _wait_for(lambda: sagemaker.describe_endpoint(EndpointName=endpoint), "EndpointStatus")
    say(f"in service: {endpoint}, {instances} instance(s)")
    return Served(name, rows, artefact)


def _clean(cloud: Cloud, name: str) -> None:
    machines = cloud.client("stepfunctions")
    items = [{"portfolio": name, "period": PERIOD, "part": 0}]
    started = machines.start_execution(
        stateMachineArn=cloud.settings.clean_state_machine_arn, input=json.dumps({"items": items})
    )
    _wait_for(lambda: machines.describe_execution(executionArn=started["executionArn"]), "status")


def _train(cloud: Cloud, name: str) -> str:
    """Train on the cleaned rows; return where the model lies."""
    sagemaker, settings = cloud.client("sagemaker"), cloud.settings
    job = f"drill-{name.replace('_', '-')}"
    source = f"s3://{settings.data_bucket}/cleaned/{name}/period={PERIOD}"
    sagemaker.create_training_job(
        TrainingJobName=job,
        AlgorithmSpecification={
            "TrainingImage": cloud.outputs["SOLVENCIA_MODEL_IMAGE"],
            "TrainingInputMode": "File",
        },
        RoleArn=settings.sagemaker_role_arn,
        HyperParameters={"portfolio": name, "period": PERIOD, **QUICK},
        InputDataConfig=[
            {
                "ChannelName": channel,
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{source}/{channel}/"}
                },
            }
            for channel in ("train", "validation")
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{settings.model_bucket}/training/"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": JOB_SECONDS},
    )
    done = _wait_for(
        lambda: sagemaker.describe_training_job(TrainingJobName=job), "TrainingJobStatus"
    )
    found: str = done["ModelArtifacts"]["S3ModelArtifacts"]
    return found


def _wait_for(describe: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
    """Wait until what is described has come to its good end; raise CloudFault at a bad one."""
    found: dict[str, Any] = {}

    def is_done() -> bool:
        found.update(describe())
        if found[status] in ("Failed", "FAILED", "Stopped", "TIMED_OUT", "ABORTED"):
            raise CloudFault(f"{status} {found[status]}: {found.get('FailureReason', found)}")
        return found[status] in ("Completed", "InService", "SUCCEEDED")

    wait(is_done, status)
    return found
