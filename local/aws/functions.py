"""A Lambda function of a template needs its zip: ministack makes one without code, AWS refuses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from local.aws.config import Config

NO_ZIP = (
    "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: "
    "The specified key does not exist. (s3://{bucket}/{key})"
)


def install(config: Config) -> None:
    """Refuse a function that is created or updated with a zip that is not there."""
    functions = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    functions |= {verb: _with_code(functions[verb]) for verb in ("create", "update")}


def _with_code(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def make_function(*positional: Any) -> Any:
        given = [each for each in positional if isinstance(each, dict)][-1]
        code = given.get("Code", {})
        if "S3Key" in code and not _is_there(code["S3Bucket"], code["S3Key"]):
            raise ValueError(NO_ZIP.format(bucket=code["S3Bucket"], key=code["S3Key"]))
        return make(*positional)

    return make_function


def _is_there(bucket: str, key: str) -> bool:
    found = s3._buckets.get(bucket) or {"objects": {}}
    return key in found["objects"]
