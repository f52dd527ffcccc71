"""A person's requests about their data: a copy of all of it, and its erasure."""

from __future__ import annotations

from typing import Any

from solvencia import decision_log, portfolio
from solvencia.decision_log import Erased, UnknownPerson
from solvencia.portfolio import UnknownPortfolio
from solvencia.replay import Clients
from solvencia.settings import Settings


class NotConfirmed(ValueError):
    """An erasure was asked for without its confirmation."""


def export(clients: Clients, settings: Settings, person: str) -> dict[str, Any]:
    """Return all that the log holds of a person: each decision and, unless erased, its input.

    Raises UnknownPerson where there is nothing.
    """
    decisions = decision_log.find_by_person(clients.dynamodb, settings, person)
    if not decisions:
        raise UnknownPerson(f"no decision about the person {person} is in the log")
    exported = []
    for each in decisions:
        found = decision_log.unseal_input(clients.dynamodb, clients.kms, settings, each.decision_id)
        is_erased = isinstance(found, Erased)
        try:
            answer = each.answer(portfolio.load(each.portfolio), each.language)
        except UnknownPortfolio:
            answer = {"decision_id": each.decision_id, "decision": each.decision, "pd": each.pd}
        exported.append(
            {
                "portfolio": each.portfolio,
                "kept_until": each.expires_at,
                "input": None if is_erased else found,
                "input_erased_at": found.erased_at if isinstance(found, Erased) else None,
                "answer": answer,
            }
        )
    return {"person_id": person, "decisions": exported}


def erase(clients: Clients, settings: Settings, person: str, confirmed: str) -> None:
    """Destroy a person's data key; raise NotConfirmed unless the person is named twice."""
    if confirmed != person:
        raise NotConfirmed(
            f"erasing cannot be undone: name the person once more to confirm it (CONFIRM={person})"
        )
    decision_log.erase(clients.dynamodb, settings, person)
