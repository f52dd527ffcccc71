"""Score one application: validated here, scored by the endpoint, logged before it is answered."""

from __future__ import annotations

import functools
import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from solvencia import decision, gateway, portfolio, request
from solvencia.settings import Settings

# Both services, tried twice, stay within the function's 20 seconds.
CONFIG = Config(connect_timeout=1, read_timeout=4, retries={"total_max_attempts": 2})


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request; a fault that is not the client's raises the alarm."""
    name = event["pathParameters"]["portfolio"]
    if name not in portfolio.names():
        return gateway.problem(404, "Unknown portfolio", f"known: {', '.join(portfolio.names())}")
    product = portfolio.load(name)
    try:
        application = request.parse(product, gateway.read_json(event))
    except gateway.InvalidBody as error:
        return gateway.problem(400, "Not JSON", str(error))
    except request.InvalidRequest as error:
        return gateway.problem(422, "Invalid application", str(error), problems=error.problems)
    settings, runtime = Settings.from_env(), _client("sagemaker-runtime")
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=settings.endpoint(name),
            ContentType="application/json",
            Body=json.dumps({"fingerprint": product.fingerprint, "applications": [application]}),
        )
    except ClientError as error:
        if not gateway.is_unavailable(error.response):
            raise
        return gateway.problem(503, "No model", "ask again later", {"Retry-After": "30"})
    language = decision.pick_language(gateway.read_header(event, "accept-language"))
    decided = decision.decide(product, application, json.load(answer["Body"]), language)
    _client("dynamodb").put_item(
        TableName=settings.decisions_table,
        Item=decided.item(),
        # Its own retry may find what the first try has written.
        ConditionExpression="attribute_not_exists(decision_id) OR input_sha256 = :input",
        ExpressionAttributeValues={":input": {"S": decided.input_sha256}},
    )
    return gateway.reply(200, decided.answer(), {"Content-Language": language})


@functools.cache
def _client(service: str) -> Any:
    return boto3.client(service, config=CONFIG)
