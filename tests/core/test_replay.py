"""Logged decisions made once more by the replay's own role, where the embedded AWS enforces IAM."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tarfile
import time
import urllib.request
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config

from records import people
from solvencia import decision, decision_log, lineage, model, policy, registry
from solvencia.container.serve_scores import Scores
from solvencia.gateway import Caller
from solvencia.policy import Band
from solvencia.replay import Clients, replay
from solvencia.sealing import Tampered
from solvencia.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
NAME = "consumer_credit"
KEY = "training/one/output/model.tar.gz"
SETTINGS = Settings(stack="solvencia", account="000000000000", region="us-east-1")
SERVICES = ("dynamodb", "kms", "s3", "sagemaker")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """An embedded AWS that enforces IAM, with the log, its keys and its role from the template."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = tmp_path_factory.mktemp("aws")
    with (state / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(ROOT / ".venv/embedded/bin/python"), "-m", "local.aws.server"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'include'}",
                "GATEWAY_PORT": str(port),
                "SOLVENCIA_EMBEDDED_IAM": "enforced",
                "SOLVENCIA_EMBEDDED_STATE_DIR": str(state),
                "SOLVENCIA_EMBEDDED_MODEL_PYTHON": str(ROOT / ".venv/model/bin/python"),
                "SOLVENCIA_EMBEDDED_LAMBDA_PYTHON": str(ROOT / ".venv/model/bin/python"),
            },
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        await_server(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def await_server(address, server):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/_ministack/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the embedded AWS did not start")


def connect(url, service, key="test", secret="test", token=None):  # noqa: S107 - the operator's
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


@pytest.fixture(scope="module")
def operator(url):
    """The operator's clients, once the template is deployed and the model bucket is there."""
    stacks = connect(url, "cloudformation")
    given = {"Stack": "solvencia", "DataKeyArn": "data-key", "PermissionsBoundary": ""}
    stacks.create_stack(
        StackName="decisions",
        TemplateBody=(ROOT / "infra/decisions.yaml").read_text(),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stacks.get_waiter("stack_create_complete").wait(
        StackName="decisions", WaiterConfig={"Delay": 1}
    )
    clients = Clients(*(connect(url, each) for each in SERVICES))
    clients.s3.create_bucket(Bucket=SETTINGS.model_bucket)
    return clients


@pytest.fixture(scope="module")
def role(url, operator):
    """The clients that a replay job has: those of its role."""
    name = quote("arn:aws:iam::000000000000:role/solvencia-replay")
    source = quote("arn:aws:sagemaker:us-east-1:000000000000:processing-job/replay")
    path = f"/_credentials?role={name}&service=sagemaker.amazonaws.com&source={source}"
    with urllib.request.urlopen(url + path) as reply:
        found = json.load(reply)
    keys = found["AccessKeyId"], found["SecretAccessKey"], found["Token"]
    return Clients(*(connect(url, each, *keys) for each in SERVICES))


@pytest.fixture(scope="module")
def registered(operator, small_model, tmp_path_factory):
    """A model in the bucket and in the registry, as it is served."""
    folder = tmp_path_factory.mktemp("model")
    small_model.save(folder)
    archive = tmp_path_factory.mktemp("archive") / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(folder, ".")
    operator.s3.upload_file(str(archive), SETTINGS.model_bucket, KEY)
    group = SETTINGS.package_group(NAME)
    operator.sagemaker.create_model_package_group(
        ModelPackageGroupName=group, ModelPackageGroupDescription="Of a test"
    )
    package = registry.create(
        operator.sagemaker,
        group,
        "one",
        image="000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1",
        artefact=f"s3://{SETTINGS.model_bucket}/{KEY}",
        status=registry.APPROVED,
        evaluation=f"s3://{SETTINGS.model_bucket}/evaluation/",
    )
    digests = {"digest": small_model.digest, "code_digest": lineage.code_digest(NAME)}
    registry.set_status(operator.sagemaker, package, registry.APPROVED, "of a test", digests)
    return SimpleNamespace(model=model.load(folder), archive=archive)


@pytest.fixture
def decide(operator, registered, consumer_credit, application):
    """Decides on an application under these bands and logs it, as the score function does."""

    def make(bands=consumer_credit.bands, person="p-1", **change):
        product = replace(consumer_credit, bands=bands)
        scores = Scores(registered.model, product)
        reply = {"scores": [scores.score(application)], "model": scores.identity}
        subject = decision.identify(NAME, application, Caller("key", "", person, ""), "en")
        made = replace(decision.decide(product, subject, reply), **change)
        decision_log.write(operator.dynamodb, operator.kms, SETTINGS, made, application)
        return made

    return make


def forget_policy(operator, made):
    """Leave a decision's entry as it was before the log kept the bands."""
    update(operator, made, "REMOVE policy")


def update(operator, made, change, **values):
    operator.dynamodb.update_item(
        TableName=SETTINGS.decisions_table,
        Key={"decision_id": {"S": made.decision_id}},
        UpdateExpression=change,
        **values,
    )


def test_a_decision_is_reproduced_by_its_own_bands_when_they_decided_otherwise(
    role, decide, consumer_credit
):
    """A cut-off changes without a new model: the code that replays may have other ones."""
    here = policy.find_band(consumer_credit.bands, decide().points)
    other = next(each for each in policy.OUTCOMES if each != here.decision)
    made = decide((Band("of then", other),))

    found = replay(role, SETTINGS, made.decision_id)

    assert (made.band, made.decision) == ("of then", other) != (here.name, here.decision)
    assert (found.status, found.differences, found.missing) == ("reproduced", (), ())
    assert made.policy_digest[:12] in found.notes[0]


def test_a_decision_whose_band_stayed_is_reproduced_when_another_cut_off_moved(
    role, decide, consumer_credit
):
    """Bands that were changed elsewhere, and bands that were not changed at all."""
    best, *rest = consumer_credit.bands
    moved = decide((replace(best, points_min=best.points_min + 50), *rest))
    same = decide()

    found, again = (replay(role, SETTINGS, each.decision_id) for each in (moved, same))

    assert moved.policy_digest != same.policy_digest
    assert (moved.band, moved.decision) == (same.band, same.decision)
    assert (found.status, len(found.notes)) == ("reproduced", 1)
    assert (again.status, again.notes) == ("reproduced", ())


def test_an_older_entry_replays_only_where_the_code_has_its_bands(operator, role, decide):
    """Without them band and decision are not judged by others: what is missing is named."""
    ours, theirs = decide(), decide((Band("of then", "refer"),))
    for each in (ours, theirs):
        forget_policy(operator, each)

    known, unknown = (replay(role, SETTINGS, each.decision_id) for each in (ours, theirs))

    assert (known.status, known.notes) == ("reproduced", ())
    assert (unknown.status, unknown.differences) == ("impossible", ())
    assert unknown.missing[0].startswith(f"the bands of policy {theirs.policy_digest}")


def test_bands_that_were_changed_in_the_log_are_found_out(operator, role, decide):
    """The digest in the entry, which the client was told, names other ones."""
    made = decide()
    text = {":policy": {"S": policy.write((Band("forged", "approve"),))}}
    update(operator, made, "SET policy = :policy", ExpressionAttributeValues=text)

    with pytest.raises(Tampered, match="not those that decided"):
        replay(role, SETTINGS, made.decision_id)


def test_a_model_that_is_gone_is_named_under_the_replays_own_role(
    operator, role, decide, registered
):
    """The role may look for the artefact, and so can tell a deleted one from a forbidden one."""
    made = decide()
    operator.s3.delete_object(Bucket=SETTINGS.model_bucket, Key=KEY)
    try:
        found = replay(role, SETTINGS, made.decision_id)
    finally:
        operator.s3.upload_file(str(registered.archive), SETTINGS.model_bucket, KEY)

    assert found.status == "impossible"
    assert found.missing == (f"the model: its artefact s3://{SETTINGS.model_bucket}/{KEY} is gone",)
    assert replay(role, SETTINGS, made.decision_id).status == "reproduced"


def test_an_export_holds_the_whole_entry_and_what_was_answered(
    operator, decide, application, consumer_credit
):
    """Each member of the entry is there, contributions in full; so is the answer in its words."""
    made = decide(person="p-export")

    exported = json.loads(json.dumps(people.export(operator, SETTINGS, "p-export")))

    assert exported["decisions"] == [
        {
            "entry": json.loads(json.dumps(asdict(made))),
            "input": application,
            "input_missing": None,
            "answer": made.answer(consumer_credit, "en"),
            "answer_missing": None,
        }
    ]


def test_an_export_outlives_a_lost_portfolio_and_a_changed_input(operator, decide, application):
    """What cannot be had is named beside its decision, and all the others are whole."""
    names = ("lost", "changed", "whole")
    lost, changed, whole = (
        decide(
            person="p-lost",
            decided_at=f"2026-11-24T00:00:0{place}.000+00:00",
            **({"portfolio": "gone"} if name == "lost" else {}),
        )
        for place, name in enumerate(names)
    )
    update(
        operator,
        changed,
        "SET #input = :input",
        ExpressionAttributeNames={"#input": "input"},
        ExpressionAttributeValues={":input": {"B": b"forged"}},
    )

    found = people.export(operator, SETTINGS, "p-lost")["decisions"]

    assert [each["entry"] for each in found] == [asdict(each) for each in (lost, changed, whole)]
    assert [each["input"] for each in found] == [application, None, application]
    assert "does not open" in found[1]["input_missing"]
    assert (found[0]["answer"], found[1]["answer_missing"]) == (None, None)
    assert "no portfolio 'gone'" in found[0]["answer_missing"]


def test_an_export_says_when_an_input_was_erased(operator, decide):
    """The entry stays as evidence, without the input."""
    made = decide(person="p-erased")
    erased = decision_log.erase(operator.dynamodb, SETTINGS, "p-erased")

    [found] = people.export(operator, SETTINGS, "p-erased")["decisions"]

    assert found["entry"] == asdict(made)
    assert (found["input"], found["input_missing"]) == (None, f"erased on {erased.erased_at}")
