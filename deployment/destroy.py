"""Delete a deployed stack. Its data stays, unless that is asked for twice.

`make destroy ENV=…` deletes what runs and costs. `DELETE_DATA=<stack>` deletes buckets, decision
log and code as well, once the stack's name is typed again (or named in --confirm-delete-data), and
gives the keys 30 days. What Object Lock still protects, it leaves and names.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import change_set, environment_file, faults
from deployment.deploy import code_bucket, sign_in
from deployment.environment_file import BadEnvironment, Environment
from deployment.stack import DeploymentFailed, Stack

KEY_DAYS = 30
DELETED_AT_ONCE = 1000
BUCKETS = "AWS::S3::Bucket"
TABLES = "AWS::DynamoDB::Table"
KEYS = "AWS::KMS::Key"
GROUPS = "AWS::SageMaker::ModelPackageGroup"
KEPT = (BUCKETS, TABLES, KEYS, GROUPS)

Say = Callable[[str], None]


def main(arguments: list[str] | None = None) -> int:
    """Delete the stack; a fault is one message on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        destroy(options)
    except (BadEnvironment, DeploymentFailed, change_set.NotConfirmed) as fault:
        print(f"destroy: {fault}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as fault:
        print(f"destroy: {faults.explain(fault)}", file=sys.stderr)
        return 1
    return 0


def destroy(options: argparse.Namespace) -> None:
    """Delete the stack that the options name, and its data where both of them say so."""
    environment = environment_file.load(options.env) if options.env else Environment()
    name = options.stack or environment.stack or os.environ.get("SOLVENCIA_STACK") or "solvencia"
    session, account = sign_in(environment)
    with_data = _is_data_meant(options, name)
    cloudformation = session.client("cloudformation")
    stack = Stack(cloudformation, name, _say, lambda what: None)
    kept = list(retained(cloudformation, name)) if stack.parameters() else []
    _say(f"stack {name} in account {account}, {session.region_name}; data is {_fate(with_data)}:")
    for kind, identifier in kept:
        _say(f"  {identifier} ({kind})")
    change_set.confirm(f"delete stack {name}", is_agreed=options.yes)
    stack.delete()
    bucket = code_bucket(name, account, session.region_name)
    if not with_data:
        _say(f"the data above and s3://{bucket} are kept, and billed")
        _say("a stack of this name is refused while they are there: import them, or name another")
        return
    for kind, identifier in [*kept, (BUCKETS, bucket)]:
        delete_kept(session, kind, identifier, _say)


def retained(cloudformation: Any, stack: str) -> Iterator[tuple[str, str]]:
    """Yield type and id of each resource that stays when the stack and its nested ones go."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for each in page["StackResourceSummaries"]:
            kind, identifier = each["ResourceType"], each.get("PhysicalResourceId")
            if kind == change_set.NESTED and identifier:
                yield from retained(cloudformation, identifier)
            elif kind in KEPT and identifier:
                yield kind, identifier


def delete_kept(session: Any, kind: str, identifier: str, say: Say) -> None:
    """Delete one resource that the stack left, with what is in it; one that is gone is no fault."""
    try:
        if kind == BUCKETS:
            delete_bucket(session.client("s3"), identifier, say)
        elif kind == TABLES:
            client = session.client("dynamodb")
            client.update_table(TableName=identifier, DeletionProtectionEnabled=False)
            client.delete_table(TableName=identifier)
            say(f"{identifier} deleted")
        elif kind == KEYS:
            client = session.client("kms")
            client.schedule_key_deletion(KeyId=identifier, PendingWindowInDays=KEY_DAYS)
            say(f"{identifier} goes in {KEY_DAYS} days; `aws kms cancel-key-deletion` saves it")
        else:
            client = session.client("sagemaker")
            pages = client.get_paginator("list_model_packages").paginate(
                ModelPackageGroupName=identifier.rpartition("/")[2]
            )
            for each in (each for page in pages for each in page["ModelPackageSummaryList"]):
                client.delete_model_package(ModelPackageName=each["ModelPackageArn"])
            client.delete_model_package_group(ModelPackageGroupName=identifier.rpartition("/")[2])
            say(f"{identifier} deleted")
    except ClientError as error:
        is_gone = "does not exist" in error.response["Error"]["Message"]
        if not is_gone and error.response["Error"]["Code"] not in (
            "404",
            "NoSuchBucket",
            "ResourceNotFoundException",
        ):
            raise
        say(f"{identifier} is gone already")


def delete_bucket(s3: Any, bucket: str, say: Say) -> None:
    """Delete every version that no lock protects, then the bucket if nothing is left in it."""
    locked = deleted = 0
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": DELETED_AT_ONCE}
    )
    for page in pages:
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not found:
            continue
        versions = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        done = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True})
        locked += len(done.get("Errors", []))
        deleted += len(versions) - len(done.get("Errors", []))
    if locked:
        say(f"s3://{bucket}: {deleted} deleted, {locked} locked or denied; the bucket stays: again")
        return
    s3.delete_bucket(Bucket=bucket)
    say(f"s3://{bucket}: {deleted} versions and the bucket deleted")


def _is_data_meant(options: argparse.Namespace, stack: str) -> bool:
    """Whether both words were given; raise NotConfirmed where they do not name this stack."""
    if options.delete_data is None:
        return False
    second = options.confirm_delete_data
    if second is None and sys.stdin.isatty():
        second = input(f"All data of {stack} goes for good. Type the stack's name: ").strip()
    if options.delete_data != stack or second != stack:
        raise change_set.NotConfirmed(
            f"nothing was deleted: data goes only when --delete-data and --confirm-delete-data "
            f"(or the answer) both say {stack}"
        )
    return True


def _fate(with_data: bool) -> str:
    return "DELETED" if with_data else "kept"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployment.destroy", description=__doc__)
    parser.add_argument("--env", metavar="NAME", help="deployment/environments/NAME.toml")
    parser.add_argument("--stack", help="default: the environment's, else $SOLVENCIA_STACK")
    parser.add_argument("--yes", action="store_true", help="delete the stack without asking")
    parser.add_argument("--delete-data", metavar="STACK", help="delete its data too")
    parser.add_argument("--confirm-delete-data", metavar="STACK", help="the second word, for that")
    return parser


def _say(line: str) -> None:
    print(f"destroy: {line}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
