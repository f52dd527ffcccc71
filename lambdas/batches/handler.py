"""Start a batch, or say how far it is and where its result lies."""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config

from solvencia import batch_service, body, gateway
from solvencia.gateway import Problem, Reply
from solvencia.settings import Settings

CONFIG = Config(connect_timeout=1, read_timeout=4, retries={"total_max_attempts": 2})
# An address of an object under KMS must be signed with version 4.
SIGNED = CONFIG.merge(Config(signature_version="s3v4"))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request; a fault that is not the client's raises the alarm."""
    return gateway.respond(event, _start if event["httpMethod"] == "POST" else _find)


def _start(event: gateway.Event) -> Reply:
    product, caller = gateway.find_portfolio(event), gateway.read_caller(event)
    settings = Settings.from_env()
    batch = batch_service.name_batch(caller.key_id, product.name, caller.idempotency_key)
    try:
        asked = batch_service.parse(product, settings, body.read_json(event))
        batch_service.start(_client("stepfunctions"), settings, batch, asked)
    except batch_service.InvalidBatch as error:
        raise Problem(422, "Invalid batch", str(error), error.problems) from None
    except batch_service.OtherBatch as error:
        raise Problem(409, "Other batch", str(error)) from None
    place = f"/v1/{product.name}/batches/{batch}"
    started = {"batch_id": batch, "status": "running", "links": {"self": place}}
    return Reply(202, started, {"Location": place}, {"batch_id": batch})


def _find(event: gateway.Event) -> Reply:
    product, batch = gateway.find_portfolio(event), event["pathParameters"]["id"]
    gateway.read_caller(event)
    states, s3 = _client("stepfunctions"), _client("s3")
    try:
        found = batch_service.find(states, s3, Settings.from_env(), product.name, batch)
    except batch_service.UnknownBatch:
        raise Problem(404, "Unknown batch", f"{product.name} has no batch of this id") from None
    return Reply(200, found, noted={"batch_id": batch})


@functools.cache
def _client(service: str) -> Any:
    return boto3.client(service, config=SIGNED if service == "s3" else CONFIG)
