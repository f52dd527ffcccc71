"""The operators of our own, against SageMaker and Step Functions of the embedded AWS."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from solvencia import registry
from solvencia_airflow import endpoint_operators as endpoints
from solvencia_airflow import operators

ROLE = "arn:aws:iam::000000000000:role/solvencia-sagemaker"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"
COMMON = {"aws_conn_id": None, "region_name": "us-east-1"}


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def sagemaker(aws: str) -> Any:
    return boto3.client("sagemaker")


GROUP = "test-operators"


@pytest.fixture
def group(sagemaker: Any) -> str:
    """The package group that the operators look for approved versions in."""
    with contextlib.suppress(ClientError):
        sagemaker.create_model_package_group(
            ModelPackageGroupName=GROUP, ModelPackageGroupDescription="Of the tests"
        )
    return GROUP


@pytest.fixture
def approved(sagemaker: Any, group: str, name: str) -> registry.Package:
    """The version `name`, as the registry has it once it is approved."""
    return registry.create(
        sagemaker,
        group,
        name,
        image=IMAGE,
        artefact="s3://models/m.tar.gz",
        status=registry.APPROVED,
        evaluation="s3://models/versions/",
    )


def create_model(name: str, image: str = IMAGE, data: str = "s3://models/m.tar.gz") -> Any:
    config = {
        "ModelName": name,
        "PrimaryContainer": {"Image": image, "ModelDataUrl": data},
        "ExecutionRoleArn": ROLE,
    }
    return endpoints.CreateModelOperator(
        task_id="model", config=config, package_group=GROUP, **COMMON
    )


def deploy(name: str) -> Any:
    config = {"EndpointName": name, "EndpointConfigName": name}
    return endpoints.DeployEndpointOperator(
        task_id="endpoint", config=config, package_group=GROUP, check_interval=1, **COMMON
    )


def create_config(name: str, instances: int | str = 2) -> Any:
    variant = {
        "VariantName": "champion",
        "ModelName": name,
        "InitialInstanceCount": instances,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1.0,
    }
    config = {"EndpointConfigName": name, "ProductionVariants": [variant]}
    return endpoints.CreateEndpointConfigOperator(task_id="config", config=config, **COMMON)


def test_a_retry_finds_the_model_that_it_created(sagemaker, approved, name):
    """Creating the same version twice gives one model."""
    create_model(name).execute({})

    found = create_model(name).execute({})

    assert found["Model"]["ModelName"] == name
    assert len(sagemaker.list_models(NameContains=name)["Models"]) == 1


def test_a_name_with_another_image_is_refused(sagemaker, approved, name):
    """A model of the same digest that runs in another image is not taken for it."""
    create_model(name).execute({})

    with pytest.raises(endpoints.NameTaken, match=f"model {name} is there already"):
        create_model(name, image=IMAGE.replace(":1", ":2")).execute({})


def test_a_retry_finds_its_endpoint_configuration(sagemaker, approved, name):
    """The same variants are done; other ones under the name are refused."""
    create_model(name).execute({})
    create_config(name).execute({})

    found = create_config(name, instances="2").execute({})

    assert found["EndpointConfig"]["EndpointConfigName"] == name
    with pytest.raises(endpoints.NameTaken, match=f"configuration {name} is there already"):
        create_config(name, instances=3).execute({})


def test_an_endpoint_that_never_gets_healthy_says_why(sagemaker, approved, s3, bucket, name):
    """A broken artefact fails the task with SageMaker's reason; a rerun creates it again."""
    broken = io.BytesIO()
    with tarfile.open(fileobj=broken, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("model.json"))
    s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=broken.getvalue())
    create_model(name, data=f"s3://{bucket}/model.tar.gz").execute({})
    create_config(name).execute({})

    for _ in range(2):
        with pytest.raises(endpoints.EndpointUnhealthy) as fault:
            deploy(name).execute({})

        assert f"endpoint {name} did not get healthy" in str(fault.value)
        assert "no reason given" not in str(fault.value)
        assert f"/aws/sagemaker/Endpoints/{name}" in str(fault.value)
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Failed"
    sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize("status", [registry.PENDING, registry.REJECTED])
def test_nothing_is_deployed_that_is_not_approved(sagemaker, approved, name, status):
    """A status that changes behind the run's back stops the model, and then the endpoint."""
    registry.set_status(sagemaker, approved, status, "Changed in the console", {})
    with pytest.raises(registry.NotApproved, match=f"{name} has status {status}"):
        create_model(name).execute({})
    registry.set_status(sagemaker, approved, registry.APPROVED, "Changed back", {})
    create_model(name).execute({})
    create_config(name).execute({})
    registry.set_status(sagemaker, approved, status, "Changed in the console", {})

    with pytest.raises(registry.NotApproved, match=f"{name} has status {status}"):
        deploy(name).execute({})

    assert sagemaker.list_endpoints(NameContains=name)["Endpoints"] == []


def test_an_unregistered_name_is_not_deployed(sagemaker, group, name):
    """A version that the registry does not know stays off."""
    with pytest.raises(registry.UnknownVersion, match=f"no version '{name}' is registered"):
        create_model(name).execute({})


def test_a_training_failure_stands_in_the_log(sagemaker, s3, bucket, name, capsys):
    """The reason that the container wrote is the error, and its own lines are in the log."""
    for channel in ("train", "validation"):
        s3.put_object(Bucket=bucket, Key=f"{channel}/rows.parquet", Body=b"no Parquet")
    train = operators.TrainModelOperator(
        task_id="train",
        config={
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "HyperParameters": {"portfolio": "consumer_credit", "period": "26-10"},
            "InputDataConfig": [
                {
                    "ChannelName": channel,
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"s3://{bucket}/{channel}/",
                        }
                    },
                }
                for channel in ("train", "validation")
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/training/"},
            "ResourceConfig": {
                "InstanceType": "ml.m5.large",
                "InstanceCount": 1,
                "VolumeSizeInGB": 1,
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        print_log=False,
        check_interval=1,
        **COMMON,
    )

    with pytest.raises(Exception, match="26-10") as fault:
        train.execute({})

    assert "write it as YYYY-MM" in str(fault.value)
    assert "InvalidHyperparameters" in capsys.readouterr().out


def state_machine(name: str, state: dict[str, Any]) -> str:
    definition = {"StartAt": "Only", "States": {"Only": state}}
    made = boto3.client("stepfunctions").create_state_machine(
        name=name, definition=json.dumps(definition), roleArn=ROLE
    )
    return str(made["stateMachineArn"])


def run_machine(arn: str) -> Any:
    return operators.RunStateMachineOperator(
        task_id="clean", state_machine_arn=arn, state_machine_input="{}", waiter_delay=1, **COMMON
    )


class Links:
    """What the operator leaves its links with."""

    def xcom_push(self, **link: Any) -> None:
        self.link = link


def test_a_state_machine_is_waited_for(aws, name):
    """The task ends when the execution does, and returns its ARN."""
    arn = state_machine(name, {"Type": "Pass", "Result": [1, 2], "End": True})

    execution = run_machine(arn).execute({"ti": Links()})

    found = boto3.client("stepfunctions").describe_execution(executionArn=execution)
    assert found["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("part 0: MissingColumn: prepared has no column x", operators.PartsFailed),
        ("part 0: Lambda.TooManyRequestsException: slow down", operators.ExecutionFailed),
    ],
)
def test_a_failed_execution_says_which_part_failed(aws, name, cause, kind):
    """Our own code's fault is permanent; what Lambda itself raises may pass."""
    arn = state_machine(name, {"Type": "Fail", "Error": "PartsFailed", "Cause": cause})

    with pytest.raises(kind) as fault:
        run_machine(arn).execute({"ti": Links()})

    assert cause in str(fault.value)
