"""A deployment of its own with an evaluated model in it, and what its tests ask of the registry."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from solvencia import (
    evidence,
    layout,
    lineage,
    raw,
    registry,
    version,
)
from solvencia.settings import Settings
from solvencia_airflow import approval as asking
from solvencia_airflow import versions
from tests.airflow import evaluation

NAME = "consumer_credit"
PERIOD = "2026-10"
LONG = "The branch needs it until June"


@pytest.fixture
def settings(aws: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A deployment of its own: empty buckets and an empty package group."""
    stack = f"s{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("SOLVENCIA_STACK", stack)
    found = Settings.from_env()
    for bucket in (found.data_bucket, found.model_bucket):
        s3.create_bucket(Bucket=bucket)
    boto3.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=found.package_group(NAME), ModelPackageGroupDescription="Cards"
    )
    boto3.client("sns").create_topic(Name=f"{stack}-alerts")
    return found


@pytest.fixture
def evaluated(settings: Settings, s3: Any, product: Any) -> Any:
    """Lays down what train and evaluate leave; metrics may be changed and laid down again."""
    raw.put_json(s3, settings.data_bucket, layout.raw_manifest(NAME, PERIOD), {"tables": {}})
    lineage.note_sources(s3, settings.data_bucket, NAME, PERIOD)
    for stage in version.STAGES:
        raw.put_json(s3, settings.data_bucket, layout.report(NAME, PERIOD, stage), {"rows": 3})

    def lay_down(**change: Any) -> dict[str, Any]:
        metrics = evaluation.metrics(product, **({"plots": ["roc.png"]} | change))
        prefix = layout.evaluation_prefix(NAME, PERIOD)
        for name in ("metrics.json", "report.json"):
            raw.put_json(s3, settings.model_bucket, prefix + name, metrics)
        return metrics

    for part in ("", "2/"):
        put_artefact(s3, f"training/{part}model.tar.gz", "ab" * 32)
    lay_down()
    return lay_down


def put_artefact(s3: Any, key: str, digest: str) -> None:
    """Store what a training job leaves, as far as it is looked into."""
    body = io.BytesIO()
    files: dict[str, Any] = {
        "./challengers/scorecard/model.json": {"digest": "another"},
        "./model.json": {"digest": digest},
        "./provenance.json": {"code_digest": "c0" * 32, "content_digest": "c1" * 32},
    }
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(json.dumps(content))
            archive.addfile(member, io.BytesIO(json.dumps(content).encode()))
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key=key, Body=body.getvalue())


@pytest.fixture(autouse=True)
def pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page stands for the evidence pack, whose facts come from a whole evaluation."""

    def build(
        facts: Any, report: Any, portfolio: Any, pictures: Any, champion: Any
    ) -> dict[str, str]:
        earlier = champion["version"] if champion else "none"
        page = f"{facts['status']} {facts['approval']} {sorted(pictures)} after {earlier}"
        page += "".join(f" {each['rule']}" for each in report["gate"] if each["refusals"])
        return {"index.html": page}

    monkeypatch.setattr(evidence, "build", build)


TRAINING = {
    "Training": {
        "TrainingJobName": "job-1",
        "AlgorithmSpecification": {"TrainingImage": "registry/model@sha256:12"},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://models/training/model.tar.gz"},
    }
}


NO_CHAMPION = {"version": "", "artefact": "s3://models/training/model.tar.gz"}


def register(champion: dict[str, str] = NO_CHAMPION) -> str:
    return versions.register(NAME, PERIOD, TRAINING, champion)


def facts_of(s3: Any, settings: Settings, own: str) -> dict[str, Any]:
    found = version.read_facts(s3, settings, NAME, own)
    assert found
    return found


def package_of(settings: Settings, own: str) -> registry.Package:
    return registry.get(boto3.client("sagemaker"), settings.package_group(NAME), own)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a task into a run that someone started."""

    def start(user: str | None, dag_id: str = "build_model", run_id: str = "r1") -> dict[str, Any]:
        dag_run = SimpleNamespace(
            triggering_user_name=user,
            dag_id=dag_id,
            run_id=run_id,
            run_after=datetime(2026, 11, 1, tzinfo=UTC),
        )
        context = {"dag_run": dag_run, "triggering_asset_events": {}}
        monkeypatch.setattr(asking, "get_current_context", lambda: context)
        return context

    return start


def answered(by: str, choice: str = "Approve", reason: str = LONG) -> dict[str, Any]:
    """What Airflow hands over when someone has answered."""
    return {
        "chosen_options": [choice],
        "params_input": {"reason": reason},
        "responded_at": datetime(2026, 11, 2, 10, tzinfo=UTC),
        "responded_by_user": {"id": by, "name": by},
    }
