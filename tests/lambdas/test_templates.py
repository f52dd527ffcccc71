"""The templates name what Settings names, and keep their promises about data and rights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from solvencia.settings import Settings
from tests.lambdas import templates

SETTINGS = Settings(stack="lender-one", account="123456789012", region="eu-west-1")
KNOWN = {
    "Stack": "lender-one",
    "Portfolio": "consumer_credit",
    "AWS::StackName": "lender-one",
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-west-1",
    "AWS::Partition": "aws",
}
VARIANT = "champion"  # as solvencia_airflow.jobs names it
NAMES = sorted(path.stem for path in templates.INFRA.glob("*.yaml"))


def name_of(template: str, resource: str, property_name: str) -> str:
    found = templates.resources(template, KNOWN)[resource]["Properties"][property_name]
    return str(found)


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role's policies, with the template and role it stands in."""
    for template in NAMES:
        for name, resource in templates.resources(template, KNOWN).items():
            if resource["Type"] == "AWS::IAM::Role":
                for policy in resource["Properties"].get("Policies", []):
                    for statement in policy["PolicyDocument"]["Statement"]:
                        yield f"{template}.{name}.{statement['Sid']}", statement


@pytest.mark.parametrize(
    ("template", "resource", "property_name", "expected"),
    [
        ("storage", "DataBucket", "BucketName", SETTINGS.data_bucket),
        ("storage", "ArchiveBucket", "BucketName", SETTINGS.archive_bucket),
        ("storage", "ModelsBucket", "BucketName", SETTINGS.model_bucket),
        ("queries", "Workgroup", "Name", SETTINGS.workgroup),
        ("portfolio", "Crawler", "Name", SETTINGS.crawler("consumer_credit")),
        ("decisions", "Decisions", "TableName", SETTINGS.decisions_table),
        ("decisions", "People", "TableName", SETTINGS.people_table),
        ("decisions", "PeopleKeyAlias", "AliasName", SETTINGS.people_key),
        ("portfolio", "ModelPackageGroup", "ModelPackageGroupName", "lender-one-consumer-credit"),
    ],
)
def test_resources_are_named_as_settings_names_them(
    template: str, resource: str, property_name: str, expected: str
) -> None:
    """What the pipeline asks for by name is what the templates create."""
    assert name_of(template, resource, property_name) == expected


def test_arns_are_those_that_settings_derives() -> None:
    """Topic, state machine, role, database and DataSync source agree with Settings too."""
    database = templates.resources("portfolio", KNOWN)["Database"]["Properties"]["DatabaseInput"]
    source = templates.resources("portfolio", KNOWN)["TransferSource"]["Properties"]

    assert SETTINGS.alerts_topic_arn.endswith(":" + name_of("alerts", "Topic", "TopicName"))
    assert SETTINGS.clean_state_machine_arn.endswith(
        ":" + name_of("compute", "StateMachine", "StateMachineName")
    )
    assert SETTINGS.sagemaker_role_arn.endswith("role/" + name_of("model", "Role", "RoleName"))
    assert database["Name"] == SETTINGS.database("consumer_credit")
    assert (
        f"nfs://{source['ServerHostname']}{source['Subdirectory']}"
        == SETTINGS.datasync_source_uri("consumer_credit")
    )


@pytest.mark.parametrize("alarm", ["EndpointErrors", "EndpointLatency"])
def test_a_portfolios_endpoint_has_alarms(alarm: str) -> None:
    """They watch the endpoint and the variant that the pipeline deploys, and mail like the rest."""
    found = templates.resources("portfolio", KNOWN)[alarm]["Properties"]
    dimensions = {each["Name"]: each["Value"] for each in found["Dimensions"]}

    assert dimensions == {
        "EndpointName": SETTINGS.endpoint("consumer_credit"),
        "VariantName": VARIANT,
    }
    assert found["AlarmActions"] == [SETTINGS.alerts_topic_arn]


def test_settings_gets_every_deployment_value_from_the_outputs() -> None:
    """The root stack's outputs carry what only the deployment knows."""
    outputs = templates.read("solvencia")["Outputs"]

    assert {name for name in outputs if name.startswith("Solvencia")} == {
        "SolvenciaStack",
        "SolvenciaAccount",
        "SolvenciaSubnets",
        "SolvenciaSecurityGroups",
        "SolvenciaModelImage",
    }


@pytest.mark.parametrize("bucket", ["DataBucket", "ArchiveBucket", "ModelsBucket", "LogsBucket"])
def test_buckets_are_private_encrypted_versioned_and_kept(bucket: str) -> None:
    """A bucket of the lender's data outlives its stack and refuses plain HTTP."""
    found = templates.resources("storage", KNOWN)
    properties = found[bucket]["Properties"]
    denial = found[f"{bucket}Policy"]["Properties"]["PolicyDocument"]["Statement"][0]

    assert found[bucket]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert found[bucket]["UpdateReplacePolicy"] == "Retain"
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "BucketEncryption" in properties
    assert denial["Effect"] == "Deny"
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_raw_data_ages_into_a_class_that_athena_still_reads() -> None:
    """Athena leaves out objects of the other Glacier classes without a word."""
    rules = templates.resources("storage", KNOWN)["DataBucket"]["Properties"][
        "LifecycleConfiguration"
    ]["Rules"]
    raw = next(rule for rule in rules if rule.get("Prefix") == "raw/")

    assert raw["Transitions"][0]["StorageClass"] == "GLACIER_IR"


def test_no_role_may_do_everything_of_a_service() -> None:
    """Every action is spelled out, and "*" is a resource only where the action has none."""
    without_resource = {
        "datasync:ListLocations",
        "datasync:ListTasks",
        "ecr:GetAuthorizationToken",
        "glue:GetCrawlerMetrics",
        "s3:GetAccountPublicAccessBlock",
        "cloudwatch:PutMetricData",
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    }
    found = list(statements())
    wild = []
    for place, statement in found:
        actions = statement["Action"]
        actions = [actions] if isinstance(actions, str) else actions
        is_open = statement["Resource"] == "*" and not set(actions) <= without_resource
        if is_open or any("*" in action for action in actions):
            wild.append(place)

    assert len(found) >= 20
    assert wild == []


@pytest.mark.parametrize("table", ["Decisions", "People"])
def test_the_decision_log_is_kept_recoverable_and_under_its_own_key(table: str) -> None:
    """A table of decisions outlives its stack, and what the portfolio keeps no longer goes."""
    found = templates.resources("decisions", KNOWN)[table]

    assert found["DeletionPolicy"] == "RetainExceptOnCreate"
    assert found["Properties"]["DeletionProtectionEnabled"] is True
    assert found["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert found["Properties"]["SSESpecification"]["SSEType"] == "KMS"
    assert found["Properties"]["TimeToLiveSpecification"]["AttributeName"] == "expires_at"


def test_the_site_has_no_rights_in_aws() -> None:
    """What anybody may ask can read no decision, no key and no model."""
    place = [each for name, each in statements() if name.startswith("compute.SiteRole.")]

    assert [each["Action"] for each in place] == [["logs:CreateLogStream", "logs:PutLogEvents"]]


def test_a_changed_api_takes_a_new_deployment() -> None:
    """The deployment's logical id ends in the digest of what it photographs."""
    resources = templates.read("api")["Resources"]
    shown = {
        name: resource
        for name, resource in resources.items()
        if resource["Type"].removeprefix("AWS::ApiGateway::")
        in ("RestApi", "Resource", "Method", "GatewayResponse", "RequestValidator")
    }
    digest = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:8].upper()

    assert f"Deployment{digest}" in resources, f"name it Deployment{digest} in infra/api.yaml"
    assert f"FormDeployment{digest}" in resources, f"name it FormDeployment{digest}, too"


# Lambda and API Gateway document no source keys for the roles that they take on.
UNASKED = {"lambda.amazonaws.com", "apigateway.amazonaws.com"}


def roles() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every role of every template."""
    for template in NAMES:
        for name, resource in templates.resources(template, KNOWN).items():
            if resource["Type"] == "AWS::IAM::Role":
                yield f"{template}.{name}", resource["Properties"]


def test_every_role_takes_the_permission_boundary() -> None:
    """Whoever deploys bounds all roles by one parameter."""
    unbounded = [
        place
        for place, role in roles()
        if role.get("PermissionsBoundary")
        != {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]}
    ]

    assert unbounded == []


def test_a_service_takes_on_a_role_for_this_account_and_its_own_resources_only() -> None:
    """No other account can talk a service into using a role of ours."""
    confused = []
    for place, role in roles():
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            condition = statement.get("Condition", {})
            services = statement["Principal"]["Service"]
            services = {services} if isinstance(services, str) else set(services)
            is_held = condition.get("StringEquals", {}).get(
                "aws:SourceAccount"
            ) == "123456789012" and "aws:SourceArn" in condition.get("ArnLike", {})
            if not is_held and not services <= UNASKED:
                confused.append(place)

    assert confused == []


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("keys", "DataKey"),
        ("keys", "OperationsKey"),
        ("decisions", "PeopleKey"),
        ("replica", "Key"),
    ],
)
def test_keys_rotate_and_outlive_their_stack(template: str, key: str) -> None:
    """A key that went with the stack would take the kept data with it."""
    found = templates.resources(template, KNOWN)[key]

    assert found["Properties"]["EnableKeyRotation"] is True
    assert found["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_archive_is_locked() -> None:
    """An archive copy cannot be deleted before its time without a right of its own."""
    found = templates.resources("storage", KNOWN)["ArchiveBucket"]["Properties"]

    assert found["ObjectLockEnabled"] is True
    assert found["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Mode"] == "GOVERNANCE"


def test_airflow_runs_as_mwaa_runs_it_and_in_the_private_network() -> None:
    """The version is the one that the lock agrees with, and the UI is inside unless asked for."""
    environment = templates.resources("orchestration", KNOWN)["Environment"]["Properties"]
    lock = (templates.INFRA.parent / "locks" / "airflow.in").read_text()
    web = templates.read("solvencia")["Parameters"]["AirflowWebserver"]

    assert f"apache-airflow=={environment['AirflowVersion']}\n" in lock
    assert web["Default"] == "PRIVATE_ONLY"


def test_the_network_has_no_way_out_and_an_endpoint_for_every_service() -> None:
    """No gateway to the internet, no address translation; the code's AWS clients find a door."""
    found = templates.resources("network", KNOWN).values()
    types = {each["Type"] for each in found}
    doors = {
        str(each["Properties"]["ServiceName"]).removeprefix("com.amazonaws.eu-west-1.")
        for each in found
        if each["Type"] == "AWS::EC2::VPCEndpoint"
    }
    clients = {"athena", "dynamodb", "glue", "s3", "sagemaker.api", "sagemaker.runtime", "states"}
    of_operators = {"datasync", "lambda", "logs", "monitoring", "sns", "sqs", "kms", "sts"}

    assert not types & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::Route"}
    assert clients | of_operators | {"ecr.api", "ecr.dkr", "secretsmanager"} <= doors
