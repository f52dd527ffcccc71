"""The few AWS calls that a score makes, by the standard library alone: boto3 takes too long.

The clients are called and answer as boto3's low-level ones do, so what takes one takes the other
(docs/decisions/0011-signed-calls.md).
"""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from solvencia.aws_line import ConditionFailed, Line, Patience, Service

_BLOBS = ("Plaintext", "CiphertextBlob")


class DynamoDB:
    """Items as boto3's low-level client takes and gives them; `B` is bytes."""

    exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionFailed)

    def __init__(self, patience: Patience) -> None:
        self._line = Line(Service("dynamodb", "dynamodb", "dynamodb"), patience)

    def get_item(self, **given: Any) -> dict[str, Any]:
        """Return {"Item"}, or {} where there is none."""
        return self._call("GetItem", given)

    def put_item(self, **given: Any) -> dict[str, Any]:
        """Write an item; raise ConditionFailed."""
        return self._call("PutItem", given)

    def update_item(self, **given: Any) -> dict[str, Any]:
        """Change an item; raise ConditionFailed."""
        return self._call("UpdateItem", given)

    def _call(self, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
        headers = _json_headers("1.0", f"DynamoDB_20120810.{action}")
        found = self._line.ask("/", headers, json.dumps(given, default=_encode).encode())
        answer: dict[str, Any] = json.loads(found, object_hook=_decode)
        return answer


class KMS:
    """Data keys, made and opened."""

    def __init__(self, patience: Patience) -> None:
        self._line = Line(Service("kms", "kms", "kms"), patience)

    def generate_data_key(self, **given: Any) -> dict[str, Any]:
        """Return {"Plaintext", "CiphertextBlob"}, both bytes."""
        return self._call("GenerateDataKey", given)

    def decrypt(self, **given: Any) -> dict[str, Any]:
        """Return {"Plaintext"}, bytes."""
        return self._call("Decrypt", given)

    def _call(self, action: str, given: Mapping[str, Any]) -> dict[str, Any]:
        headers = _json_headers("1.1", f"TrentService.{action}")
        found = self._line.ask("/", headers, json.dumps(given, default=_encode).encode())
        answer: dict[str, Any] = json.loads(found)
        blobs = {name: b64decode(answer[name]) for name in _BLOBS if name in answer}
        return {**answer, **blobs}


class SageMakerRuntime:
    """Endpoints."""

    def __init__(self, patience: Patience) -> None:
        self._line = Line(Service("sagemaker-runtime", "runtime.sagemaker", "sagemaker"), patience)

    def invoke_endpoint(
        self, *, EndpointName: str, ContentType: str, Body: str
    ) -> dict[str, io.BytesIO]:
        """Return {"Body"}, to be read; the names are boto3's."""
        path = f"/endpoints/{quote(EndpointName, safe='')}/invocations"
        return {
            "Body": io.BytesIO(self._line.ask(path, {"Content-Type": ContentType}, Body.encode()))
        }


def _json_headers(version: str, target: str) -> dict[str, str]:
    return {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}


def _encode(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no value of an item")
    return b64encode(value).decode()


def _decode(value: dict[str, Any]) -> dict[str, Any]:
    """Read a binary attribute value; a map's member of that name is a value itself, no text."""
    if list(value) == ["B"] and isinstance(value["B"], str):
        return {"B": b64decode(value["B"])}
    return value
