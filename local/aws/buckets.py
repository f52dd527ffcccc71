"""What ministack's CloudFormation leaves out of a bucket, given to it through S3's own API.

Encryption, lifecycle, access log, Object Lock and replication; S3 keeps to the last two.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ministack.services import s3 as service
from ministack.services.cloudformation import provisioners, stacks

from local.aws.clients import client
from local.aws.config import Config

BUCKET = "AWS::S3::Bucket"
Properties = dict[str, Any]


def install(config: Config) -> None:
    """Have a bucket that is created or updated by a template get all that the template says."""
    buckets = provisioners._RESOURCE_HANDLERS[BUCKET]
    buckets["create"] = _complete(buckets["create"])
    buckets["update"] = _complete(buckets["update"])
    stock = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name == BUCKET or stock(name)
    service._copy_object = _locked(service._copy_object)
    service._complete_multipart_upload = _locked(service._complete_multipart_upload)


def _complete(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def make_bucket(*positional: Any) -> Any:
        made = make(*positional)
        *old, given = [each for each in positional if isinstance(each, dict)]
        configure(made[0], given, old[0] if old else {})
        return made

    return make_bucket


def _locked(stock: Callable[..., Any]) -> Callable[..., Any]:
    """Let a version that was copied or put together get the bucket's default retention."""

    def write(bucket: str, key: str, *arguments: Any) -> Any:
        answer = stock(bucket, key, *arguments)
        if answer[0] == 200 and (version := answer[1].get("x-amz-version-id")):
            service._apply_object_lock_from_headers(bucket, key, {}, version)
        return answer

    return write


def configure(bucket: str, given: Properties, old: Properties) -> None:
    """Apply a template's properties; what the template no longer has is taken away."""
    s3 = client("s3")
    if lock := given.get("ObjectLockConfiguration"):
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=_numbers(lock))
    if encryption := given.get("BucketEncryption"):
        rules = [_encryption(each) for each in encryption["ServerSideEncryptionConfiguration"]]
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    if log := given.get("LoggingConfiguration"):
        target = {
            "TargetBucket": log["DestinationBucketName"],
            "TargetPrefix": log.get("LogFilePrefix", ""),
        }
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})
    if lifecycle := given.get("LifecycleConfiguration"):
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={"Rules": [_lifecycle(each) for each in lifecycle["Rules"]]},
        )
    if copy := given.get("ReplicationConfiguration"):
        rules = [_renamed(each, {"Id": "ID"}) for each in copy["Rules"]]
        s3.put_bucket_replication(
            Bucket=bucket,
            ReplicationConfiguration={"Role": copy["Role"], "Rules": _numbers(rules)},
        )
    elif old.get("ReplicationConfiguration"):
        s3.delete_bucket_replication(Bucket=bucket)


def _encryption(rule: Properties) -> Properties:
    return {
        "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
        "BucketKeyEnabled": _is_true(rule.get("BucketKeyEnabled", False)),
    }


def _lifecycle(rule: Properties) -> Properties:
    """Return a template's rule as S3's API has it."""
    made = _renamed(rule, {"Id": "ID"})
    made["Filter"] = {"Prefix": made.pop("Prefix", "")}
    if days := made.pop("ExpirationInDays", None):
        made["Expiration"] = {"Days": days}
    if transitions := made.get("Transitions"):
        made["Transitions"] = [_renamed(each, {"TransitionInDays": "Days"}) for each in transitions]
    numbers: Properties = _numbers(made)
    return numbers


def _renamed(value: Properties, names: dict[str, str]) -> Properties:
    return {names.get(name, name): each for name, each in value.items()}


def _numbers(value: Any) -> Any:
    """Return a value with the numbers that a parameter made text."""
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
