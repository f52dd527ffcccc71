"""`replay DECISION`: a logged decision made once more by this image; replay.json says what came."""

from __future__ import annotations

import json

import boto3

from solvencia import replay
from solvencia.container.folders import Folders
from solvencia.replay import Clients
from solvencia.settings import Settings


def run(folders: Folders, decision_id: str) -> None:
    """Replay one decision, as a SageMaker processing job; the input is never written.

    Raises UnknownDecision; that a decision comes out otherwise is a result and no failure.
    """
    names = ("dynamodb", "kms", "s3", "sagemaker")
    clients = Clients(*(boto3.client(each) for each in names))
    found = replay.replay(clients, Settings.from_env(), decision_id)
    output = folders.processing_output
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.describe(), indent=2, sort_keys=True)
    (output / "replay.json").write_text(text + "\n", encoding="utf-8")
    print(f"decision {decision_id}: {found.status}", flush=True)
