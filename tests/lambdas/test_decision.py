"""From prepared rows to a logged decision: clean, train and serve in the embedded AWS, then ask."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.lambdas.conftest import Deployed
from tests.lambdas.test_clean import SETTINGS, put_part, run_machine
from tests.lambdas.test_score import APPLICATION

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


@pytest.fixture(scope="module")
def served(stack: Deployed) -> Any:
    """A model trained on cleaned rows, in service; taken down afterwards."""
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


def test_a_decision_is_answered_and_logged_without_its_input(served: Deployed) -> None:
    """The log entry agrees with the answer, and ties it to the input by a digest alone."""
    status, headers, answer = served.score(APPLICATION)
    item = served.client("dynamodb").get_item(
        TableName=SETTINGS.decisions_table, Key={"decision_id": {"S": answer["decision_id"]}}
    )["Item"]
    canonical = json.dumps(
        {**APPLICATION, "monthly_income_usd": 4200.0}, sort_keys=True, separators=(",", ":")
    )

    assert status == 200
    assert headers["content-language"] == "en"
    assert 0 < answer["pd"] < 1
    assert len(answer["reasons"]) >= 3
    assert len(answer["model"]["digest"]) == 64
    assert answer["model"]["period"] == "2026-10"
    assert set(item) == {
        "decision_id",
        "portfolio",
        "model_digest",
        "model_period",
        "pd",
        "points",
        "reasons",
        "input_sha256",
        "decided_at",
    }
    assert float(item["pd"]["N"]) == answer["pd"]
    assert item["model_digest"]["S"] == answer["model"]["digest"]
    assert item["reasons"]["L"] == [
        {"M": {"code": {"S": each["code"]}, "effect": {"S": each["effect"]}}}
        for each in answer["reasons"]
    ]
    assert item["input_sha256"]["S"] == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_same_application_has_the_same_score_and_another_decision(served: Deployed) -> None:
    """A score is a function of its input; a decision is an event."""
    _, _, first = served.score(APPLICATION)
    _, _, second = served.score(APPLICATION, **{"Accept-Language": "es-AR,es;q=0.9"})

    assert (first["pd"], first["points"]) == (second["pd"], second["points"])
    assert [each["code"] for each in first["reasons"]] == [
        each["code"] for each in second["reasons"]
    ]
    assert first["reasons"] != second["reasons"]
    assert first["decision_id"] != second["decision_id"]


def test_without_its_log_there_is_no_decision(served: Deployed) -> None:
    """A failing log is a failing decision: the client gets an error, not a score."""
    table = served.client("dynamodb")
    described = table.describe_table(TableName=SETTINGS.decisions_table)["Table"]
    table.delete_table(TableName=SETTINGS.decisions_table)
    try:
        status, _, answer = served.score(APPLICATION)
    finally:
        table.create_table(
            TableName=SETTINGS.decisions_table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=described["AttributeDefinitions"],
            KeySchema=described["KeySchema"],
        )

    assert status == 502
    assert "pd" not in answer
