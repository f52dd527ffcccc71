"""Buckets as their template says: encryption by default and Object Lock.

Hooks: the provisioner of `AWS::S3::Bucket`, which leaves both out; `s3._copy_object` and
`_complete_multipart_upload`, which lock no version. The lock is enforced: a version that it
protects is deleted only by who bypasses governance. Nothing is encrypted on this machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from local.aws.config import Config

Properties = dict[str, Any]
Made = tuple[str, Properties]


def install(config: Config) -> None:
    """Let a bucket that CloudFormation makes or changes get what was left out."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    handler["create"] = _created(handler["create"])
    handler["update"] = _updated(handler["update"])
    s3._copy_object = _locked(s3._copy_object)
    s3._complete_multipart_upload = _locked(s3._complete_multipart_upload)


def _created(stock: Callable[[str, Properties, str], Made]) -> Callable[..., Made]:
    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        name, attributes = stock(logical_id, properties, stack)
        apply(name, properties)
        return name, attributes

    return create


def _updated(stock: Callable[[str, Properties, Properties, str], Made]) -> Callable[..., Made]:
    def update(physical_id: str, old: Properties, new: Properties, stack: str) -> Made:
        name, attributes = stock(physical_id, old, new, stack)
        apply(name, new)
        return name, attributes

    return update


def _locked(stock: Callable[..., Any]) -> Callable[..., Any]:
    """Let a version that was copied or put together get the bucket's default retention."""

    def write(bucket: str, key: str, *arguments: Any) -> Any:
        answer = stock(bucket, key, *arguments)
        if answer[0] == 200 and (version := answer[1].get("x-amz-version-id")):
            s3._apply_object_lock_from_headers(bucket, key, {}, version)
        return answer

    return write


def apply(name: str, properties: Properties) -> None:
    """Set a bucket's default encryption and retention; raise ValueError where S3 refuses one."""
    rules = properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
    if rules:
        root = Element("ServerSideEncryptionConfiguration")
        for each in rules:
            rule = SubElement(root, "Rule")
            by_default = SubElement(rule, "ApplyServerSideEncryptionByDefault")
            _write(by_default, each["ServerSideEncryptionByDefault"])
            _write(rule, {"BucketKeyEnabled": each.get("BucketKeyEnabled", False)})
        _check(s3._put_bucket_encryption(name, tostring(root)))
    if lock := properties.get("ObjectLockConfiguration"):
        root = Element("ObjectLockConfiguration")
        _write(root, {"ObjectLockEnabled": lock["ObjectLockEnabled"]})
        if retention := lock.get("Rule", {}).get("DefaultRetention"):
            _write(SubElement(SubElement(root, "Rule"), "DefaultRetention"), retention)
        _check(s3._put_object_lock_configuration(name, tostring(root)))


def _write(parent: Element, values: Properties) -> None:
    for name, value in values.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        SubElement(parent, name).text = text


def _check(answer: tuple[int, Properties, Any]) -> None:
    if answer[0] != 200:
        raise ValueError(f"S3 refused: {answer[2]!r}")
