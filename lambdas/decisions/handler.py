"""Read one logged decision again, by its id."""

from __future__ import annotations

import functools
import re
from typing import Any

from solvencia import decision, decision_log, gateway, outages, portfolio
from solvencia.aws_calls import DynamoDB
from solvencia.aws_line import Patience
from solvencia.gateway import Problem, Reply
from solvencia.settings import Settings

QUICK = Patience(connect_seconds=1, read_seconds=1, attempts=2)

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request; a fault that does not pass by itself raises the alarm."""
    return gateway.respond(event, _read)


def _read(event: gateway.Event) -> Reply:
    """Return what the client was told when the decision was made, in the language asked for."""
    gateway.read_caller(event)
    decision_id = (event.get("pathParameters") or {}).get("id", "")
    if not _UUID.fullmatch(decision_id):
        raise Problem(404, "Unknown decision", "a decision's id is a UUID in lower case")
    try:
        with outages.of_log():
            found = decision_log.read(_dynamodb(), Settings.from_env(), decision_id)
        product = portfolio.load(found.portfolio)
    except decision_log.UnknownDecision:
        raise Problem(404, "Unknown decision", "none of this id, or its time is over") from None
    except portfolio.UnknownPortfolio:
        raise Problem(404, "Unknown portfolio", "its portfolio is not deployed any more") from None
    others = [each for each in decision.LANGUAGES if each != found.language]
    accepted = gateway.read_header(event, "Accept-Language")
    language = decision.pick_language(accepted, (found.language, *others))
    answer = {"portfolio": found.portfolio, **found.answer(product, language)}
    noted = {"portfolio": found.portfolio, "decision_id": decision_id}
    return Reply(200, answer, {"Content-Language": language}, noted)


@functools.cache
def _dynamodb() -> DynamoDB:
    return DynamoDB(QUICK)
