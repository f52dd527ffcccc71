"""Deleting a stack: data stays, unless two words say otherwise."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

from tests.lambdas.conftest import Deployed, destroy

OTHER = "passing"
BUCKET = f"{OTHER}-data-000000000000-us-east-1"


def kept_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines that name a resource with data."""
    assert done.returncode == 0, done.stdout + done.stderr
    return [each for each in done.stdout.splitlines() if "(AWS::" in each]


def buckets(stack: Deployed) -> set[str]:
    found = stack.client("s3").list_buckets()["Buckets"]
    return {each["Name"] for each in found if each["Name"].startswith(f"{OTHER}-")}


def test_data_stays_until_it_is_named_twice(stack: Deployed) -> None:
    """Unasked or named once, nothing goes; named twice, all of it does."""
    deployed = stack.deploy("--stack", OTHER)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    s3 = stack.client("s3")
    s3.put_object(Bucket=BUCKET, Key="raw/a", Body=b"1")
    s3.put_object(Bucket=BUCKET, Key="raw/a", Body=b"2")

    unasked = destroy(stack, name=OTHER)
    once = destroy(stack, "--yes", "--delete-data", OTHER, name=OTHER)
    kept_before = buckets(stack)
    all_of_it = destroy(
        stack, "--yes", "--delete-data", OTHER, "--confirm-delete-data", OTHER, name=OTHER
    )
    again = destroy(stack, "--yes", name=OTHER)

    assert unasked.returncode == 1
    assert "give YES=1" in unasked.stderr
    assert once.returncode == 1
    assert "nothing was deleted" in once.stderr
    assert BUCKET in kept_before
    assert all_of_it.returncode == 0, all_of_it.stdout + all_of_it.stderr
    assert f"s3://{BUCKET}: 2 versions and the bucket deleted" in all_of_it.stdout
    assert "goes in 30 days" in all_of_it.stdout
    assert buckets(stack) == set()
    assert again.returncode == 0
    assert f"nothing of stack {OTHER}" in again.stdout


def test_what_a_deleted_stack_left_is_found_and_deleted(stack: Deployed) -> None:
    """What runs is gone; its data is listed as before, and goes once it is named twice.

    A stack whose name goes on where this one's ends keeps its own.
    """
    for name in (OTHER, f"{OTHER}-by"):
        deployed = stack.deploy("--stack", name, "--portfolio", "consumer_credit")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    words = ("--yes", "--delete-data", OTHER, "--confirm-delete-data", OTHER)

    before = kept_lines(destroy(stack, "--list", name=OTHER))
    done = destroy(stack, "--yes", name=OTHER)
    functions = stack.client("lambda").list_functions()["Functions"]
    after = kept_lines(destroy(stack, "--list", name=OTHER))
    refused = stack.deploy("--stack", OTHER, "--portfolio", "consumer_credit")
    deleted = destroy(stack, *words, name=OTHER)
    at_last = destroy(stack, "--list", name=OTHER)
    neighbour = destroy(stack, "--list", name=f"{OTHER}-by")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{OTHER}-score" not in {each["FunctionName"] for each in functions}
    assert sorted(each.rpartition("::")[2] for each in before) == [
        *["Bucket)"] * 5,
        *["Key)"] * 3,
        "ModelPackageGroup)",
        *["Table)"] * 2,
    ]
    assert after == before
    assert "kept by an earlier stack of this name" in refused.stderr
    assert deleted.returncode == 0, deleted.stdout + deleted.stderr
    assert f"nothing of stack {OTHER} in account 000000000000" in at_last.stdout
    assert len(kept_lines(neighbour)) == len(before)
    name = f"{OTHER}-by"
    words = ("--yes", "--delete-data", name, "--confirm-delete-data", name)
    assert destroy(stack, *words, name=name).returncode == 0


def test_a_locked_archive_stays_with_its_keys_and_says_until_when(stack: Deployed) -> None:
    """Object Lock holds the version, the bucket and what it is encrypted under."""
    name = "vaulted"
    bucket = f"{name}-archive-000000000000-us-east-1"
    deployed = stack.deploy("--stack", name, "--parameter", "ArchiveLockDays=30")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    s3, kms = stack.client("s3"), stack.client("kms")
    version = s3.put_object(Bucket=bucket, Key="raw/a", Body=b"1")["VersionId"]
    until = datetime.now(UTC) + timedelta(days=30)
    words = ("--yes", "--delete-data", name, "--confirm-delete-data", name)

    done = destroy(stack, *words, name=name)
    left = kept_lines(destroy(stack, "--list", name=name))
    s3.delete_object(Bucket=bucket, Key="raw/a", VersionId=version, BypassGovernanceRetention=True)
    again = destroy(stack, *words, name=name)
    keys = [each.split()[1] for each in left if each.endswith("::Key)")]
    states = {kms.describe_key(KeyId=each)["KeyMetadata"]["KeyState"] for each in keys}

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"1 locked, the newest until {until:%Y-%m-%d}; the bucket stays" in done.stdout
    assert "s3:BypassGovernanceRetention" in done.stdout
    assert f"stays: s3://{bucket} may be encrypted under it" in done.stdout
    assert [each.split()[1] for each in left if "Bucket" in each] == [bucket]
    assert len(keys) == 3
    assert f"s3://{bucket}: 0 versions and the bucket deleted" in again.stdout
    assert states == {"PendingDeletion"}


def test_what_the_pipeline_put_in_service_goes_with_the_stack(stack: Deployed) -> None:
    """An endpoint is billed on and holds the network: it goes first, its models with it.

    What another stack put in service, whose name begins alike, stays.
    """
    name, other = "serving", "serving-by"
    deployed = stack.deploy("--stack", name, "--portfolio", "consumer_credit")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    sagemaker = stack.client("sagemaker")
    variant = {"VariantName": "champion", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    for each in (name, other):
        version = f"{each}-consumer-credit-2026-10-0123456789ab"
        sagemaker.create_model(
            ModelName=version,
            ExecutionRoleArn=f"arn:aws:iam::000000000000:role/{name}-sagemaker",
            PrimaryContainer={"Image": "image", "ModelDataUrl": "s3://nowhere/model.tar.gz"},
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=version, ProductionVariants=[{**variant, "ModelName": version}]
        )
    sagemaker.create_endpoint(
        EndpointName=f"{name}-consumer-credit",
        EndpointConfigName=f"{name}-consumer-credit-2026-10-0123456789ab",
    )
    words = ("--yes", "--delete-data", name, "--confirm-delete-data", name)

    done = destroy(stack, *words, name=name)
    endpoints = sagemaker.list_endpoints(NameContains=name)["Endpoints"]
    models = sagemaker.list_models(NameContains=name)["Models"]
    configs = sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]
    sagemaker.delete_endpoint_config(EndpointConfigName=configs[0]["EndpointConfigName"])
    sagemaker.delete_model(ModelName=models[0]["ModelName"])

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"endpoint {name}-consumer-credit deleted" in done.stdout
    assert endpoints == []
    assert [each["ModelName"] for each in models] == [
        f"{other}-consumer-credit-2026-10-0123456789ab"
    ]
    assert len(configs) == 1
