"""Deployment settings: read from the environment once, in every runtime, and nowhere else."""

from __future__ import annotations

import os
from dataclasses import dataclass

from solvencia.faults import PermanentFault

APPROVALS = ("automatic", "manual")


class MissingSetting(PermanentFault):
    """An environment variable that the deployment must set is absent."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not set: take it from the stack's outputs (docs/settings.md)")
        self.name = name


class InvalidSetting(PermanentFault):
    """An environment variable has a value that means nothing."""

    def __init__(self, name: str, value: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{name} is {value!r}: use {' or '.join(allowed)} (docs/settings.md)")
        self.name = name


@dataclass(frozen=True)
class Settings:
    """What may differ between deployments; every resource name derives from it."""

    stack: str
    account: str
    region: str
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    model_image: str = ""
    retry_delay_seconds: int = 300
    poll_seconds: int = 30
    training_instance: str = "ml.m5.large"
    endpoint_instance: str = "ml.m5.large"
    endpoint_instances: int = 2
    approval: str = "manual"

    @classmethod
    def from_env(cls) -> Settings:
        """Read `SOLVENCIA_*` and the region; raise MissingSetting for a required one."""
        env = os.environ
        region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
        if not region:
            raise MissingSetting("AWS_DEFAULT_REGION")
        for name in ("SOLVENCIA_STACK", "SOLVENCIA_ACCOUNT"):
            if not env.get(name):
                raise MissingSetting(name)
        approval = env.get("SOLVENCIA_APPROVAL") or cls.approval
        if approval not in APPROVALS:
            raise InvalidSetting("SOLVENCIA_APPROVAL", approval, APPROVALS)
        return cls(
            stack=env["SOLVENCIA_STACK"],
            account=env["SOLVENCIA_ACCOUNT"],
            region=region,
            subnets=_names(env.get("SOLVENCIA_SUBNETS", "")),
            security_groups=_names(env.get("SOLVENCIA_SECURITY_GROUPS", "")),
            model_image=env.get("SOLVENCIA_MODEL_IMAGE", ""),
            retry_delay_seconds=int(
                env.get("SOLVENCIA_RETRY_DELAY_SECONDS", cls.retry_delay_seconds)
            ),
            poll_seconds=int(env.get("SOLVENCIA_POLL_SECONDS", cls.poll_seconds)),
            training_instance=env.get("SOLVENCIA_TRAINING_INSTANCE", cls.training_instance),
            endpoint_instance=env.get("SOLVENCIA_ENDPOINT_INSTANCE", cls.endpoint_instance),
            endpoint_instances=int(env.get("SOLVENCIA_ENDPOINT_INSTANCES", cls.endpoint_instances)),
            approval=approval,
        )

    @property
    def data_bucket(self) -> str:
        """Bucket of landing, raw, prepared, cleaned, quarantine and reports."""
        return f"{self.stack}-data-{self.account}-{self.region}"

    @property
    def archive_bucket(self) -> str:
        """Bucket whose objects lie in a Glacier storage class."""
        return f"{self.stack}-archive-{self.account}-{self.region}"

    @property
    def model_bucket(self) -> str:
        """Bucket of model artefacts, metrics and plots."""
        return f"{self.stack}-models-{self.account}-{self.region}"

    @property
    def workgroup(self) -> str:
        """Athena workgroup; its result location is enforced by the template."""
        return self.stack

    @property
    def alerts_topic_arn(self) -> str:
        """SNS topic that every failure is published to."""
        return f"arn:aws:sns:{self.region}:{self.account}:{self.stack}-alerts"

    @property
    def decisions_table(self) -> str:
        """DynamoDB table of decisions, keyed by `decision_id`."""
        return f"{self.stack}-decisions"

    @property
    def people_table(self) -> str:
        """DynamoDB table of the persons' data keys, keyed by `person_id`."""
        return f"{self.stack}-people"

    @property
    def people_key(self) -> str:
        """Alias of the KMS key that the persons' data keys lie under."""
        return f"alias/{self.stack}-people"

    @property
    def clean_state_machine_arn(self) -> str:
        """Step Functions state machine that maps the clean Lambda over the parts."""
        return f"arn:aws:states:{self.region}:{self.account}:stateMachine:{self.stack}-clean"

    @property
    def batch_state_machine_arn(self) -> str:
        """Step Functions state machine that scores a batch."""
        return f"arn:aws:states:{self.region}:{self.account}:stateMachine:{self.stack}-batch"

    def batch_execution_arn(self, batch: str) -> str:
        """Execution that scores one batch: it has the batch's id as its name."""
        return f"arn:aws:states:{self.region}:{self.account}:execution:{self.stack}-batch:{batch}"

    @property
    def sagemaker_role_arn(self) -> str:
        """Role that SageMaker jobs and endpoints run under."""
        return f"arn:aws:iam::{self.account}:role/{self.stack}-sagemaker"

    @property
    def replay_role_arn(self) -> str:
        """Role of a replay's job: the only job that may read the decision log and unseal inputs."""
        return f"arn:aws:iam::{self.account}:role/{self.stack}-replay"

    @property
    def notebook_training_role_arn(self) -> str:
        """Role of training jobs that a notebook starts: it writes below `notebooks/` alone."""
        return f"arn:aws:iam::{self.account}:role/{self.stack}-notebook-training"

    def database(self, portfolio: str) -> str:
        """Glue database of one portfolio."""
        return f"{self.stack.replace('-', '_')}_{portfolio}"

    def crawler(self, portfolio: str) -> str:
        """Glue crawler over one portfolio's raw tables."""
        return f"{self.stack}-{portfolio.replace('_', '-')}-raw"

    def endpoint(self, portfolio: str) -> str:
        """SageMaker endpoint that serves one portfolio's champion."""
        return f"{self.stack}-{portfolio.replace('_', '-')}"

    def package_group(self, portfolio: str) -> str:
        """SageMaker model package group that one portfolio's versions are registered in."""
        return f"{self.stack}-{portfolio.replace('_', '-')}"

    def datasync_source_uri(self, portfolio: str) -> str:
        """Export folder of the lender's file server, as DataSync spells it."""
        return f"nfs://warehouse-exports/{portfolio}/"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
