"""A decision: what the model said of one application and what the portfolio's policy makes of it.

Standard library only. The application itself is no part of it: it holds the input's SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from solvencia import policy
from solvencia.gateway import Caller
from solvencia.portfolio import Portfolio

LANGUAGES = ("en", "es")
REASONS_MIN = 3
MONTH = timedelta(days=365.25 / 12)

_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{1,3})?)\s*)?"
)
_NAMESPACE = uuid.UUID("6f0d7f0a-64a5-5c9e-9d0e-3c1f5d9e4b21")


class InvalidReply(ValueError):
    """The endpoint's reply is not what a scorecard answers; the message says what is wrong."""


@dataclass(frozen=True)
class Cited:
    """A reason as the model gave it, in log-odds of default; above 0 it raises the risk.

    Only what raises the risk may be given as a reason for a refusal.
    """

    code: str
    field: str
    contribution: float

    @property
    def effect(self) -> str:
        """Whether it raises the risk or lowers it."""
        return "raises" if self.contribution > 0 else "lowers"


@dataclass(frozen=True)
class Decision:
    """One decided application; `reasons` start with what raises the risk most.

    `code_digest` is of the code that scored, `policy_digest` of the bands that decided, `policy`
    these bands as `policy.write` does, empty in an entry from before the log kept them.
    `decided_at` is RFC 3339 in UTC, `expires_at` seconds since 1970.
    """

    decision_id: str
    portfolio: str
    person_id: str
    model_digest: str
    model_period: str
    code_digest: str
    policy_digest: str
    policy: str
    fingerprint: str
    pd: float
    points: int
    band: str
    decision: str
    reasons: tuple[Cited, ...]
    input_sha256: str
    language: str
    decided_at: str
    expires_at: int

    def answer(self, portfolio: Portfolio, language: str) -> dict[str, Any]:
        """Return what the client is told, the reasons in one of LANGUAGES."""
        return {
            "decision_id": self.decision_id,
            "decision": self.decision,
            "band": self.band,
            "pd": self.pd,
            "points": self.points,
            "reasons": [
                {
                    "code": each.code,
                    "text": _text(each, portfolio, language),
                    "effect": each.effect,
                    "points": _count(each, portfolio),
                }
                for each in self.reasons
            ],
            "model": {"digest": self.model_digest, "period": self.model_period},
            "code_digest": self.code_digest,
            "policy_digest": self.policy_digest,
            "person_id": self.person_id,
            "decided_at": self.decided_at,
        }


@dataclass(frozen=True)
class Subject:
    """What a decision will be about, known before the model is asked."""

    decision_id: str
    person_id: str
    input_sha256: str
    language: str


def identify(
    portfolio: str, application: Mapping[str, object], caller: Caller, language: str
) -> Subject:
    """Name decision and person: the same for the same idempotency key, else at random."""
    if caller.idempotency_key:
        name = "\n".join((caller.key_id, portfolio, caller.idempotency_key))
        decision_id = uuid.uuid5(_NAMESPACE, name)
        anonymous = uuid.uuid5(decision_id, "person")
    else:
        decision_id, anonymous = uuid.uuid4(), uuid.uuid4()
    person_id = caller.person_id or str(anonymous)
    return Subject(str(decision_id), person_id, digest(application), language)


def decide(portfolio: Portfolio, subject: Subject, reply: object) -> Decision:
    """Read the endpoint's reply for one application; raise InvalidReply where it is not one."""
    try:
        score, model = reply["scores"][0], reply["model"]  # type: ignore[index]
        pd, points = float(score["pd"]), int(score["points"])
        reasons = tuple(
            Cited(str(each["code"]), str(each["field"]), float(each["contribution"]))
            for each in score["reasons"]
        )
        known = {name: str(model[name]) for name in ("digest", "period", "code", "fingerprint")}
    except (LookupError, TypeError, ValueError) as error:
        raise InvalidReply(f"the endpoint's reply lacks {error}: deploy one release") from error
    if not 0 <= pd <= 1:
        raise InvalidReply(
            "the endpoint's pd is not a probability: look at the model's calibration"
        )
    if len(reasons) < REASONS_MIN:
        raise InvalidReply(f"the endpoint gave {len(reasons)} reasons, not {REASONS_MIN} or more")
    band = policy.find_band(portfolio.bands, points)
    now = datetime.now(UTC)
    return Decision(
        decision_id=subject.decision_id,
        portfolio=portfolio.name,
        person_id=subject.person_id,
        model_digest=known["digest"],
        model_period=known["period"],
        code_digest=known["code"],
        policy_digest=portfolio.policy_digest,
        policy=policy.write(portfolio.bands),
        fingerprint=known["fingerprint"],
        pd=pd,
        points=points,
        band=band.name,
        decision=band.decision,
        reasons=reasons,
        input_sha256=subject.input_sha256,
        language=subject.language,
        decided_at=now.isoformat(timespec="milliseconds"),
        expires_at=int((now + portfolio.decisions.keep_months * MONTH).timestamp()),
    )


def canonical(application: Mapping[str, object]) -> bytes:
    """Return an application's canonical JSON: sorted names, no spaces, UTF-8."""
    text = json.dumps(application, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def digest(application: Mapping[str, object]) -> str:
    """Return the SHA-256 of an application's canonical JSON."""
    return hashlib.sha256(canonical(application)).hexdigest()


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


def _count(cited: Cited, portfolio: Portfolio) -> float:
    """Return a reason's share in the score, in points; below 0 where it raises the risk."""
    return round(-cited.contribution * portfolio.scaling.pdo / math.log(2), 1)


def _text(cited: Cited, portfolio: Portfolio, language: str) -> str:
    """Say a reason; of a field that is gone since only the code is left."""
    field = portfolio.fields.get(cited.field)
    return field.reason.get(language, cited.code) if field else cited.code
