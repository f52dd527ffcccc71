"""The deployment that the records are of: what the environment names."""

from __future__ import annotations

from dataclasses import dataclass

import boto3

from solvencia.replay import Clients
from solvencia.settings import Settings


@dataclass(frozen=True)
class Opened:
    """A deployment's names and the clients to read it with."""

    settings: Settings
    clients: Clients


def connect() -> Opened:
    """Open the deployment; raise MissingSetting where the environment names none."""
    settings = Settings.from_env()
    names = ("dynamodb", "kms", "s3", "sagemaker")
    return Opened(settings, Clients(*(boto3.client(each) for each in names)))
