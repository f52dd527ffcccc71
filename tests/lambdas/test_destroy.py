"""Deleting a stack: data stays, unless two words say otherwise."""

from __future__ import annotations

from deployment.destroy import delete_bucket
from tests.lambdas.conftest import Deployed, destroy

OTHER = "passing"
BUCKET = f"{OTHER}-data-000000000000-us-east-1"


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
    assert f"there is no stack {OTHER}" in again.stdout


def test_a_deleted_stack_leaves_its_data(stack: Deployed) -> None:
    """What holds data is named and kept; what runs is gone."""
    deployed = stack.deploy("--stack", OTHER)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr

    done = destroy(stack, "--yes", name=OTHER)
    functions = stack.client("lambda").list_functions()["Functions"]

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{BUCKET} (AWS::S3::Bucket)" in done.stdout
    assert BUCKET in buckets(stack)
    assert f"{OTHER}-score" not in {each["FunctionName"] for each in functions}
    for name in buckets(stack):
        delete_bucket(stack.client("s3"), name, print)
    sagemaker = stack.client("sagemaker")
    for each in sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
        if each["ModelPackageGroupName"].startswith(OTHER):
            sagemaker.delete_model_package_group(
                ModelPackageGroupName=each["ModelPackageGroupName"]
            )


def test_what_object_lock_protects_stays_with_its_bucket(stack: Deployed) -> None:
    """Both words do not lift the lock of an archive copy: the bucket is named, and kept."""
    deployed = stack.deploy("--stack", OTHER)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    s3, archive = stack.client("s3"), f"{OTHER}-archive-000000000000-us-east-1"
    version = s3.put_object(Bucket=archive, Key="raw/a", Body=b"1")["VersionId"]

    done = destroy(
        stack, "--yes", "--delete-data", OTHER, "--confirm-delete-data", OTHER, name=OTHER
    )
    kept = buckets(stack)
    s3.delete_object(Bucket=archive, Key="raw/a", VersionId=version, BypassGovernanceRetention=True)
    s3.delete_bucket(Bucket=archive)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"s3://{archive}: 0 deleted, 1 locked or denied; the bucket stays" in done.stdout
    assert kept == {archive}
