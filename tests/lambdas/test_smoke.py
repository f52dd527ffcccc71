"""The smoke check: each kind of line, on the stack in the embedded AWS, broken and whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployment.smoke import airflow, alerts, api, edges, lake, line, models, stacks, storage
from deployment.smoke.__main__ import _parser, find, main
from deployment.smoke.application import example
from deployment.smoke.line import FAILED, LOOK, OK, Check, Deployment, Line
from solvencia import contracts_api, portfolio, request
from tests.lambdas.conftest import ROOT, Deployed, deployed_stack
from tests.lambdas.serving import serve

DATA = "solvencia-data-000000000000-us-east-1"
LOGS = "/aws/lambda/solvencia-site"


@pytest.fixture(scope="module")
def stack(
    dist: Path, bare_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """A stack of its own: what other tests left in theirs would be found here."""
    with deployed_stack(dist, bare_python, tmp_path_factory.mktemp("smoke")) as found:
        yield found


@pytest.fixture
def deployed(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The stack as the check finds it, asked in this process."""
    for name, value in stack.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return find(_parser().parse_args([]))


@pytest.fixture(scope="module")
def served(stack: Deployed) -> Iterator[Deployed]:
    """The stack with a model of consumer_credit in service, on one instance."""
    yield from serve(stack)


def lines(check: Check, deployed: Deployment) -> dict[str, Line]:
    return {each.what: each for each in line.run(check, deployed)}


def test_a_fresh_stack_fails_nowhere_and_says_what_is_not_there(stack: Deployed) -> None:
    """Exit code 0, what is absent is named with the next step, and no key is printed."""
    command = [sys.executable, "-m", "deployment.smoke"]
    done = subprocess.run(
        command, env=stack.environment, cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nfailed" not in done.stdout
    assert "look at  Airflow: not there: the parameter Airflow is false" in done.stdout
    assert "look at  endpoint of german_loans: not there: no model" in done.stdout
    assert "-> run the DAG build_model_german_loans" in done.stdout
    assert "ok       API without a key: 403" in done.stdout
    assert stack.outputs["api_key"] not in done.stdout + done.stderr


def test_a_stack_that_is_not_there_is_named(
    deployed: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message instead of a failure of every line."""
    assert main(["--stack", "nowhere"]) == 1

    assert "there is no stack nowhere in account 000000000000" in capsys.readouterr().err


def break_bucket(stack: Deployed) -> Callable[[], Any]:
    s3 = stack.client("s3")
    before = s3.get_public_access_block(Bucket=DATA)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=DATA)
    return lambda: s3.put_public_access_block(Bucket=DATA, PublicAccessBlockConfiguration=before)


def break_table(stack: Deployed) -> Callable[[], Any]:
    dynamodb, name = stack.client("dynamodb"), "solvencia-people"
    dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
    return lambda: dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)


def break_key(stack: Deployed) -> Callable[[], Any]:
    kms = stack.client("kms")
    key = kms.describe_key(KeyId="alias/solvencia-data")["KeyMetadata"]["KeyId"]
    kms.disable_key_rotation(KeyId=key)
    return lambda: kms.enable_key_rotation(KeyId=key)


def break_logs(stack: Deployed) -> Callable[[], Any]:
    logs = stack.client("logs")
    logs.delete_retention_policy(logGroupName=LOGS)
    return lambda: logs.put_retention_policy(logGroupName=LOGS, retentionInDays=90)


def break_workgroup(stack: Deployed) -> Callable[[], Any]:
    athena = stack.client("athena")
    before = athena.get_work_group(WorkGroup="solvencia")["WorkGroup"]["Configuration"]
    given: dict[str, Any] = {"BytesScannedCutoffPerQuery": 10_000_000_000_000}
    athena.update_work_group(WorkGroup="solvencia", ConfigurationUpdates=given)
    given = {"BytesScannedCutoffPerQuery": int(before["BytesScannedCutoffPerQuery"])}
    return lambda: athena.update_work_group(WorkGroup="solvencia", ConfigurationUpdates=given)


def break_firewall(stack: Deployed) -> Callable[[], Any]:
    waf = stack.client("wafv2")
    found = next(each for each in waf.list_web_acls(Scope="REGIONAL")["WebACLs"])
    stages = waf.list_resources_for_web_acl(WebACLArn=found["ARN"])["ResourceArns"]
    waf.disassociate_web_acl(ResourceArn=stages[0])
    return lambda: waf.associate_web_acl(WebACLArn=found["ARN"], ResourceArn=stages[0])


BROKEN: list[tuple[Check, str, Callable[[Deployed], Callable[[], Any]], str]] = [
    (storage.buckets, "bucket data", break_bucket, "public access is not blocked"),
    (storage.tables, "table people", break_table, "it may be deleted"),
    (storage.keys, "key data", break_key, "it does not rotate"),
    (storage.logs, "logs", break_logs, f"{LOGS} never forgets"),
    (lake.workgroup, "Athena workgroup", break_workgroup, "may scan 10000000000000 bytes"),
    (edges.firewall, "firewall", break_firewall, "before the stage stands none"),
]


@pytest.mark.parametrize(("check", "what", "spoil", "text"), BROKEN)
def test_what_somebody_changed_fails_and_is_ok_again(
    stack: Deployed,
    deployed: Deployment,
    check: Check,
    what: str,
    spoil: Callable[[Deployed], Callable[[], Any]],
    text: str,
) -> None:
    """The line names what is wrong and what to do; put right, it is ok."""
    before = lines(check, deployed)[what]
    mend = spoil(stack)
    try:
        found = lines(check, deployed)[what]
    finally:
        mend()

    assert before.state == OK
    assert (found.state, bool(found.next_step)) == (FAILED, True)
    assert text in found.found
    assert lines(check, deployed)[what].state == OK


@pytest.mark.parametrize(
    ("check", "parameter", "value", "what"),
    [
        (edges.firewall, "Firewall", "false", "firewall"),
        (edges.flow_logs, "FlowLogDays", "0", "flow logs"),
        (airflow.airflow, "Airflow", "false", "Airflow"),
    ],
)
def test_what_is_off_is_to_be_looked_at(
    deployed: Deployment, check: Check, parameter: str, value: str, what: str
) -> None:
    """It is said to be off, by which parameter, and how it comes."""
    given = replace(deployed, parameters={**deployed.parameters, parameter: value})
    found = lines(check, given)[what]

    assert found.state == LOOK
    assert found.found.startswith("not there: ")
    assert parameter in found.next_step or parameter in found.found


@pytest.mark.parametrize(
    ("check", "whats"),
    [
        (stacks.stacks, {"stacks"}),
        (stacks.outputs, {"outputs"}),
        (stacks.concurrency, {"Lambda concurrency"}),
        (storage.object_lock, {"Object Lock"}),
        (alerts.alarms, {"alarms"}),
        (alerts.subscription, {"alerts"}),
        (models.image, {"model image"}),
        (edges.flow_logs, {"flow logs"}),
        (edges.domain, {"domain"}),
        (api.health, {"API health"}),
        (api.closed, {"API without a key", "API with a wrong key"}),
    ],
)
def test_what_is_as_it_should_be_is_ok(deployed: Deployment, check: Check, whats: set[str]) -> None:
    """Each of these holds on a whole stack."""
    found = lines(check, deployed)

    assert {what: each.state for what, each in found.items()} == dict.fromkeys(whats, OK), found


def test_a_missing_output_and_another_lock_fail(deployed: Deployment) -> None:
    """What the stack should give and for how long copies are locked is held against it."""
    given = replace(
        deployed,
        outputs={**deployed.outputs, "SolvenciaSubnets": ""},
        parameters={**deployed.parameters, "ArchiveLockDays": "3650"},
    )

    assert lines(stacks.outputs, given)["outputs"].found == "SolvenciaSubnets is missing"
    assert lines(storage.object_lock, given)["Object Lock"].found == "365 days, 3650 wanted"


def test_a_refusal_of_aws_is_a_line_and_ends_no_other_check(deployed: Deployment) -> None:
    """A table that is gone fails its own line, in AWS's words."""
    found = lines(storage.tables, replace(deployed, stack="nowhere"))["tables"]

    assert found.state == FAILED
    assert "ResourceNotFoundException" in found.found


def test_an_address_that_does_not_answer_fails(deployed: Deployment) -> None:
    """A closed port is a line that says so."""
    found = lines(api.health, replace(deployed, api_url="http://127.0.0.1:9"))["health"]

    assert found.state == FAILED
    assert found.found.startswith("nothing answers")


def test_an_address_that_did_not_confirm_gets_no_alerts() -> None:
    """SNS lists such a subscription with the word PendingConfirmation for its ARN."""
    waiting = {"SubscriptionArn": "PendingConfirmation", "Endpoint": "risk@lender.example"}

    assert alerts.tell({"Protocol": "email", **waiting}).state == FAILED
    assert "confirm" in alerts.tell({"Protocol": "email", **waiting}).next_step


def test_a_dag_that_did_not_import_is_named(deployed: Deployment) -> None:
    """Airflow must have every DAG of every portfolio."""
    wanted = airflow.dags(deployed)

    assert "build_model_german_loans" in wanted
    assert airflow.compare(deployed, wanted | {"another"}).state == OK
    found = airflow.compare(deployed, wanted - {"ingest_pakdd_cards"})
    assert (found.state, found.found) == (FAILED, "ingest_pakdd_cards is missing")


@pytest.mark.parametrize("name", portfolio.names())
def test_the_made_up_application_is_one(name: str) -> None:
    """What a schema requires, at its least, is what the API takes."""
    product = portfolio.load(name)
    made = example(contracts_api.request_schema(product))

    assert request.parse(product, made)


def test_a_score_is_made_logged_and_read_and_one_instance_is_too_few(
    served: Deployed, deployed: Deployment
) -> None:
    """With a model in service its lines are ok, and what a lost zone would stop fails."""
    found = lines(api.scores, deployed)
    endpoints = lines(models.endpoints, deployed)

    assert found["score of consumer_credit"].state == OK
    assert found["decision of consumer_credit"].state == OK
    assert found["score of german_loans"].state == LOOK
    assert endpoints["endpoint of consumer_credit"].state == FAILED
    assert "1 instance" in endpoints["endpoint of consumer_credit"].found
