"""The data key of one person, under which the inputs of that person's decisions are sealed.

It lies in DynamoDB, encrypted by KMS and bound to the person's id; to destroy it is to erase the
inputs. boto3 clients come as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from solvencia.settings import Settings


class UnknownPerson(LookupError):
    """The log knows no person of this id."""


@dataclass(frozen=True)
class Erased:
    """The key of an input is destroyed, so nobody can read it; `erased_at` may be unknown ("")."""

    erased_at: str


def take(dynamodb: Any, kms: Any, settings: Settings, person_id: str, expires_at: int) -> bytes:
    """Return a person's key, made where there is none, and kept until `expires_at` at least.

    No date is brought forward: that of an erasure must outlive the decisions before it.
    """
    person = _get(dynamodb, settings, person_id)
    if "data_key" in person:
        if int(person["expires_at"]["N"]) < expires_at and not _update(
            dynamodb,
            settings,
            person_id,
            "SET expires_at = :expires",
            "attribute_exists(data_key) AND expires_at < :expires",
            {":expires": {"N": str(expires_at)}},
        ):
            return take(dynamodb, kms, settings, person_id, expires_at)  # changed in between
        return _open(kms, person_id, person)
    made = kms.generate_data_key(
        KeyId=settings.people_key,
        KeySpec="AES_256",
        EncryptionContext={"person_id": person_id},
    )
    kept = max(expires_at, int(person.get("expires_at", {"N": 0})["N"]))  # of what was erased
    values = {
        ":key": {"B": made["CiphertextBlob"]},
        ":now": {"S": _now()},
        ":expires": {"N": str(kept)},
    }
    if not _update(
        dynamodb,
        settings,
        person_id,
        "SET data_key = :key, created_at = :now, expires_at = :expires",
        "attribute_not_exists(data_key) AND "
        "(attribute_not_exists(expires_at) OR expires_at <= :expires)",
        values,
    ):
        return take(dynamodb, kms, settings, person_id, expires_at)  # another request was first
    key: bytes = made["Plaintext"]
    return key


def find(dynamodb: Any, kms: Any, settings: Settings, person_id: str) -> tuple[bytes | None, str]:
    """Return a person's key of today, None where there is none, and when one was last erased."""
    person = _get(dynamodb, settings, person_id)
    key = _open(kms, person_id, person) if "data_key" in person else None
    return key, person.get("erased_at", {}).get("S", "")


def erase(dynamodb: Any, settings: Settings, person_id: str) -> Erased:
    """Destroy a person's key: the inputs of all earlier decisions become unreadable for good.

    What stays is the evidence: digests, score, decision and reasons. Erasing again changes
    nothing. Raises UnknownPerson.
    """
    now = _now()
    if _update(
        dynamodb,
        settings,
        person_id,
        "SET erased_at = :now REMOVE data_key, created_at",
        "attribute_exists(data_key)",
        {":now": {"S": now}},
    ):
        return Erased(now)
    person = _get(dynamodb, settings, person_id)
    if "erased_at" not in person:
        raise UnknownPerson(f"no person {person_id} in {settings.people_table}")
    return Erased(person["erased_at"]["S"])


def _update(
    dynamodb: Any,
    settings: Settings,
    person_id: str,
    change: str,
    condition: str,
    values: dict[str, Any],
) -> bool:
    """Change a person's item where the condition holds; tell whether it did."""
    try:
        dynamodb.update_item(
            TableName=settings.people_table,
            Key={"person_id": {"S": person_id}},
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _get(dynamodb: Any, settings: Settings, person_id: str) -> dict[str, Any]:
    found = dynamodb.get_item(
        TableName=settings.people_table, Key={"person_id": {"S": person_id}}, ConsistentRead=True
    )
    return dict(found.get("Item") or {})


def _open(kms: Any, person_id: str, person: dict[str, Any]) -> bytes:
    opened = kms.decrypt(
        CiphertextBlob=person["data_key"]["B"], EncryptionContext={"person_id": person_id}
    )
    key: bytes = opened["Plaintext"]
    return key


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
