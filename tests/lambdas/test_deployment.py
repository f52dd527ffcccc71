"""The stack in the embedded AWS: what deploying it gives, and what deploying it again changes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from solvencia import portfolio
from solvencia.settings import Settings
from tests.lambdas.conftest import ROOT, Deployed, destroy


def wait(is_so: Callable[[], bool], seconds: float = 30) -> bool:
    """Return whether it became so in time."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def settings(stack: Deployed) -> Settings:
    return Settings(stack="solvencia", account="000000000000", region="us-east-1")


def test_everything_that_settings_names_is_there(stack: Deployed) -> None:
    """The pipeline finds its buckets, workgroup, crawler, table, topic, machine and role."""
    names = settings(stack)
    buckets = {each["Name"] for each in stack.client("s3").list_buckets()["Buckets"]}
    topics = {each["TopicArn"] for each in stack.client("sns").list_topics()["Topics"]}
    glue, machines = stack.client("glue"), stack.client("stepfunctions")

    assert {names.data_bucket, names.archive_bucket, names.model_bucket} <= buckets
    assert names.alerts_topic_arn in topics
    stack.client("athena").get_work_group(WorkGroup=names.workgroup)
    for name in portfolio.names():
        glue.get_database(Name=names.database(name))
        glue.get_crawler(Name=names.crawler(name))
    machines.describe_state_machine(stateMachineArn=names.clean_state_machine_arn)
    role = stack.client("iam").get_role(RoleName=names.sagemaker_role_arn.rsplit("/", 1)[-1])
    assert role["Role"]["Arn"] == names.sagemaker_role_arn


@pytest.mark.parametrize("table", ["decisions_table", "people_table"])
def test_the_decision_log_expires_and_can_be_recovered(stack: Deployed, table: str) -> None:
    """Both tables lie under a key of ours, forget by `expires_at`, and refuse to be deleted."""
    dynamodb, name = stack.client("dynamodb"), getattr(settings(stack), table)
    found = dynamodb.describe_table(TableName=name)["Table"]
    expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]

    assert found["DeletionProtectionEnabled"] is True
    assert found["SSEDescription"]["SSEType"] == "KMS"
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def test_every_portfolio_has_its_registry_transfer_and_alarms(stack: Deployed) -> None:
    """One template gives each portfolio folder a package group, a transfer and two alarms."""
    names = {name: settings(stack).endpoint(name) for name in portfolio.names()}
    groups = stack.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    transfers = stack.client("datasync").list_tasks()["Tasks"]
    alarms = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]

    assert {each["ModelPackageGroupName"] for each in groups} == {*names.values()}
    assert {each["Name"] for each in transfers} == {*names.values()}
    assert {each["AlarmName"] for each in alarms if "endpoint" in each["AlarmName"]} == {
        f"{endpoint}-endpoint-{what}"
        for endpoint in names.values()
        for what in ("errors", "latency")
    }


def test_an_endpoint_that_answers_with_errors_raises_its_own_alarm(stack: Deployed) -> None:
    """The alarm of the portfolio whose endpoint fails goes off, and no other portfolio's."""
    cloudwatch, endpoint = stack.client("cloudwatch"), settings(stack).endpoint("german_loans")
    dimensions = {"EndpointName": endpoint, "VariantName": "champion"}
    metric = {
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Value": 1,
    }

    cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[metric])
    deadline = time.monotonic() + 30
    fired: set[str] = set()
    while not fired and time.monotonic() < deadline:
        found = cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]
        fired = {each["AlarmName"] for each in found if "-endpoint-" in each["AlarmName"]}
        time.sleep(0.2)

    assert fired == {f"{endpoint}-endpoint-errors"}


def test_a_portfolio_without_a_new_model_raises_its_alarm_by_itself(stack: Deployed) -> None:
    """The watch measures the newest version's age; too old an age fires that portfolio's alarm."""
    cloudwatch, name = stack.client("cloudwatch"), settings(stack).endpoint("german_loans")
    sagemaker, machines = stack.client("sagemaker"), stack.client("stepfunctions")
    sagemaker.create_model_package(ModelPackageGroupName=name, ModelPackageDescription="test")
    watch = f"arn:aws:states:us-east-1:000000000000:stateMachine:{name}-watch"
    dimensions = [
        {"Name": "Stack", "Value": "solvencia"},
        {"Name": "Portfolio", "Value": "german_loans"},
    ]

    def state() -> str:
        found = cloudwatch.describe_alarms(AlarmNames=[f"{name}-no-new-model"])
        return str(found["MetricAlarms"][0]["StateValue"])

    execution = machines.start_execution(stateMachineArn=watch, input="{}")["executionArn"]
    wait(lambda: machines.describe_execution(executionArn=execution)["status"] != "RUNNING")
    done = machines.describe_execution(executionArn=execution)
    measured = cloudwatch.list_metrics(Namespace="Solvencia", MetricName="ModelAgeDays")["Metrics"]
    young = wait(lambda: state() == "OK")
    now = time.time()
    for hours in (0, 2):
        value = {"MetricName": "ModelAgeDays", "Dimensions": dimensions, "Value": 41}
        value["Timestamp"] = datetime.fromtimestamp(now - hours * 3600 - 60, UTC)
        cloudwatch.put_metric_data(Namespace="Solvencia", MetricData=[value])
    old = wait(lambda: state() == "ALARM")

    assert done["status"] == "SUCCEEDED", done
    assert [each["Dimensions"] for each in measured] == [dimensions]
    assert young
    assert old


def test_the_dashboard_reads_the_metrics_that_the_stack_makes(stack: Deployed) -> None:
    """Its body is whole JSON, of this stack's API, functions, endpoints and portfolios."""
    body = stack.client("cloudwatch").get_dashboard(DashboardName="solvencia")["DashboardBody"]
    widgets = json.loads(body)["widgets"]
    read = [json.dumps(each["properties"]["metrics"]) for each in widgets]

    assert len(widgets) == 6
    assert all("solvencia" in each for each in read)
    assert any("ModelAgeDays" in each for each in read)


def test_the_firewall_stands_before_the_stage_and_logs_no_key(stack: Deployed) -> None:
    """The stage's web ACL is the stack's, and its log leaves out the clients' keys."""
    waf, api = stack.client("wafv2"), stack.client("apigateway")
    name = next(each["id"] for each in api.get_rest_apis()["items"] if each["name"] == "solvencia")
    stage = f"arn:aws:apigateway:us-east-1::/restapis/{name}/stages/live"
    found = waf.get_web_acl_for_resource(ResourceArn=stage)["WebACL"]
    logging = waf.get_logging_configuration(ResourceArn=found["ARN"])["LoggingConfiguration"]

    assert found["Name"] == "solvencia"
    assert {"SingleHeader": {"Name": "x-api-key"}} in logging["RedactedFields"]
    assert logging["LogDestinationConfigs"][0].endswith(":aws-waf-logs-solvencia")


def test_the_network_has_a_flow_log_with_an_end(stack: Deployed) -> None:
    """The traffic of the stack's network goes into a log group that forgets after 30 days."""
    subnet = stack.outputs["SOLVENCIA_SUBNETS"].split(",")[0]
    ec2 = stack.client("ec2")
    network = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    found = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [network]}])
    groups = stack.client("logs").describe_log_groups(logGroupNamePrefix="/aws/vpc/solvencia")

    assert [each["FlowLogStatus"] for each in found["FlowLogs"]] == ["ACTIVE"]
    assert groups["logGroups"][0]["retentionInDays"] == 30


def test_a_lenders_own_domain_leads_to_the_stage(stack: Deployed) -> None:
    """The name has TLS 1.2 at least, and its path below the domain reaches the live stage."""
    name, certificate = "scores.lender.example", "arn:aws:acm:us-east-1:000000000000:certificate/0a"
    done = stack.deploy(
        *("--stack", "named", "--parameter", f"DomainName={name}"),
        *("--parameter", f"CertificateArn={certificate}", "--parameter", "DomainBasePath=credit"),
    )
    api = stack.client("apigateway")
    found = api.get_domain_name(domainName=name)
    mapping = api.get_base_path_mappings(domainName=name)["items"]
    gone = destroy(
        stack, "--yes", "--delete-data", "named", "--confirm-delete-data", "named", name="named"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (found["securityPolicy"], found["regionalCertificateArn"]) == ("TLS_1_2", certificate)
    assert [(each["basePath"], each["stage"]) for each in mapping] == [("credit", "live")]
    assert gone.returncode == 0, gone.stdout + gone.stderr


def test_buckets_are_what_their_template_says(stack: Deployed) -> None:
    """The archive is locked and encrypted under the data key, ages, and its readers are logged."""
    s3, name = stack.client("s3"), settings(stack).archive_bucket
    rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    log = s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]
    lock = s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
    encryption = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    applied = encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    key = stack.client("kms").describe_key(KeyId=applied["KMSMasterKeyID"])["KeyMetadata"]

    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 365}
    assert (applied["SSEAlgorithm"], key["Enabled"]) == ("aws:kms", True)
    assert {"StorageClass": "DEEP_ARCHIVE", "Days": 180} in rules[0]["Transitions"]
    assert (log["TargetBucket"], log["TargetPrefix"]) == (
        "solvencia-logs-000000000000-us-east-1",
        "archive/",
    )


def test_outputs_hold_the_settings_and_the_key_for_their_owner_alone(stack: Deployed) -> None:
    """Two subnets in two zones come out, and the file with the key is private."""
    subnets = stack.outputs["SOLVENCIA_SUBNETS"].split(",")
    described = stack.client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"]

    assert len({each["AvailabilityZone"] for each in described}) == 2
    assert stack.outputs["SOLVENCIA_MODEL_IMAGE"].rsplit(":", 1)[0].endswith("/solvencia-model")
    assert (stack.dist.parent / "stack.json").stat().st_mode & 0o077 == 0


def test_deploying_again_changes_nothing(stack: Deployed) -> None:
    """A second deployment makes no change set and keeps every identifier."""
    done = stack.deploy()

    assert done.returncode == 0, done.stderr
    assert "stack solvencia is up to date" in done.stdout
    assert "uploading" not in done.stdout


def test_a_changed_template_updates_in_place(stack: Deployed, tmp_path: Path) -> None:
    """One changed property reaches its function, and the API keeps its address and key."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    changed = tmp_path / "infra" / "compute.yaml"
    changed.write_text(changed.read_text().replace("MemorySize: 512", "MemorySize: 640"))

    done = stack.deploy("--templates", str(tmp_path / "infra"))
    function = stack.client("lambda").get_function_configuration(FunctionName="solvencia-score")
    again = stack.deploy()

    assert done.returncode == 0, done.stderr
    assert function["MemorySize"] == 640
    assert stack.outputs["api_url"] in again.stdout


def test_a_resource_that_fails_is_named_with_its_reason(stack: Deployed, tmp_path: Path) -> None:
    """The message shows the nested stack and why, and nothing half-made is left behind."""
    shutil.copytree(ROOT / "infra", tmp_path / "infra")
    broken = tmp_path / "infra" / "alerts.yaml"
    broken.write_text(broken.read_text().replace("      MetricName: Errors\n", ""))

    done = stack.deploy("--stack", "broken", "--templates", str(tmp_path / "infra"))

    assert done.returncode == 1
    assert "CleanErrors (AWS::CloudWatch::Alarm) CREATE_FAILED: MetricName" in done.stderr
    assert "deploy again" in done.stderr
    buckets = {each["Name"] for each in stack.client("s3").list_buckets()["Buckets"]}
    assert "broken-data-000000000000-us-east-1" not in buckets


def test_nobody_at_the_terminal_means_no_change(stack: Deployed) -> None:
    """Without --yes the change set is shown, refused and forgotten, and so is the empty stack."""
    done = stack.deploy("--stack", "unagreed", is_agreed=False)
    cloudformation = stack.client("cloudformation")

    assert done.returncode == 1
    assert "+ Storage (AWS::CloudFormation::Stack)" in done.stdout
    assert "give YES=1 (--yes)" in done.stderr
    names = {
        each["StackName"]
        for each in cloudformation.list_stacks()["StackSummaries"]
        if each["StackStatus"] != "DELETE_COMPLETE"
    }
    assert "unagreed" not in names
    assert "unagreed-data-000000000000-us-east-1" not in {
        each["Name"] for each in stack.client("s3").list_buckets()["Buckets"]
    }


def test_the_code_bucket_keeps_versions(stack: Deployed) -> None:
    """MWAA reads from a versioned bucket only."""
    found = stack.client("s3").get_bucket_versioning(Bucket="solvencia-code-000000000000-us-east-1")

    assert found["Status"] == "Enabled"


def test_a_parameter_that_no_template_has_is_refused(stack: Deployed) -> None:
    """A misspelt parameter is named beside those that there are."""
    done = stack.deploy("--parameter", "AlertMail=a@lender.example")

    assert done.returncode == 1
    assert "AlertMail: no parameter of infra/solvencia.yaml" in done.stderr
    assert "AlertEmail" in done.stderr
