"""Batches as the API knows them: started once, then asked for until they are done."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from solvencia import batch_query, batch_rows, layout
from solvencia.portfolio import Portfolio
from solvencia.settings import Settings

URL_SECONDS = 3600
_BATCH = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMESPACE = uuid.UUID("0a6b9a55-7f0f-4a5e-9a0b-7f3f8d4c2d11")


class InvalidBatch(ValueError):
    """The request names no input that can be scored; `problems` maps member to reason."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(f"{len(problems)} fault(s): {', '.join(sorted(problems))}")
        self.problems = dict(problems)


class OtherBatch(ValueError):
    """The idempotency key belongs to a batch with another body."""


class UnknownBatch(LookupError):
    """The portfolio has no batch of this id."""


def parse(portfolio: Portfolio, settings: Settings, body: object) -> dict[str, str]:
    """Return the state machine's input of a request's body; raise InvalidBatch."""
    known = ("file", "query")
    if not isinstance(body, Mapping):
        raise InvalidBatch({"body": "must be a JSON object with file or query"})
    problems = {str(each): "unknown member" for each in body if each not in known}
    given = [each for each in known if each in body]
    if len(given) != 1:
        problems["body"] = "must have file or query, one of both"
    for each in given:
        try:
            if not isinstance(body[each], str):
                raise ValueError("must be a text")
            if each == "file":
                _check_file(body[each])
            else:
                batch_query.check(body[each], settings.database(portfolio.name))
        except ValueError as error:
            problems[each] = str(error)
    if problems:
        raise InvalidBatch(problems)
    name = given[0]
    return {"portfolio": portfolio.name, name: str(body[name]).strip()}


def name_batch(client: str, portfolio: str, key: str) -> str:
    """Return the id of a new batch: the same for the same client, portfolio and key."""
    if not key:
        return str(uuid.uuid4())
    return str(uuid.uuid5(_NAMESPACE, f"{client}\0{portfolio}\0{key}"))


def start(states: Any, settings: Settings, batch: str, asked: Mapping[str, str]) -> None:
    """Start a batch unless it was started already; raise OtherBatch where its input differs."""
    text = json.dumps(asked, sort_keys=True)
    try:
        states.start_execution(
            stateMachineArn=settings.batch_state_machine_arn, name=batch, input=text
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
            raise
        arn = settings.batch_execution_arn(batch)
        if json.loads(states.describe_execution(executionArn=arn)["input"]) != dict(asked):
            raise OtherBatch("this Idempotency-Key was used with another body") from error


def find(states: Any, s3: Any, settings: Settings, portfolio: str, batch: str) -> dict[str, Any]:
    """Return a batch's status: running, failed with its reason, or done with counts and URLs.

    Raises UnknownBatch. The URLs need no key and work for an hour.
    """
    if not _BATCH.fullmatch(batch):
        raise UnknownBatch(batch)
    summary = _read_summary(s3, settings, portfolio, batch)
    if summary is not None:
        return {"batch_id": batch, "status": "done", **summary}
    try:
        found = states.describe_execution(executionArn=settings.batch_execution_arn(batch))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        raise UnknownBatch(batch) from error
    if json.loads(found["input"]).get("portfolio") != portfolio:
        raise UnknownBatch(batch)
    if found["status"] in ("RUNNING", "PENDING_REDRIVE", "SUCCEEDED"):
        return {"batch_id": batch, "status": "running"}
    reason = found.get("cause") or found.get("error") or found["status"]
    return {"batch_id": batch, "status": "failed", "reason": reason}


def _check_file(name: str) -> None:
    batch_rows.check_name(name)
    if len(name) > batch_rows.NAME_CHARACTERS_MAX or not re.fullmatch(
        batch_rows.NAME_PATTERN, name
    ):
        endings = ", ".join(batch_rows.FORMATS)
        raise ValueError(
            f"must be a file's name in the inbox: letters, digits, _ . -, then one of {endings}"
        )


def _read_summary(s3: Any, settings: Settings, portfolio: str, batch: str) -> dict[str, Any] | None:
    bucket, key = settings.data_bucket, layout.batch_result(portfolio, batch, "summary.json")
    try:
        summary = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "AccessDenied"):
            raise
        return None
    counts = ("rows_in", "scored", "bad", "by_decision", "by_band", "model", "policy_digest")
    results = {**summary["results"], "summary.json": key}
    urls = {
        name: s3.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": place}, ExpiresIn=URL_SECONDS
        )
        for name, place in results.items()
    }
    return {**{each: summary[each] for each in counts}, "results": urls}
