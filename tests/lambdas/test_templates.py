"""The templates name what Settings names, and keep their promises about data and rights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from solvencia import body, layout
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
    assert SETTINGS.notebook_training_role_arn.endswith(
        "role/" + name_of("analyst", "TrainingRole", "RoleName")
    )
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


def test_a_notebook_trains_apart_and_deploys_nothing() -> None:
    """Of SageMaker it changes training jobs of its own name; what those write lies apart."""
    found = dict(statements())
    analyst = [each for name, each in found.items() if name.startswith("analyst.")]
    actions = {
        action
        for each in analyst
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    train = found["analyst.Role.Train"]
    reading = ("Describe", "Invoke", "List")

    assert {
        each
        for each in actions
        if each.startswith("sagemaker:") and not each.partition(":")[2].startswith(reading)
    } == {"sagemaker:CreateTrainingJob", "sagemaker:StopTrainingJob"}
    assert train["Resource"].endswith(f"training-job/{SETTINGS.stack}-notebook-*")
    assert train["Condition"]["Null"] == {
        "sagemaker:VpcSubnets": "false",
        "sagemaker:VpcSecurityGroupIds": "false",
    }
    assert found["analyst.Role.PassTrainingRole"]["Resource"] == {"Fn::GetAtt": "TrainingRole.Arn"}
    for place in ("Role.DeleteOwnModels", "TrainingRole.WriteOwnModels"):
        assert found[f"analyst.{place}"]["Resource"].endswith(
            f"{SETTINGS.model_bucket}/{layout.notebook_output('*').removesuffix('/')}"
        )


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


def test_a_deployment_of_the_api_waits_for_all_that_it_photographs() -> None:
    """No method and no gateway response that exists beside a deployment is missing from it."""
    resources = templates.read("api")["Resources"]
    deployments = {
        name: each
        for name, each in resources.items()
        if each["Type"] == "AWS::ApiGateway::Deployment"
    }
    photographed = ("AWS::ApiGateway::Method", "AWS::ApiGateway::GatewayResponse")

    for name, deployment in deployments.items():
        there = {
            other
            for other, each in resources.items()
            if each["Type"] in photographed
            and each.get("Condition") in (None, deployment["Condition"])
        }
        assert set(deployment["DependsOn"]) == there, name
    assert len(deployments) == 2


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


def firewall_rules() -> dict[str, dict[str, Any]]:
    found = templates.resources("firewall", KNOWN)["WebAcl"]["Properties"]["Rules"]
    return {each["Name"]: each for each in sorted(found, key=lambda rule: rule["Priority"])}


def test_the_firewall_sees_and_refuses_what_the_api_calls_too_long() -> None:
    """A body that the function takes is looked at whole, and a longer one goes no further."""
    web_acl = templates.resources("firewall", KNOWN)["WebAcl"]["Properties"]
    seen = web_acl["AssociationConfig"]["RequestBody"]["API_GATEWAY"]["DefaultSizeInspectionLimit"]
    name, rule = next(iter(firewall_rules().items()))
    size = rule["Statement"]["SizeConstraintStatement"]

    assert name == "body-size"
    assert (size["ComparisonOperator"], size["Size"]) == ("GT", body.BYTES_MAX)
    assert int(seen.removeprefix("KB_")) * 1024 == body.BYTES_MAX
    assert size["FieldToMatch"]["Body"]["OversizeHandling"] == "MATCH"
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 413


def test_one_address_may_use_a_whole_keys_rate() -> None:
    """The firewall's default leaves room for the steady rate that one client's key has."""
    given = templates.read("solvencia")["Parameters"]

    assert given["RequestsPerAddress"]["Default"] >= 300 * given["ScoreRatePerSecond"]["Default"]
    assert firewall_rules()["rate"]["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] == 300


def test_the_firewall_logs_no_key_and_nothing_of_a_body() -> None:
    """Keys, queries and what a rule quotes of a body are gone before anything is written."""
    found = templates.resources("firewall", KNOWN)
    redacted = found["Logging"]["Properties"]["RedactedFields"]
    protected = found["WebAcl"]["Properties"]["DataProtectionConfig"]["DataProtections"]
    views = [found["WebAcl"]["Properties"]["VisibilityConfig"]]
    views += [rule["VisibilityConfig"] for rule in firewall_rules().values()]

    assert {"SingleHeader": {"Name": "x-api-key"}} in redacted
    assert {each["Field"]["FieldType"] for each in protected} >= {"BODY", "SINGLE_HEADER"}
    assert {each["SampledRequestsEnabled"] for each in views} == {False}
    assert found["LogGroup"]["Properties"]["LogGroupName"] == "aws-waf-logs-lender-one"


@pytest.mark.parametrize("place", ["compute", "batch"])
def test_every_lambda_can_have_executions_of_its_own_and_has_none_by_default(place: str) -> None:
    """A new account's quota leaves nothing to reserve; whoever raised it gives a number."""
    parameters = templates.read("solvencia")["Parameters"]
    functions = {
        name.removesuffix("Function"): each["Properties"]["ReservedConcurrentExecutions"]
        for name, each in templates.resources(place, KNOWN).items()
        if each["Type"] == "AWS::Lambda::Function"
    }

    assert functions
    for name, reserved in functions.items():
        given, ref = f"{name}Reserved", {"Ref": f"{name}Reserved"}
        assert reserved == {"Fn::If": [f"Has{given}", ref, {"Ref": "AWS::NoValue"}]}
        assert parameters[given]["Default"] == 0


def test_no_function_is_invoked_and_left_alone() -> None:
    """There is no dead letter queue, so nothing may make an event that nobody waits for."""
    senders = {"AWS::Lambda::EventSourceMapping", "AWS::Events::Rule"}
    asynchronous = [
        f"{template}.{name}"
        for template in NAMES
        for name, each in templates.resources(template, KNOWN).items()
        if each["Type"] in senders
        or "LambdaConfigurations" in str(each)
        or (each["Type"] == "AWS::SNS::Subscription" and each["Properties"]["Protocol"] == "lambda")
        or (each["Type"] == "AWS::Scheduler::Schedule" and "Function" in str(each["Properties"]))
    ]

    assert asynchronous == []


@pytest.mark.parametrize(
    ("template", "alarm"), [("alerts", "CleaningTimedOut"), ("batch", "TimedOut")]
)
def test_a_state_machine_that_runs_out_of_time_raises_an_alarm(template: str, alarm: str) -> None:
    """CloudWatch counts what timed out apart from what failed."""
    found = templates.resources(template, KNOWN)[alarm]["Properties"]

    assert found["MetricName"] == "ExecutionsTimedOut"


def test_the_flow_logs_hold_what_was_refused_too_and_are_encrypted() -> None:
    """Traffic of both kinds goes into a log group under the operations key."""
    found = templates.resources("traffic", KNOWN)

    assert found["FlowLog"]["Properties"]["TrafficType"] == "ALL"
    assert found["LogGroup"]["Properties"]["KmsKeyId"] == {"Ref": "OperationsKeyArn"}
    assert found["LogGroup"]["Properties"]["RetentionInDays"] == {"Ref": "RetentionDays"}
