"""Start a batch, or say how far it is and where its result lies."""

from __future__ import annotations

import functools
from typing import Any

import boto3
from botocore.config import Config

from solvencia import batch_service, gateway, portfolio
from solvencia.settings import Settings

# An address of an object under KMS must be signed with version 4.
CONFIG = Config(
    connect_timeout=1,
    read_timeout=4,
    retries={"total_max_attempts": 2},
    signature_version="s3v4",
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request; a fault that is not the client's raises the alarm."""
    name = event["pathParameters"]["portfolio"]
    if name not in portfolio.names():
        return gateway.problem(404, "Unknown portfolio", f"known: {', '.join(portfolio.names())}")
    settings = Settings.from_env()
    if event["httpMethod"] == "POST":
        return _start(event, portfolio.load(name), settings)
    batch = event["pathParameters"]["id"]
    try:
        found = batch_service.find(_client("stepfunctions"), _client("s3"), settings, name, batch)
    except batch_service.UnknownBatch:
        return gateway.problem(404, "Unknown batch", f"{name} has no batch of this id")
    return gateway.reply(200, found, {})


def _start(
    event: dict[str, Any], product: portfolio.Portfolio, settings: Settings
) -> dict[str, Any]:
    key = gateway.read_header(event, "idempotency-key")
    client = str(event["requestContext"].get("identity", {}).get("apiKeyId") or "")
    try:
        batch_service.check_key(key)
        asked = batch_service.parse(product, settings, gateway.read_json(event))
        batch = batch_service.name_batch(client, product.name, key)
        batch_service.start(_client("stepfunctions"), settings, batch, asked)
    except gateway.InvalidBody as error:
        return gateway.problem(400, "Not JSON", str(error))
    except batch_service.InvalidBatch as error:
        return gateway.problem(422, "Invalid batch", str(error), problems=error.problems)
    except batch_service.OtherBatch as error:
        return gateway.problem(409, "Other batch", str(error))
    place = f"/v1/{product.name}/batches/{batch}"
    body = {"batch_id": batch, "status": "running", "links": {"self": place}}
    return gateway.reply(202, body, {"Location": place})


@functools.cache
def _client(service: str) -> Any:
    return boto3.client(service, config=CONFIG)
