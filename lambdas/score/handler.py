"""Score one application: validated here, scored by the endpoint, logged before it is answered."""

from __future__ import annotations

import functools
import json
from typing import Any

from solvencia import body, decision, decision_log, gateway, outages
from solvencia.aws_calls import KMS, DynamoDB, SageMakerRuntime
from solvencia.aws_line import Patience
from solvencia.gateway import Reply
from solvencia.settings import Settings

# Each service twice at most: with all of them slow, a request still ends before the gateway does.
QUICK = Patience(connect_seconds=1, read_seconds=1, attempts=2)
PATIENT = Patience(connect_seconds=1, read_seconds=3, attempts=2)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request; a fault that does not pass by itself raises the alarm."""
    return gateway.respond(event, _score)


def _score(event: gateway.Event) -> Reply:
    product, caller = gateway.find_portfolio(event), gateway.read_caller(event)
    application = body.read_application(event, product)
    settings, (log, keys, models) = Settings.from_env(), _clients()
    language = decision.pick_language(caller.accepts)
    subject = decision.identify(product.name, application, caller, language)
    with outages.of_log():
        decided = decision_log.find(log, settings, subject) if caller.idempotency_key else None
    if decided is None:
        asked = {"fingerprint": product.fingerprint, "applications": [application]}
        with outages.of_model():
            answer = models.invoke_endpoint(
                EndpointName=settings.endpoint(product.name),
                ContentType=body.MEDIA_TYPE,
                Body=json.dumps(asked),
            )
            reply = json.load(answer["Body"])
        made = decision.decide(product, subject, reply)
        with outages.of_log():
            decided = decision_log.write(log, keys, settings, made, application)
    noted = {"portfolio": product.name, "decision_id": decided.decision_id}
    headers = {"Content-Language": language}
    return Reply(200, decided.answer(product, language), headers, noted)


@functools.cache
def _clients() -> tuple[DynamoDB, KMS, SageMakerRuntime]:
    return DynamoDB(QUICK), KMS(QUICK), SageMakerRuntime(PATIENT)
