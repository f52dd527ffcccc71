"""Every template of infra/ deployed with every option on, by the code of `make deploy`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from deployment import package_bundles, templates
from local.aws import absent
from tests.lambdas.conftest import Deployed, destroy

NAME = "whole"
PAGE = templates.INFRA.parent / "docs" / "aws.md"
ROOT = str(templates.read("solvencia")["Description"])
REPLICA = str(templates.read("replica")["Description"])


def stacks_below(stack: Deployed, name: str) -> Iterator[str]:
    """Yield the id of a stack and of every stack nested in it."""
    client = stack.client("cloudformation")
    described = client.describe_stacks(StackName=name)["Stacks"][0]
    yield described["StackId"]
    pages = client.get_paginator("list_stack_resources").paginate(StackName=described["StackId"])
    for each in (each for page in pages for each in page["StackResourceSummaries"]):
        if each["ResourceType"] == "AWS::CloudFormation::Stack":
            yield from stacks_below(stack, each["PhysicalResourceId"])


@pytest.fixture(scope="module")
def whole(stack: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A second stack beside the session's, with nothing switched off."""
    bundles = tmp_path_factory.mktemp("bundles")
    package_bundles.build(bundles, {}, print)
    options = ["--stack", NAME, "--portfolio", "consumer_credit", "--bundles", str(bundles)]
    options += ["--replica-region", "eu-central-1", "--parameter", "ArchiveLockDays=7"]
    options += ["--agent-activation-key", "A1B2C-D3E4F-G5H6J", "--alert-email", "a@lender.example"]
    for each in (
        "Airflow=true",
        "Notebook=true",
        "ConnectionId=dxcon-1",
        "WarehouseCidr=10.1.2.0/28",
        "DomainName=scores.whole.example",
        "CertificateArn=arn:aws:acm:us-east-1:000000000000:certificate/0a",
    ):
        options += ["--parameter", each]
    done = stack.deploy(*options)
    assert done.returncode == 0, done.stdout + done.stderr
    yield Deployed(
        stack.environment, json.loads((stack.dist.parent / "stack.json").read_text()), stack.dist
    )
    words = ("--yes", "--delete-data", NAME, "--confirm-delete-data", NAME)
    gone = destroy(stack, *words, "--replica-region", "eu-central-1", name=NAME)
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert f"stack {NAME}-replica deleted" in gone.stdout


def test_every_template_is_deployed(whole: Deployed) -> None:
    """No stack is off: each template of infra/ stands behind one, and all are complete."""
    cloudformation = whole.client("cloudformation")
    described = {
        each: cloudformation.describe_stacks(StackName=each)["Stacks"][0]
        for each in stacks_below(whole, NAME)
    }
    wanted = {str(templates.read(name)["Description"]) for name in templates.names()}

    # Of the root, an update forgets the description.
    assert {each["Description"] or ROOT for each in described.values()} == wanted - {REPLICA}
    assert {each["StackStatus"].partition("_")[2] for each in described.values()} == {"COMPLETE"}


def test_what_was_passed_over_is_what_the_page_lists(whole: Deployed) -> None:
    """The events name each resource without anything behind it, with the page's reason."""
    cloudformation = whole.client("cloudformation")
    pages = cloudformation.get_paginator("describe_stack_events")
    passed = {
        (event["ResourceType"], event["ResourceStatusReason"].removeprefix(absent.MARK))
        for each in stacks_below(whole, NAME)
        for page in pages.paginate(StackName=each)
        for event in page["StackEvents"]
        if event.get("ResourceStatusReason", "").startswith(absent.MARK)
    }
    rows = re.findall(r"^\| `(AWS::[\w:]+)` \| `\w+` \| (.*) \|$", PAGE.read_text(), re.MULTILINE)

    assert passed == set(rows)


def test_a_private_line_reaches_the_route_table(whole: Deployed) -> None:
    """The gateway is attached to the stack's network, whose routes learn the lender's addresses."""
    ec2 = whole.client("ec2")
    gateways = ec2.describe_vpn_gateways(
        Filters=[{"Name": "tag:Name", "Values": [NAME]}],
    )["VpnGateways"]
    tables = ec2.describe_route_tables()["RouteTables"]
    attached = [each["VpcId"] for each in gateways[0]["VpcAttachments"]]
    subnet = whole.outputs["SOLVENCIA_SUBNETS"].split(",")[0]
    network = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    learning = [
        each["VpcId"]
        for each in tables
        if {"GatewayId": gateways[0]["VpnGatewayId"]} in each.get("PropagatingVgws", [])
    ]

    assert (len(gateways), attached, learning) == (1, [network], [network])


def test_airflow_may_reach_the_warehouse_and_nothing_else_beyond(whole: Deployed) -> None:
    """One rule of the workers' group leads out of the network: to the warehouse's port."""
    found = whole.client("ec2").describe_security_groups()["SecurityGroups"]
    rules = [
        (rule["FromPort"], rule["ToPort"], [each["CidrIp"] for each in rule["IpRanges"]])
        for group in found
        for rule in group["IpPermissionsEgress"]
        if "10.1.2.0/28" in [each.get("CidrIp") for each in rule.get("IpRanges", [])]
    ]

    assert rules == [(5432, 5432, ["10.1.2.0/28"])]


def test_the_copy_in_another_region_receives(whole: Deployed) -> None:
    """Archive and models name the other region's bucket, which is locked as the archive is."""
    s3 = whole.client("s3")
    copy = f"{NAME}-replica-000000000000-eu-central-1"
    rules = [
        s3.get_bucket_replication(Bucket=f"{NAME}-{each}-000000000000-us-east-1")
        for each in ("archive", "models")
    ]
    archived = s3.put_object(
        Bucket=f"{NAME}-archive-000000000000-us-east-1", Key="raw/a", Body=b"kept twice"
    )
    lock = s3.get_object_lock_configuration(Bucket=copy)["ObjectLockConfiguration"]

    assert archived["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_object(Bucket=copy, Key="raw/a")["Body"].read() == b"kept twice"
    assert s3.get_bucket_location(Bucket=copy)["LocationConstraint"] == "eu-central-1"
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 7}
    assert {
        each["ReplicationConfiguration"]["Rules"][0]["Destination"]["Bucket"] for each in rules
    } == {f"arn:aws:s3:::{copy}"}
