"""Buckets, tables, keys and logs: private, encrypted, recoverable, and with an end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from deployment.smoke.line import LOOK, OK, Deployment, Line, code, judge

BUCKETS = {"data": "aws:kms", "archive": "aws:kms", "models": "aws:kms", "logs": "", "code": ""}
TABLES = ("decisions", "people")
KEYS = ("data", "operations", "people")


def buckets(deployed: Deployment) -> Iterator[Line]:
    """No bucket is public, each keeps versions, and data lie under the stack's key."""
    s3 = deployed.client("s3")
    for kind, algorithm in BUCKETS.items():
        name = f"{deployed.stack}-{kind}-{deployed.account}-{deployed.region}"
        problems = list(_bucket_problems(s3, name, algorithm))
        step = (
            "put it right in the console and find out who changed it (CloudTrail), or deploy again"
        )
        yield judge(f"bucket {kind}", problems, "private, versioned, encrypted", step)


def object_lock(deployed: Deployment) -> Iterator[Line]:
    """An archive copy cannot be deleted before its time."""
    name = f"{deployed.stack}-archive-{deployed.account}-{deployed.region}"
    found = deployed.client("s3").get_object_lock_configuration(Bucket=name)
    rule = found["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
    days, wanted = str(rule.get("Days", "")), deployed.parameters.get("ArchiveLockDays", "")
    problems = [] if days == wanted else [f"{days or 'no'} days, {wanted} wanted"]
    yield judge("Object Lock", problems, f"{days} days, {rule.get('Mode')}", "deploy again")


def tables(deployed: Deployment) -> Iterator[Line]:
    """The decision log cannot be deleted and can be brought back to a point in time."""
    dynamodb = deployed.client("dynamodb")
    for kind in TABLES:
        name = f"{deployed.stack}-{kind}"
        table = dynamodb.describe_table(TableName=name)["Table"]
        backups = dynamodb.describe_continuous_backups(TableName=name)
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        problems = []
        if not table.get("DeletionProtectionEnabled"):
            problems.append("it may be deleted")
        if table.get("SSEDescription", {}).get("SSEType") != "KMS":
            problems.append("it does not lie under the stack's key")
        if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
            problems.append("it cannot be recovered to a point in time")
        step = "deploy again: the template says so"
        yield judge(f"table {kind}", problems, "protected, recoverable, encrypted", step)


def keys(deployed: Deployment) -> Iterator[Line]:
    """Each key is in use and changes each year."""
    kms = deployed.client("kms")
    for kind in KEYS:
        alias = f"alias/{deployed.stack}-{kind}"
        key = kms.describe_key(KeyId=alias)["KeyMetadata"]
        is_rotated = kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
        problems = [] if key["KeyState"] == "Enabled" else [f"it is {key['KeyState']}"]
        problems += [] if is_rotated else ["it does not rotate"]
        step = "cancel a deletion, enable it and its rotation in the KMS console, at once"
        yield judge(f"key {kind}", problems, "enabled, rotates", step)


def logs(deployed: Deployment) -> Iterator[Line]:
    """Every log group forgets in time; those that AWS makes by itself never do."""
    ours = {
        each["logGroupName"]: each
        for prefix in ("/aws/lambda/{}-", "/aws/apigateway/{}", "/aws/vpc/{}", "aws-waf-logs-{}")
        for each in _groups(deployed, prefix.format(deployed.stack))
    }
    bare = [
        f"{name} never forgets" for name, each in ours.items() if not each.get("retentionInDays")
    ]
    bare += [f"{name} has no key" for name, each in ours.items() if not each.get("kmsKeyId")]
    found = f"{len(ours)} groups with an end and a key"
    yield judge("logs", bare, found, "deploy again: the templates set both")
    made = [each for each in _groups(deployed, "/aws/sagemaker/") if deployed.stack in str(each)]
    made += _groups(deployed, f"airflow-{deployed.stack}-")
    endless = sorted(each["logGroupName"] for each in made if not each.get("retentionInDays"))
    if endless:
        days = deployed.parameters.get("LogRetentionDays", "90")
        step = f"aws logs put-retention-policy --retention-in-days {days} --log-group-name <each>"
        yield Line(LOOK, "logs of AWS's own", f"never forget: {', '.join(endless)}", step)
    else:
        yield Line(OK, "logs of AWS's own", f"{len(made)} groups, none without an end")


def _bucket_problems(s3: Any, name: str, algorithm: str) -> Iterator[str]:
    try:
        block = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        if not all(block.values()):
            yield "public access is not blocked"
    except ClientError as fault:
        if code(fault) != "NoSuchPublicAccessBlockConfiguration":
            raise
        yield "public access is not blocked"
    if s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
        yield "it keeps no versions"
    if algorithm:
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        if rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] != algorithm:
            yield f"it is not encrypted by {algorithm}"


def _groups(deployed: Deployment, prefix: str) -> list[dict[str, Any]]:
    pages = deployed.client("logs").get_paginator("describe_log_groups")
    return [
        each for page in pages.paginate(logGroupNamePrefix=prefix) for each in page["logGroups"]
    ]
