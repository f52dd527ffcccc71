"""Each fault that a gate is there for, from its evaluation through the tasks of build_model."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import boto3
import pytest

from solvencia import layout, lineage, portfolio, raw, registry, version
from solvencia.portfolio import Fairness, Gate
from solvencia.settings import Settings
from solvencia_airflow.operators import TrainModelOperator

pytestmark = [
    pytest.mark.filterwarnings("ignore:GitWildMatchPattern"),  # Airflow's own, as it reads DAGs
    pytest.mark.filterwarnings("ignore:The `airflow.utils.operator_helpers"),
]
ROOT = Path(__file__).resolve().parents[2]
NAME, PERIOD = "consumer_credit", "2026-10"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"
# What ran before: its outcome is laid down, and `train` returns the job that made the artefact.
DONE = "clear_prepared|prepare|register_table|reconcile|check_.*|validate|clean|evaluate"
AFTER = {
    *("ask", "approve", "evidence", "guard"),
    *("create_model", "create_endpoint_config", "endpoint", "smoke"),
}
COUNTS = {
    "prepare": {
        "declared_applications": 8000,
        "raw_applications": 8000,
        "immature": 0,
        "repeated_keys": 0,
        "prepared": 8000,
        "periods": 24,
    },
    "validate": {
        "expectations": [{"success": True}],
        "successful": 1,
        "failed": 0,
        "data_docs": "s3://data/data_docs/index.html",
    },
    "clean": {
        "cleaned": {"train": 4000, "validation": 1700, "test": 2300},
        "quarantined": 0,
        "quarantined_by": {},
    },
}
FAULTS = {
    "drift": ["csi of monthly_income_usd ", "above csi_max 0.25"],
    "leakage": ["auc of open_credit_lines_count alone 0.9", "it may know the outcome"],
    "unfairness": ["impact ratio of age_years (", "opportunity difference of age_years ("],
    "miscalibration": ["is above ece_max 0.06: the probabilities do not hold"],
    "direction": ["monotone constraint of revolving_utilisation_ratio is broken"],
}


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the model image's code makes of each fault: `<fault>/model.tar.gz`, `evaluation/`."""
    folder = tmp_path_factory.mktemp("faulty")
    subprocess.run(
        [str(ROOT / ".venv/model/bin/python"), str(ROOT / "tests/core/faulty.py"), str(folder)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "include", "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


@pytest.fixture(scope="module", autouse=True)
def metadata_database() -> Iterator[None]:
    """Airflow's own database, in the tests' home; the next module finds none."""
    from airflow.utils.db import initdb, resetdb

    initdb()
    yield
    resetdb(skip_init=True)


@pytest.fixture
def settings(aws: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A deployment of its own, whose alerts are mailed to an address of its own."""
    stack = f"s{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("SOLVENCIA_STACK", stack)
    found = Settings.from_env()
    for bucket in (found.data_bucket, found.model_bucket):
        s3.create_bucket(Bucket=bucket)
    boto3.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=found.package_group(NAME), ModelPackageGroupDescription="Of a test"
    )
    sns = boto3.client("sns")
    topic = sns.create_topic(Name=f"{stack}-alerts")["TopicArn"]
    assert topic == found.alerts_topic_arn
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=f"{stack}@example.com")
    return found


@pytest.fixture
def mails(aws: str, settings: Settings) -> Callable[[], list[str]]:
    """Reads subject and text of the mails to this deployment's address."""

    def read(path: str) -> str:
        return unescape(urllib.request.urlopen(f"{aws}{path}").read().decode())

    def read_all() -> list[str]:
        listed = re.findall(r'<a href="(/_mailbox/[^"]+)">', read("/_mailbox"))
        pages = [read(path) for path in sorted(listed)]
        return [each for each in pages if f"{settings.stack}@example.com" in each]

    return read_all


@pytest.fixture
def build(
    settings: Settings, s3: Any, evaluated: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], dict[str, str]]]:
    """Runs build_model of the real DAG file on one fault's artefact; returns {task: state}."""
    bounds = json.loads((evaluated / "bounds.json").read_text())
    product = replace(
        portfolio.load(NAME),
        gate=Gate(**bounds["gate"]),
        fairness=Fairness(**bounds["fairness"]),
    )
    monkeypatch.setattr(portfolio, "load", lambda name: product)

    def run(fault: str) -> dict[str, str]:
        artefact = f"training/{fault}/output/model.tar.gz"
        put = partial(s3.upload_file, Bucket=settings.model_bucket)
        put(str(evaluated / fault / "model.tar.gz"), Key=artefact)
        for path in (evaluated / fault / "evaluation").iterdir():
            put(str(path), Key=layout.evaluation_prefix(NAME, PERIOD) + path.name)
        raw.put_json(s3, settings.data_bucket, layout.raw_manifest(NAME, PERIOD), {"tables": {}})
        lineage.note_sources(s3, settings.data_bucket, NAME, PERIOD)
        for stage, counts in COUNTS.items():
            raw.put_json(s3, settings.data_bucket, layout.report(NAME, PERIOD, stage), counts)
        job = {
            "TrainingJobName": f"job-{fault}",
            "AlgorithmSpecification": {"TrainingImage": IMAGE},
            "ModelArtifacts": {"S3ModelArtifacts": f"s3://{settings.model_bucket}/{artefact}"},
        }
        trained = {"Training": job}
        monkeypatch.setattr(TrainModelOperator, "execute", lambda self, context: trained)
        dag = load_dag_file().build_model(NAME, settings)
        done = dag.test(mark_success_pattern=DONE)
        return {each.task_id: str(each.state) for each in done.get_task_instances()}

    return run


def load_dag_file() -> Any:
    """Return dags/build_model.py; its runs have a period, which `dag.test` cannot give them."""
    spec = importlib.util.spec_from_file_location("build_model", ROOT / "dags/build_model.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.PERIOD = PERIOD
    return module


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_model_is_registered_refused_and_mailed(build, settings, mails, s3, fault):
    """The version is Rejected with the fault's reason, one mail names both, nothing is deployed."""
    states = build(fault)

    sagemaker = boto3.client("sagemaker")
    (listed,) = registry.list_versions(sagemaker, settings.package_group(NAME))
    own = listed["ModelPackageDescription"]
    package = sagemaker.describe_model_package(ModelPackageName=listed["ModelPackageArn"])
    facts = version.read_facts(s3, settings, NAME, own)
    (mail,) = mails()
    assert states["register"] == "success"
    assert states["gate"] == "failed"
    assert {each for each in states if states[each] == "upstream_failed"} == AFTER
    assert package["ModelApprovalStatus"] == facts["status"] == registry.REJECTED
    assert f"build_model_{NAME} / gate failed" in mail
    assert own in mail
    for text in FAULTS[fault]:
        assert text in package["ApprovalDescription"]
        assert text in " ".join(facts["refusals"])
        assert text in mail
    assert sagemaker.list_models(NameContains=settings.stack)["Models"] == []
    assert sagemaker.list_endpoints(NameContains=settings.stack)["Endpoints"] == []
