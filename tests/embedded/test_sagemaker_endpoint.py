"""Endpoints are processes that serve, roll over, come back and survive a restart."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import threading
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/sagemaker"
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"


def store_model(server, key, answer):
    content = json.dumps({"answer": answer}).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("model.json")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    server.client("s3").put_object(Bucket="served", Key=key, Body=packed.getvalue())


def create_config(server, name, answer="1", environment=None, **more):
    """A model and its endpoint configuration of two instances, both called `name`."""
    sagemaker = server.client("sagemaker")
    server.client("s3").create_bucket(Bucket="served")
    store_model(server, f"{name}.tar.gz", answer)
    container = {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://served/{name}.tar.gz",
        "Environment": environment or {},
    }
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container, **more
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "champion",
                "ModelName": name,
                "InitialInstanceCount": 2,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1.0,
            }
        ],
    )


def status_of(server, name):
    return server.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]


def ask(server, name, **body):
    response = server.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=json.dumps(body)
    )
    return json.load(response["Body"])


@pytest.fixture(scope="module")
def endpoint(server, wait_until):
    """An endpoint in service."""
    create_config(server, "first")
    server.client("sagemaker").create_endpoint(EndpointName="live", EndpointConfigName="first")
    wait_until(lambda: status_of(server, "live") == "InService")
    return "live"


def test_all_instances_answer(server, endpoint):
    """Requests go to both processes in turn."""
    answers = [ask(server, endpoint) for _ in range(4)]

    assert {each["answer"] for each in answers} == {"1"}
    assert len({each["pid"] for each in answers}) == 2


def test_an_error_of_the_container_is_a_model_error(server, endpoint):
    """The caller sees the container's status and message."""
    with pytest.raises(ClientError) as refused:
        ask(server, endpoint, fingerprint="old")

    assert refused.value.response["Error"]["Code"] == "ModelError"
    assert refused.value.response["OriginalStatusCode"] == 409


def test_an_unknown_endpoint_is_refused(server):
    """The name is in the message."""
    with pytest.raises(ClientError, match="Endpoint nowhere of account 000000000000 not found"):
        ask(server, "nowhere")


def test_a_killed_instance_is_passed_over_and_replaced(server, endpoint, wait_until):
    """No request fails while one process is dead, and a new one takes its place."""
    before = {ask(server, endpoint)["pid"] for _ in range(4)}
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    during = {ask(server, endpoint)["pid"] for _ in range(4)}
    after = wait_until(
        lambda: len(pids := {ask(server, endpoint)["pid"] for _ in range(4)}) == 2 and pids
    )

    assert killed not in during
    assert killed not in after
    assert before & after


def test_an_update_drops_no_request(server, endpoint, wait_until):
    """The new model takes over between two answers; a slow answer is waited for."""
    create_config(server, "second", answer="2")
    answers, faults, is_over = [], [], threading.Event()

    def keep_asking(sleep):
        while not is_over.is_set():
            try:
                answers.append(ask(server, endpoint, sleep=sleep)["answer"])
            except ClientError as error:
                faults.append(error)

    askers = [threading.Thread(target=keep_asking, args=(each,)) for each in (0, 0.5)]
    for each in askers:
        each.start()
    server.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName="second")
    wait_until(lambda: answers[-1:] == ["2"])
    wait_until(lambda: status_of(server, endpoint) == "InService")
    is_over.set()
    for each in askers:
        each.join()

    assert faults == []
    assert {"1", "2"} == set(answers)


def test_a_failed_update_keeps_the_old_model(server, endpoint, wait_until):
    """The endpoint stays in service and says why the update did not succeed."""
    create_config(server, "broken", answer="3")
    server.client("s3").delete_object(Bucket="served", Key="broken.tar.gz")
    sagemaker = server.client("sagemaker")
    sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="broken")
    wait_until(lambda: status_of(server, endpoint) == "InService")

    described = sagemaker.describe_endpoint(EndpointName=endpoint)
    assert "s3://served/broken.tar.gz" in described["FailureReason"]
    assert described["EndpointConfigName"] != "broken"
    assert ask(server, endpoint)["answer"] != "3"


def test_an_endpoint_that_never_gets_healthy_fails(new_server, wait_until):
    """It gives up after the health timeout with AWS's reason."""
    hasty = new_server(health_seconds=2).start()
    create_config(hasty, "sick", environment={"SICK": "1"})
    hasty.client("sagemaker").create_endpoint(EndpointName="sick", EndpointConfigName="sick")
    wait_until(lambda: status_of(hasty, "sick") == "Failed")

    reason = hasty.client("sagemaker").describe_endpoint(EndpointName="sick")["FailureReason"]
    assert "did not pass the ping health check" in reason


def test_names_cannot_be_created_twice(server, endpoint):
    """Models, configurations and endpoints are refused in AWS's words."""
    sagemaker = server.client("sagemaker")

    with pytest.raises(ClientError, match="Cannot create already existing model"):
        sagemaker.create_model(ModelName="first", PrimaryContainer={"Image": IMAGE})
    with pytest.raises(ClientError, match="Cannot create already existing endpoint"):
        sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName="first")


def test_tags_of_a_model_are_listed(server):
    """What CreateModel was given, ListTags answers."""
    sagemaker = server.client("sagemaker")
    arn = sagemaker.create_model(
        ModelName="tagged",
        PrimaryContainer={"Image": IMAGE},
        Tags=[{"Key": "period", "Value": "2026-10"}],
    )["ModelArn"]

    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "period", "Value": "2026-10"}]


def test_instances_spread_over_the_zones_of_the_subnets(server, wait_until):
    """Two subnets in two zones give one instance in each."""
    ec2 = server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{index}.0/24", AvailabilityZone=zone)[
            "Subnet"
        ]["SubnetId"]
        for index, zone in enumerate(("us-east-1b", "us-east-1c"))
    ]
    vpc_config = {"Subnets": subnets, "SecurityGroupIds": ["sg-1"]}
    create_config(server, "zoned", VpcConfig=vpc_config)
    server.client("sagemaker").create_endpoint(EndpointName="zoned", EndpointConfigName="zoned")
    wait_until(lambda: status_of(server, "zoned") == "InService")

    events = server.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/Endpoints/zoned", filterPattern="instance"
    )["events"]
    zones = sorted(each["message"].split(" in ")[1].split(":")[0] for each in events)
    assert zones == ["us-east-1b", "us-east-1c"]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_an_endpoint_survives_a_restart_and_no_process_survives_the_server(new_server, wait_until):
    """After SIGTERM and a new start it serves again; after kill -9 no instance is left."""
    other = new_server().start()
    create_config(other, "kept", answer="7")
    other.client("sagemaker").create_endpoint(EndpointName="kept", EndpointConfigName="kept")
    wait_until(lambda: status_of(other, "kept") == "InService")
    other.client("sagemaker").create_model_package_group(ModelPackageGroupName="champions")
    first = {ask(other, "kept")["pid"] for _ in range(4)}
    other.stop()
    left = [pid for pid in first if is_running(pid)]
    other.start()
    wait_until(lambda: status_of(other, "kept") == "InService")
    answer = ask(other, "kept")["answer"]
    groups = other.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    second = {ask(other, "kept")["pid"] for _ in range(4)}
    other.stop(signal.SIGKILL)

    assert left == []
    assert answer == "7"
    assert [each["ModelPackageGroupName"] for each in groups] == ["champions"]
    wait_until(lambda: not any(is_running(pid) for pid in second))
