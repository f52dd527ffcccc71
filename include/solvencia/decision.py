"""A decision: what the model said of one application, as it is logged and as it is answered.

Standard library only. The application itself is in neither: the log holds its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from solvencia.portfolio import Portfolio

LANGUAGES = ("en", "es")
REASONS_MIN = 3

_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{1,3})?)\s*)?"
)


class InvalidReply(ValueError):
    """The endpoint's reply is not what a scorecard answers; the message says what is wrong."""


@dataclass(frozen=True)
class Cited:
    """A reason as it is cited; `effect` says whether it raises the risk or lowers it.

    Only what raises the risk may be given as a reason for a refusal.
    """

    code: str
    text: str
    effect: str


@dataclass(frozen=True)
class Decision:
    """One scored application; `reasons` start with what raises the risk most."""

    decision_id: str
    portfolio: str
    model_digest: str
    model_period: str
    pd: float
    points: int
    reasons: tuple[Cited, ...]
    input_sha256: str
    decided_at: str

    def item(self) -> dict[str, Any]:
        """Return the log's entry, as DynamoDB's attribute values."""
        return {
            "decision_id": {"S": self.decision_id},
            "portfolio": {"S": self.portfolio},
            "model_digest": {"S": self.model_digest},
            "model_period": {"S": self.model_period},
            "input_sha256": {"S": self.input_sha256},
            "decided_at": {"S": self.decided_at},
            "pd": {"N": repr(self.pd)},
            "points": {"N": str(self.points)},
            "reasons": {
                "L": [
                    {"M": {"code": {"S": each.code}, "effect": {"S": each.effect}}}
                    for each in self.reasons
                ]
            },
        }

    def answer(self) -> dict[str, Any]:
        """Return what the client is told."""
        return {
            "decision_id": self.decision_id,
            "pd": self.pd,
            "points": self.points,
            "reasons": [asdict(each) for each in self.reasons],
            "model": {"digest": self.model_digest, "period": self.model_period},
            "decided_at": self.decided_at,
        }


def decide(
    portfolio: Portfolio,
    application: Mapping[str, object],
    reply: Mapping[str, Any],
    language: str,
) -> Decision:
    """Read the endpoint's reply for one application; raise InvalidReply where it is not one."""
    score, model = reply["scores"][0], reply["model"]
    pd = float(score["pd"])
    if not 0 <= pd <= 1:
        raise InvalidReply(
            "the endpoint's pd is not a probability: look at the model's calibration"
        )
    reasons = tuple(
        Cited(
            code=each["code"],
            text=portfolio.fields[each["field"]].reason[language],
            effect="raises" if each["contribution"] > 0 else "lowers",
        )
        for each in score["reasons"]
    )
    if len(reasons) < REASONS_MIN:
        raise InvalidReply(f"the endpoint gave {len(reasons)} reasons, not {REASONS_MIN} or more")
    return Decision(
        decision_id=str(uuid.uuid4()),
        portfolio=portfolio.name,
        model_digest=model["digest"],
        model_period=model["period"],
        pd=pd,
        points=int(score["points"]),
        reasons=reasons,
        input_sha256=digest(application),
        decided_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )


def digest(application: Mapping[str, object]) -> str:
    """Return the SHA-256 of an application's canonical JSON: sorted names, no spaces, UTF-8."""
    text = json.dumps(application, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def pick_language(accepted: str, offered: Iterable[str] = LANGUAGES) -> str:
    """Choose among the offered languages by an Accept-Language header; the first by default.

    Source: RFC 9110, section 12.5.4. A malformed part of the header counts for nothing.
    """
    names = tuple(offered)
    weights: dict[str, float] = {}
    for part in accepted.split(","):
        if found := _RANGE.fullmatch(part):
            tag = found[1].lower()
            weights[tag] = max(weights.get(tag, 0.0), float(found[2] or 1))
    return max(names, key=lambda name: weights.get(name, weights.get("*", 0.0)))
