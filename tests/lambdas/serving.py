"""A model trained on made-up rows and put in service in the embedded AWS."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from tests.lambdas.conftest import Deployed
from tests.lambdas.test_clean import SETTINGS, put_part, run_machine

PART = 9
WAIT_SECONDS = 120


def borrowers(count: int) -> dict[str, list[Any]]:
    """Applications of early 2023: the higher the utilisation, the likelier the default."""
    chance = random.Random(7)  # noqa: S311 - made-up rows, not secrets
    utilisation = [chance.random() for _ in range(count)]
    return {
        "application_id": list(range(1, count + 1)),
        "applied_on": [date(2023, 1 + row % 6, 1 + row % 28) for row in range(count)],
        "is_seriously_delinquent": [int(chance.random() < each / 2) for each in utilisation],
        "age_years": [chance.randint(21, 80) for _ in range(count)],
        "revolving_utilisation_ratio": utilisation,
        "past_due_30_59_days_count": [chance.randint(0, 2) for _ in range(count)],
        "past_due_60_89_days_count": [chance.randint(0, 2) for _ in range(count)],
        "past_due_90_days_count": [chance.randint(0, 2) for _ in range(count)],
        "debt_ratio": [chance.random() for _ in range(count)],
        "monthly_income_usd": [float(chance.randint(800, 9000)) for _ in range(count)],
        "open_credit_lines_count": [chance.randint(0, 20) for _ in range(count)],
        "real_estate_loans_count": [chance.randint(0, 3) for _ in range(count)],
        "dependents_count": [chance.randint(0, 4) for _ in range(count)],
    }


def wait_for(describe: Callable[[], dict[str, Any]], status: str, good: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = describe()
        if found[status] == good:
            return found
        assert found[status] not in ("Failed", "Stopped"), found.get("FailureReason")
        time.sleep(0.2)
    raise AssertionError(f"not {good} after {WAIT_SECONDS} s")


def serve(stack: Deployed) -> Iterator[Deployed]:
    """Train on cleaned rows, put the model in service; take it down afterwards."""
    put_part(stack, PART, borrowers(2000))
    assert run_machine(stack, PART)["status"] == "SUCCEEDED"
    sagemaker = stack.client("sagemaker")
    cleaned = f"s3://{SETTINGS.data_bucket}/cleaned/consumer_credit/period=2026-10"
    sagemaker.create_training_job(
        TrainingJobName="decision-test",
        AlgorithmSpecification={
            "TrainingImage": stack.outputs["SOLVENCIA_MODEL_IMAGE"],
            "TrainingInputMode": "File",
        },
        RoleArn=SETTINGS.sagemaker_role_arn,
        HyperParameters={"portfolio": "consumer_credit", "period": "2026-10"},
        InputDataConfig=[
            {
                "ChannelName": channel,
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{cleaned}/{channel}/"}
                },
            }
            for channel in ("train", "validation")
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{SETTINGS.model_bucket}/training/"},
        ResourceConfig={
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 5,
        },
        StoppingCondition={"MaxRuntimeInSeconds": WAIT_SECONDS},
    )
    job = wait_for(
        lambda: sagemaker.describe_training_job(TrainingJobName="decision-test"),
        "TrainingJobStatus",
        "Completed",
    )
    sagemaker.create_model(
        ModelName="decision-test",
        ExecutionRoleArn=SETTINGS.sagemaker_role_arn,
        PrimaryContainer={
            "Image": stack.outputs["SOLVENCIA_MODEL_IMAGE"],
            "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        },
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="decision-test",
        ProductionVariants=[
            {
                "VariantName": "champion",
                "ModelName": "decision-test",
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }
        ],
    )
    name = SETTINGS.endpoint("consumer_credit")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="decision-test")
    wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", "InService")
    yield stack
    sagemaker.delete_endpoint(EndpointName=name)
