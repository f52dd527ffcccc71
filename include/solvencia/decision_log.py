"""The decision log: what was decided, and the input sealed under a key of the person's own.

Two DynamoDB tables, both under one KMS key: decisions by `decision_id`, and people by `person_id`
with the data key that their inputs are sealed under (`person_key`). boto3 clients come as
arguments; what AWS raises passes through, so that a failing log is a failing decision.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from solvencia import person_key, policy, sealing
from solvencia.decision import Cited, Decision, Subject, canonical, digest
from solvencia.faults import PermanentFault
from solvencia.person_key import Erased, UnknownPerson, erase
from solvencia.policy import Band
from solvencia.settings import Settings

__all__ = [
    "Erased",
    "UnknownPerson",
    "erase",
    "find",
    "find_by_person",
    "read",
    "read_bands",
    "unseal_input",
    "write",
]

BY_PERSON = "person"  # the index of decisions by person_id and decided_at
NUMBERS = ("pd", "points", "expires_at")


class OtherApplication(ValueError):
    """The log has a decision of this id about another application, or another person."""


class UnknownDecision(PermanentFault):
    """The log has no decision of this id: it never had, or its time is over."""


def write(
    dynamodb: Any,
    kms: Any,
    settings: Settings,
    decision: Decision,
    application: Mapping[str, object],
) -> Decision:
    """Log a decision with its sealed input, once; return what the log holds under its id.

    A decision about the same application that stands there already wins, so a retry is harmless.
    Raises OtherApplication where the one that stands there is about another.
    """
    key = person_key.take(dynamodb, kms, settings, decision.person_id, decision.expires_at)
    sealed = sealing.seal(key, canonical(application), decision.decision_id.encode())
    try:
        dynamodb.put_item(
            TableName=settings.decisions_table,
            Item={**_to_item(decision), "input": {"B": sealed}},
            ConditionExpression="attribute_not_exists(decision_id)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        if found := find(dynamodb, settings, decision):
            return found
        raise
    return decision


def find(dynamodb: Any, settings: Settings, subject: Subject | Decision) -> Decision | None:
    """Return the decision that a subject has already, None where there is none.

    Raises OtherApplication where its id stands for another input or person.
    """
    item = _get(dynamodb, settings, subject.decision_id)
    if item is None:
        return None
    found = _to_decision(item)
    if (found.input_sha256, found.person_id) != (subject.input_sha256, subject.person_id):
        raise OtherApplication(subject.decision_id)
    return found


def read(dynamodb: Any, settings: Settings, decision_id: str) -> Decision:
    """Return a decision; raise UnknownDecision where there is none, or its time is over."""
    item = _get(dynamodb, settings, decision_id)
    if item is None or int(item["expires_at"]["N"]) < datetime.now(UTC).timestamp():
        raise UnknownDecision(f"no decision {decision_id} in {settings.decisions_table}")
    return _to_decision(item)


def read_bands(decision: Decision) -> tuple[Band, ...]:
    """Return the bands that decided; none in an entry from before the log kept them.

    Raises sealing.Tampered where they are not those that the decision's digest names.
    """
    if not decision.policy:
        return ()
    if hashlib.sha256(decision.policy.encode()).hexdigest() != decision.policy_digest:
        raise sealing.Tampered(f"the bands of {decision.decision_id} are not those that decided")
    return policy.read(decision.policy)


def unseal_input(
    dynamodb: Any, kms: Any, settings: Settings, decision_id: str
) -> dict[str, Any] | Erased:
    """Return the application that a decision is about, or Erased where its key is gone.

    Raises UnknownDecision, and sealing.Tampered where the log was changed behind our back.
    """
    item = _get(dynamodb, settings, decision_id)
    if item is None:
        raise UnknownDecision(f"no decision {decision_id} in {settings.decisions_table}")
    found = _to_decision(item)
    key, erased_at = person_key.find(dynamodb, kms, settings, found.person_id)
    if key is None:
        return Erased(erased_at)
    try:
        text = sealing.unseal(key, item["input"]["B"], decision_id.encode())
    except sealing.Tampered:
        if erased_at > found.decided_at:  # the key of today is not the one it was sealed under
            return Erased(erased_at)
        raise
    application: dict[str, Any] = json.loads(text)
    if digest(application) != found.input_sha256:
        raise sealing.Tampered(f"the input of {decision_id} is not the one that was decided on")
    return application


def find_by_person(dynamodb: Any, settings: Settings, person_id: str) -> list[Decision]:
    """Return a person's decisions, oldest first; the index lags a moment behind the log."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=settings.decisions_table,
        IndexName=BY_PERSON,
        KeyConditionExpression="person_id = :person",
        ExpressionAttributeValues={":person": {"S": person_id}},
    )
    ids = [item["decision_id"]["S"] for page in pages for item in page["Items"]]
    items = (_get(dynamodb, settings, each) for each in ids)
    return [_to_decision(each) for each in items if each is not None]


def _get(dynamodb: Any, settings: Settings, decision_id: str) -> dict[str, Any] | None:
    found = dynamodb.get_item(
        TableName=settings.decisions_table,
        Key={"decision_id": {"S": decision_id}},
        ConsistentRead=True,
    )
    item: dict[str, Any] | None = found.get("Item")
    return item


def _to_item(decision: Decision) -> dict[str, Any]:
    """Return DynamoDB's attribute values; numbers in full, contributions as texts of them."""
    item: dict[str, Any] = {
        each.name: {"S": str(getattr(decision, each.name))} for each in fields(decision)
    }
    item |= {name: {"N": repr(getattr(decision, name))} for name in NUMBERS}
    item["reasons"] = {
        "L": [
            {
                "M": {
                    "code": {"S": each.code},
                    "field": {"S": each.field},
                    "effect": {"S": each.effect},
                    "contribution": {"S": repr(each.contribution)},
                }
            }
            for each in decision.reasons
        ]
    }
    return item


def _to_decision(item: Mapping[str, Any]) -> Decision:
    known = {"policy": {}, **item}  # which entries did not always have
    texts = {each.name: known[each.name].get("S", "") for each in fields(Decision)}
    given = [{key: text["S"] for key, text in each["M"].items()} for each in item["reasons"]["L"]]
    reasons = tuple(
        Cited(each["code"], each["field"], float(each["contribution"])) for each in given
    )
    return Decision(
        **{
            **texts,
            "pd": float(item["pd"]["N"]),
            "points": int(item["points"]["N"]),
            "expires_at": int(item["expires_at"]["N"]),
            "reasons": reasons,
        }
    )
