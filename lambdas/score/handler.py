"""Score one application: validated here, scored by the endpoint, logged before it is answered."""

from __future__ import annotations

import functools
import json
from typing import Any

import boto3
from botocore.config import Config

from solvencia import body, decision, decision_log, gateway, outages
from solvencia.gateway import Reply
from solvencia.settings import Settings

# Each service twice at most: with all of them slow, a request still ends before the gateway does.
QUICK = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 2})
PATIENT = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2})


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request; a fault that does not pass by itself raises the alarm."""
    return gateway.respond(event, _score)


def _score(event: gateway.Event) -> Reply:
    product, caller = gateway.find_portfolio(event), gateway.read_caller(event)
    application = body.read_application(event, product)
    settings, log = Settings.from_env(), _client("dynamodb", QUICK)
    language = decision.pick_language(caller.accepts)
    subject = decision.identify(product.name, application, caller, language)
    with outages.of_log():
        decided = decision_log.find(log, settings, subject) if caller.idempotency_key else None
    if decided is None:
        asked = {"fingerprint": product.fingerprint, "applications": [application]}
        with outages.of_model():
            answer = _client("sagemaker-runtime", PATIENT).invoke_endpoint(
                EndpointName=settings.endpoint(product.name),
                ContentType=body.MEDIA_TYPE,
                Body=json.dumps(asked),
            )
            reply = json.load(answer["Body"])
        made = decision.decide(product, subject, reply)
        with outages.of_log():
            decided = decision_log.write(log, _client("kms", QUICK), settings, made, application)
    noted = {"portfolio": product.name, "decision_id": decided.decision_id}
    headers = {"Content-Language": language}
    return Reply(200, decided.answer(product, language), headers, noted)


@functools.cache
def _client(service: str, config: Config) -> Any:
    return boto3.client(service, config=config)
