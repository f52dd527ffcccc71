"""A stack that is deployed again: data stays, a failure is undone, and what it was works again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployment import archive, change_set
from tests.lambdas.conftest import ROOT, Deployed, destroy

NAME = "grown"
BUCKET = f"{NAME}-data-000000000000-us-east-1"


def resources(stack: Deployed, name: str, above: str = "") -> dict[str, tuple[str, str]]:
    """Return path -> type and physical id of every resource below a stack."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources")
    found: dict[str, tuple[str, str]] = {}
    for page in pages.paginate(StackName=name):
        for each in page["StackResourceSummaries"]:
            path, identifier = f"{above}{each['LogicalResourceId']}", each["PhysicalResourceId"]
            if each["ResourceType"] == change_set.NESTED:
                found.update(resources(stack, identifier, f"{path}/"))
            else:
                found[path] = (each["ResourceType"], identifier)
    return found


def data(stack: Deployed, name: str = NAME) -> dict[str, str]:
    """Return path -> physical id of what holds data."""
    found = resources(stack, name).items()
    return {path: each for path, (kind, each) in found if kind in change_set.DATA_TYPES}


def status(stack: Deployed, name: str = NAME) -> str:
    described = stack.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return str(described["StackStatus"])


def retention_days(stack: Deployed, function: str) -> int:
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")
    return int(groups["logGroups"][0]["retentionInDays"])


def changed_templates(folder: Path, name: str, old: str, new: str) -> Path:
    """Return a copy of infra/ with one text of one template replaced."""
    target = folder / "infra"
    shutil.copytree(ROOT / "infra", target, dirs_exist_ok=True)
    template = target / f"{name}.yaml"
    text = template.read_text()
    assert old in text
    template.write_text(text.replace(old, new))
    return target


def left_of(stack: Deployed, name: str) -> dict[str, list[str]]:
    """Return, by service, what still bears a stack's name; keys that are going do not count."""

    def listed(service: str, verb: str, field: str, key: str = "") -> list[str]:
        found = getattr(stack.client(service), verb)().get(field, [])
        return [each[key] if key else each for each in found]

    kms = stack.client("kms")
    keys = [
        kms.describe_key(KeyId=each)["KeyMetadata"]
        for each in listed("kms", "list_keys", "Keys", "KeyId")
    ]
    found = {
        "buckets": listed("s3", "list_buckets", "Buckets", "Name"),
        "databases": listed("glue", "get_databases", "DatabaseList", "Name"),
        "functions": listed("lambda", "list_functions", "Functions", "FunctionName"),
        "keys": [each["Description"].rpartition(" ")[2] for each in keys if each["Enabled"]],
        "log groups": listed("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "machines": listed("stepfunctions", "list_state_machines", "stateMachines", "name"),
        "queues": listed("sqs", "list_queues", "QueueUrls"),
        "registries": listed(
            "sagemaker",
            "list_model_package_groups",
            "ModelPackageGroupSummaryList",
            "ModelPackageGroupName",
        ),
        "repositories": listed("ecr", "describe_repositories", "repositories", "repositoryName"),
        "roles": listed("iam", "list_roles", "Roles", "RoleName"),
        "rest": listed("apigateway", "get_rest_apis", "items", "name"),
        "tables": listed("dynamodb", "list_tables", "TableNames"),
        "topics": listed("sns", "list_topics", "Topics", "TopicArn"),
    }
    own = {service: [each for each in names if name in each] for service, names in found.items()}
    return {service: names for service, names in own.items() if names}


@pytest.fixture(scope="module")
def grown(stack: Deployed) -> Iterator[Deployed]:
    """A stack of two portfolios, with an object, an item and a registered model in it."""
    options = ("--stack", NAME, "--portfolio", "consumer_credit", "--portfolio", "german_loans")
    done = stack.deploy(*options, "--agent-activation-key", "A1B2C-D3E4F-G5H6J")
    assert done.returncode == 0, done.stdout + done.stderr
    stack.client("s3").put_object(Bucket=BUCKET, Key="raw/a", Body=b"kept")
    item = {"decision_id": {"S": "d"}, "portfolio": {"S": "consumer_credit"}}
    stack.client("dynamodb").put_item(TableName=f"{NAME}-decisions", Item=item)
    stack.client("sagemaker").create_model_package(
        ModelPackageGroupName=f"{NAME}-consumer-credit", ModelPackageDescription="kept"
    )
    yield stack
    destroy(stack, "--yes", "--delete-data", NAME, "--confirm-delete-data", NAME, name=NAME)


def test_an_update_replaces_nothing_that_holds_data(grown: Deployed, tmp_path: Path) -> None:
    """Changed parameters and code arrive; ids, objects, items and models are those of before."""
    before = data(grown)
    function = grown.client("lambda").get_function(FunctionName=f"{NAME}-score")["Configuration"]
    dist = shutil.copytree(grown.dist, tmp_path / "dist")
    archive.write(dist / "score.zip", {"handler.py": b"def handler(event, context): return 1\n"})
    record = json.loads((dist / "checksums.json").read_text())
    record["score.zip"]["sha256"] = archive.file_digest(dist / "score.zip")
    (dist / "checksums.json").write_text(json.dumps(record))
    parameters = ("LogRetentionDays=30", "ArchiveDeepDays=200", "ScoreBurst=7")
    given = [each for text in parameters for each in ("--parameter", text)]
    options = ("--stack", NAME, "--portfolio", "consumer_credit", "--portfolio", "german_loans")

    done = grown.deploy(*options, *given, "--dist", str(dist))
    again = grown.deploy(*options, "--dist", str(dist))
    after = grown.client("lambda").get_function(FunctionName=f"{NAME}-score")["Configuration"]
    body = grown.client("s3").get_object(Bucket=BUCKET, Key="raw/a")["Body"].read()
    items = grown.client("dynamodb").scan(TableName=f"{NAME}-decisions")["Count"]
    models = grown.client("sagemaker").list_model_packages(
        ModelPackageGroupName=f"{NAME}-consumer-credit"
    )["ModelPackageSummaryList"]

    assert done.returncode == 0, done.stdout + done.stderr
    assert "~ Compute/ScoreFunction (AWS::Lambda::Function)" in done.stdout
    assert "~ Storage/ArchiveBucket (AWS::S3::Bucket)" in done.stdout
    assert not [each for each in change_set.DATA_TYPES if f"({each}, may be" in done.stdout]
    assert not [each for each in change_set.DATA_TYPES if f"({each}, REPL" in done.stdout]
    assert len(before) >= 15
    assert data(grown) == before
    assert after["CodeSha256"] != function["CodeSha256"]
    assert retention_days(grown, f"{NAME}-score") == 30
    assert (body, items, len(models)) == (b"kept", 1, 1)
    assert f"stack {NAME} is up to date" in again.stdout


def test_a_portfolio_is_not_taken_away_unasked(grown: Deployed) -> None:
    """With it its registry would leave the stack; the message names it."""
    refused = grown.deploy("--stack", NAME, "--portfolio", "consumer_credit")

    assert refused.returncode == 1
    assert "Portfoliogermanloans/ModelPackageGroup would be replaced or removed" in refused.stderr
    assert "Portfoliogermanloans/ModelPackageGroup" in data(grown)


def test_an_update_that_fails_is_rolled_back(grown: Deployed) -> None:
    """Resource and reason are named; what had changed before is as it was; the repair goes on."""
    options = ("--stack", NAME, "--portfolio", "consumer_credit", "--portfolio", "german_loans")
    grown.deploy(*options)
    before, days = data(grown), retention_days(grown, f"{NAME}-clean")
    broken = ("--parameter", "SiteCodeKey=lambdas/absent.zip", "--parameter", "LogRetentionDays=60")

    failed = grown.deploy(*options, *broken)
    rolled_back = status(grown)
    kept = (data(grown), retention_days(grown, f"{NAME}-clean"))
    repaired = grown.deploy(*options, "--parameter", "LogRetentionDays=60")

    assert failed.returncode == 1
    assert "SiteFunction (AWS::Lambda::Function) UPDATE_FAILED: " in failed.stderr
    assert "NoSuchKey" in failed.stderr
    assert "correct what is named, and deploy again" in failed.stderr
    assert rolled_back == "UPDATE_ROLLBACK_COMPLETE"
    assert kept == (before, days)
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert data(grown) == before
    assert retention_days(grown, f"{NAME}-clean") == 60


def test_a_creation_that_fails_leaves_nothing(stack: Deployed) -> None:
    """All that stood before the failure goes, data too, as none was in it; the repair makes all.

    Destroyed with its data it leaves the role by which every API of the account may log.
    """
    name = "fallen"
    options = ("--stack", name, "--portfolio", "consumer_credit")
    code = f"{name}-code-000000000000-us-east-1"

    failed = stack.deploy(*options, "--parameter", "SiteCodeKey=lambdas/absent.zip")
    left = left_of(stack, name)
    repaired = stack.deploy(*options)
    there = left_of(stack, name)
    destroyed = destroy(
        stack, "--yes", "--delete-data", name, "--confirm-delete-data", name, name=name
    )
    after = left_of(stack, name)

    assert failed.returncode == 1
    assert "SiteFunction (AWS::Lambda::Function) CREATE_FAILED: " in failed.stderr
    assert left == {"buckets": [code]}
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert {"roles", "functions", "tables", "buckets", "registries", "keys"} <= set(there)
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert [*after] == ["roles"]
    assert ["-LogRole-" in each for each in after["roles"]] == [True]


def test_a_region_without_a_service_is_refused_with_the_way_out(
    stack: Deployed, tmp_path: Path
) -> None:
    """CloudFormation of a region knows only that region's types; nothing is left of the attempt."""
    infra = changed_templates(
        tmp_path, "alerts", "Type: AWS::CloudWatch::Dashboard", "Type: AWS::CloudWatch::Absent"
    )

    failed = stack.deploy("--stack", "abroad", "--templates", str(infra))

    assert failed.returncode == 1
    assert "AWS::CloudWatch::Absent" in failed.stderr
    assert (
        "the region lacks this service: choose another, or switch the option off" in failed.stderr
    )
    assert left_of(stack, "abroad") == {"buckets": ["abroad-code-000000000000-us-east-1"]}


def test_a_change_that_would_replace_data_is_refused(grown: Deployed, tmp_path: Path) -> None:
    """It is named by its path before anything acts; insisting on that path goes on without it."""
    before = data(grown)
    infra = changed_templates(
        tmp_path, "storage", "BucketName: !Sub ${Stack}-logs-", "BucketName: !Sub ${Stack}-seen-"
    )
    options = ("--stack", NAME, "--templates", str(infra))
    options += ("--portfolio", "consumer_credit", "--portfolio", "german_loans")

    refused = grown.deploy(*options)
    untouched = data(grown)
    other = grown.deploy(*options, "--give-up", "Storage/DataBucket")
    done = grown.deploy(*options, "--give-up", "Storage/LogsBucket")
    buckets = [each["Name"] for each in grown.client("s3").list_buckets()["Buckets"]]

    assert refused.returncode == other.returncode == 1
    assert "! Storage/LogsBucket (AWS::S3::Bucket, REPLACED)" in refused.stdout
    assert 'insist with GIVE_UP="Storage/LogsBucket"' in refused.stderr
    assert untouched == before
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{NAME}-logs-000000000000-us-east-1" in buckets
    assert data(grown) == before | {"Storage/LogsBucket": f"{NAME}-seen-000000000000-us-east-1"}
