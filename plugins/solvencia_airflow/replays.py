"""What the replay DAG's tasks do around its job."""

from __future__ import annotations

import json
from typing import Any

import boto3

from solvencia import decision_log, layout, registry
from solvencia.faults import PermanentFault
from solvencia.settings import Settings


class NotReproduced(PermanentFault):
    """A decision did not come out as it was logged; the message says in what and why."""


class OtherPortfolio(PermanentFault):
    """The decision is of another portfolio than the DAG."""


def find_decision(portfolio: str, decision_id: str) -> str:
    """Return the image that a decision is replayed in: that of its model's version, else today's.

    Raises UnknownDecision and OtherPortfolio.
    """
    settings = Settings.from_env()
    logged = decision_log.read(boto3.client("dynamodb"), settings, decision_id)
    if logged.portfolio != portfolio:
        raise OtherPortfolio(
            f"decision {decision_id} is of {logged.portfolio}: run replay_{logged.portfolio}"
        )
    package = registry.find_by_digest(
        boto3.client("sagemaker"),
        settings.package_group(portfolio),
        logged.model_digest,
        logged.code_digest,
    )
    return package.image if package else settings.model_image


def compare(portfolio: str, decision_id: str) -> dict[str, Any]:
    """Return what the job found; raise NotReproduced unless it is the same to the last bit."""
    settings = Settings.from_env()
    key = layout.replay_prefix(portfolio, decision_id) + "replay.json"
    body = boto3.client("s3").get_object(Bucket=settings.model_bucket, Key=key)["Body"].read()
    found: dict[str, Any] = json.loads(body)
    if found["is_reproduced"]:
        return found
    lines = [f"missing: {each}" for each in found["missing"]]
    lines += [
        f"{each['name']}: logged {each['logged']}, now {each['replayed']}"
        for each in found["differences"]
    ]
    lines += [f"note: {each}" for each in found["notes"]]
    raise NotReproduced(
        f"the replay of {decision_id} is {found['status']}:\n"
        + "\n".join(f"- {each}" for each in lines)
    )
