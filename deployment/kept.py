"""What a stack keeps when it goes: found in it, or by name and tag once it is gone; and deleted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deployment import change_set

KEY_DAYS = 30
DELETED_AT_ONCE = 1000
BUCKETS = "AWS::S3::Bucket"
TABLES = "AWS::DynamoDB::Table"
KEYS = "AWS::KMS::Key"
GROUPS = "AWS::SageMaker::ModelPackageGroup"
# The order of deletion: what is encrypted before its key.
ORDER = (BUCKETS, TABLES, GROUPS, KEYS)
GONE = ("404", "NoSuchBucket", "ResourceNotFoundException")
# Of a bucket's name, between the stack's and the account's.
ROOMS = "archive|code|data|logs|models"

Say = Callable[[str], None]
Kept = tuple[str, str]


def of_stack(cloudformation: Any, stack: str) -> Iterator[Kept]:
    """Yield type and id of each resource that stays when the stack and its nested ones go."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for each in page["StackResourceSummaries"]:
            kind, identifier = each["ResourceType"], each.get("PhysicalResourceId")
            if kind == change_set.NESTED and identifier:
                yield from of_stack(cloudformation, identifier)
            elif kind in change_set.KEPT_TYPES and identifier:
                yield kind, identifier


def find(session: Any, stack: str, account: str) -> Iterator[Kept]:
    """Yield what bears a stack's name in the session's region, or its tag; no stack is needed.

    Keys have no names: they are found by the tag `solvencia:stack`, and not once they are going.
    """
    place = f"{account}-{session.region_name}"
    own = re.compile(rf"{re.escape(stack)}-({ROOMS})-{place}")
    for each in session.client("s3").list_buckets()["Buckets"]:
        # The copy's stack is called as its bucket begins.
        if own.fullmatch(each["Name"]) or each["Name"] == f"{stack}-{place}":
            yield BUCKETS, each["Name"]
    pages = session.client("dynamodb").get_paginator("list_tables").paginate()
    for name in (name for page in pages for name in page["TableNames"]):
        if name in (f"{stack}-decisions", f"{stack}-people"):
            yield TABLES, name
    pages = session.client("sagemaker").get_paginator("list_model_package_groups").paginate()
    for each in (each for page in pages for each in page["ModelPackageGroupSummaryList"]):
        if is_of_stack(session, each, stack):
            yield GROUPS, each["ModelPackageGroupArn"]
    kms = session.client("kms")
    pages = (
        session.client("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(
            ResourceTypeFilters=["kms:key"],
            TagFilters=[{"Key": "solvencia:stack", "Values": [stack]}],
        )
    )
    for each in (each for page in pages for each in page["ResourceTagMappingList"]):
        key = each["ResourceARN"].rpartition("/")[2]
        if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield KEYS, key


def is_of_stack(session: Any, group: dict[str, Any], stack: str) -> bool:
    """Whether a package group is the stack's, by its tag: another's name may begin alike."""
    if not group["ModelPackageGroupName"].startswith(f"{stack}-"):
        return False
    tags = session.client("sagemaker").list_tags(ResourceArn=group["ModelPackageGroupArn"])["Tags"]
    owners = [each["Value"] for each in tags if each["Key"] == "solvencia:stack"]
    return owners == [stack]


def delete_all(session: Any, kept: Iterable[Kept], say: Say) -> None:
    """Delete data, then its keys; while a locked bucket stays, the keys do, as it needs them."""
    locked: list[str] = []
    for kind, identifier in sorted(set(kept), key=lambda each: (ORDER.index(each[0]), each)):
        try:
            if kind == KEYS and locked:
                say(f"{identifier} stays: s3://{', s3://'.join(locked)} may be encrypted under it")
            elif not _delete(session, kind, identifier, say):
                locked.append(identifier)
        except ClientError as error:
            is_gone = "does not exist" in error.response["Error"]["Message"]
            if not is_gone and error.response["Error"]["Code"] not in GONE:
                raise
            say(f"{identifier} is gone already")


def _delete(session: Any, kind: str, identifier: str, say: Say) -> bool:
    """Delete one resource with what is in it; return whether nothing of it stays."""
    if kind == BUCKETS:
        return delete_bucket(session.client("s3"), identifier, say)
    if kind == TABLES:
        client = session.client("dynamodb")
        client.update_table(TableName=identifier, DeletionProtectionEnabled=False)
        client.delete_table(TableName=identifier)
        say(f"{identifier} deleted")
    elif kind == KEYS:
        client = session.client("kms")
        client.schedule_key_deletion(KeyId=identifier, PendingWindowInDays=KEY_DAYS)
        say(f"{identifier} goes in {KEY_DAYS} days; `aws kms cancel-key-deletion` saves it")
    else:
        client, name = session.client("sagemaker"), identifier.rpartition("/")[2]
        pages = client.get_paginator("list_model_packages").paginate(ModelPackageGroupName=name)
        for each in (each for page in pages for each in page["ModelPackageSummaryList"]):
            client.delete_model_package(ModelPackageName=each["ModelPackageArn"])
        client.delete_model_package_group(ModelPackageGroupName=name)
        say(f"{identifier} deleted")
    return True


def delete_bucket(s3: Any, bucket: str, say: Say) -> bool:
    """Delete every version that no lock protects, then the bucket; return whether it is gone."""
    left: dict[tuple[str, str], datetime] = {}
    deleted = 0
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": DELETED_AT_ONCE}
    )
    for page in pages:
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            continue
        written = {(each["Key"], each["VersionId"]): each["LastModified"] for each in found}
        objects = [{"Key": key, "VersionId": version} for key, version in written]
        done = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        refused = [(each["Key"], each["VersionId"]) for each in done.get("Errors", [])]
        left.update({each: written[each] for each in refused})
        deleted += len(objects) - len(refused)
    if not left:
        s3.delete_bucket(Bucket=bucket)
        say(f"s3://{bucket}: {deleted} versions and the bucket deleted")
        return True
    newest = max(left, key=lambda each: left[each])
    until = locked_until(s3, bucket, *newest)
    why = f"locked, the newest until {until:%Y-%m-%d}" if until else "refused: see the bucket"
    say(f"s3://{bucket}: {deleted} versions deleted, {len(left)} {why}; the bucket stays")
    say("  run this again then; who holds s3:BypassGovernanceRetention can delete them before")
    return False


def locked_until(s3: Any, bucket: str, key: str, version: str) -> datetime | None:
    """Return when a version's lock ends, None where it has none."""
    try:
        found = s3.get_object_retention(Bucket=bucket, Key=key, VersionId=version)
    except ClientError:
        return None
    until: datetime = found["Retention"]["RetainUntilDate"]
    return until
