"""What AWS is asked to run for one period: the statements and the jobs' configurations."""

from __future__ import annotations

import json
from typing import Any

from solvencia import layout
from solvencia.layout import DECLINED
from solvencia.portfolio import Portfolio
from solvencia.settings import Settings

ENTRYPOINT = ["python", "-m", "solvencia.container"]
PROCESSING = "/opt/ml/processing"
VARIANT = "champion"
TRAINING_HOURS = 4
EVALUATION_HOURS = 1
REPLAY_MINUTES = 15
VOLUME_GB = 30

# Read when the task runs: what an earlier task of the same run returned.
ARTEFACT = "{{ ti.xcom_pull('train')['Training']['ModelArtifacts']['S3ModelArtifacts'] }}"
IMAGE = "{{ ti.xcom_pull('train')['Training']['AlgorithmSpecification']['TrainingImage'] }}"
CHAMPION = "{{ ti.xcom_pull('find_champion')['artefact'] }}"


def unload(settings: Settings, portfolio: Portfolio, period: str) -> str:
    """Return the statement that writes prepare.sql's rows, a folder for each part."""
    target = f"s3://{settings.data_bucket}/{layout.prepared_partition(portfolio.name, period)}"
    return (
        "UNLOAD (\n{% include 'prepare.sql' %}\n)\n"
        f"TO '{target}'\n"
        "WITH (format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['part'])"
    )


def clean_input(portfolio: Portfolio, period: str) -> str:
    """Return the state machine's input: an item for each part."""
    parts = range(portfolio.split.parts)
    items = [{"portfolio": portfolio.name, "period": period, "part": part} for part in parts]
    return json.dumps({"items": items})


def training(settings: Settings, portfolio: Portfolio, period: str) -> dict[str, Any]:
    """Return the training job's configuration."""
    name, bucket = portfolio.name, settings.data_bucket
    channels = [
        {
            "ChannelName": split,
            "ContentType": "application/x-parquet",
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3Uri": f"s3://{bucket}/{layout.cleaned_split(name, period, split)}",
                }
            },
        }
        for split in ("train", "validation", *_declined(portfolio))
    ]
    output = layout.training_output(name, period)
    return {
        "TrainingJobName": _job_name(settings, portfolio, period),
        "AlgorithmSpecification": {
            "TrainingImage": settings.model_image,
            "TrainingInputMode": "File",
        },
        "RoleArn": settings.sagemaker_role_arn,
        "HyperParameters": {"portfolio": name, "period": period},
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": f"s3://{settings.model_bucket}/{output}"},
        "ResourceConfig": {
            "InstanceType": settings.training_instance,
            "InstanceCount": 1,
            "VolumeSizeInGB": VOLUME_GB,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": TRAINING_HOURS * 3600},
        "VpcConfig": _vpc(settings),
    }


def evaluation(settings: Settings, portfolio: Portfolio, period: str) -> dict[str, Any]:
    """Return the processing job that measures the model on the out-of-time test.

    It reads the training rows too, as drift is measured against them, the declined where they
    trained, and the champion, which the model must not fall behind.
    """
    name = portfolio.name
    splits = [
        (split, f"s3://{settings.data_bucket}/{layout.cleaned_split(name, period, split)}")
        for split in ("test", "train", *_declined(portfolio))
    ]
    output = f"s3://{settings.model_bucket}/{layout.evaluation_prefix(name, period)}"
    return {
        "ProcessingJobName": _job_name(settings, portfolio, period) + "-evaluate",
        "AppSpecification": {
            "ImageUri": IMAGE,
            "ContainerEntrypoint": [*ENTRYPOINT, "evaluate"],
        },
        "RoleArn": settings.sagemaker_role_arn,
        "ProcessingInputs": [
            _processing_input("model", ARTEFACT),
            _processing_input("champion", CHAMPION),
            *(_processing_input(split, uri) for split, uri in splits),
        ],
        "ProcessingOutputConfig": {"Outputs": [_processing_output("evaluation", output)]},
        "ProcessingResources": _one_instance(settings),
        "StoppingCondition": {"MaxRuntimeInSeconds": EVALUATION_HOURS * 3600},
        "NetworkConfig": {"VpcConfig": _vpc(settings)},
    }


def replay(settings: Settings, portfolio: Portfolio, decision_id: str) -> dict[str, Any]:
    """Return the processing job that makes a logged decision once more, in its model's image."""
    output = f"s3://{settings.model_bucket}/{layout.replay_prefix(portfolio.name, decision_id)}"
    return {
        "ProcessingJobName": _job_name(settings, portfolio, "replay"),
        "AppSpecification": {
            "ImageUri": "{{ ti.xcom_pull('find_decision') }}",
            "ContainerEntrypoint": [*ENTRYPOINT, "replay"],
            "ContainerArguments": [decision_id],
        },
        "Environment": {
            "SOLVENCIA_STACK": settings.stack,
            "SOLVENCIA_ACCOUNT": settings.account,
            "AWS_DEFAULT_REGION": settings.region,
        },
        "RoleArn": settings.replay_role_arn,
        "ProcessingOutputConfig": {"Outputs": [_processing_output("replay", output)]},
        "ProcessingResources": _one_instance(settings),
        "StoppingCondition": {"MaxRuntimeInSeconds": REPLAY_MINUTES * 60},
        "NetworkConfig": {"VpcConfig": _vpc(settings)},
    }


def model(settings: Settings) -> dict[str, Any]:
    """Return the SageMaker model of the version that the guard let pass."""
    return {
        "ModelName": _guarded("version"),
        "PrimaryContainer": {"Image": _guarded("image"), "ModelDataUrl": _guarded("artefact")},
        "ExecutionRoleArn": settings.sagemaker_role_arn,
        "VpcConfig": _vpc(settings),
    }


def endpoint_config() -> dict[str, Any]:
    """Return that version's endpoint configuration, with the instances that it was registered for.

    SageMaker spreads them over the zones.
    """
    return {
        "EndpointConfigName": _guarded("version"),
        "ProductionVariants": [
            {
                "VariantName": VARIANT,
                "ModelName": _guarded("version"),
                "InitialInstanceCount": _guarded("instance_count"),
                "InstanceType": _guarded("instance_type"),
                "InitialVariantWeight": 1.0,
            }
        ],
    }


def endpoint(settings: Settings, portfolio: str) -> dict[str, Any]:
    """Return which configuration the portfolio's endpoint shall serve."""
    return {
        "EndpointName": settings.endpoint(portfolio),
        "EndpointConfigName": _guarded("version"),
    }


def _declined(portfolio: Portfolio) -> tuple[str, ...]:
    """Return the split that is read only where declined applications train."""
    return (DECLINED,) if portfolio.modelling.reject_inference != "none" else ()


def _guarded(key: str) -> str:
    """What the guard let pass, read when the task runs."""
    return "{{ ti.xcom_pull('guard')['" + key + "'] }}"


def _job_name(settings: Settings, portfolio: Portfolio, period: str) -> str:
    """One name for each run, so that a retry finds the job that it has started."""
    base = f"{settings.stack}-{portfolio.name.replace('_', '-')}-{period}"
    return base + "-{{ dag_run.start_date.strftime('%y%m%d%H%M%S') }}"


def _processing_input(name: str, uri: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{PROCESSING}/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
        },
    }


def _processing_output(name: str, uri: str) -> dict[str, Any]:
    return {
        "OutputName": name,
        "S3Output": {
            "S3Uri": uri,
            "LocalPath": f"{PROCESSING}/output",
            "S3UploadMode": "EndOfJob",
        },
    }


def _one_instance(settings: Settings) -> dict[str, Any]:
    return {
        "ClusterConfig": {
            "InstanceType": settings.training_instance,
            "InstanceCount": 1,
            "VolumeSizeInGB": VOLUME_GB,
        }
    }


def _vpc(settings: Settings) -> dict[str, Any]:
    return {
        "Subnets": list(settings.subnets),
        "SecurityGroupIds": list(settings.security_groups),
    }
