"""A person's requests about their data: a copy of all of it, and its erasure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from solvencia import decision_log, portfolio
from solvencia.decision import Decision
from solvencia.decision_log import Erased, UnknownPerson
from solvencia.portfolio import UnknownPortfolio
from solvencia.replay import Clients
from solvencia.sealing import Tampered
from solvencia.settings import Settings


class NotConfirmed(ValueError):
    """An erasure was asked for without its confirmation."""


def export(clients: Clients, settings: Settings, person: str) -> dict[str, Any]:
    """Return all that the log holds of a person: of each decision the entry, input and answer.

    What cannot be had is null and says why: an input in `input_missing`, an answer in
    `answer_missing`. Raises UnknownPerson where there is nothing.
    """
    decisions = decision_log.find_by_person(clients.dynamodb, settings, person)
    if not decisions:
        raise UnknownPerson(f"no decision about the person {person} is in the log")
    exported = [
        {
            "entry": asdict(each),
            **_open_input(clients, settings, each),
            **_answer(each),
        }
        for each in decisions
    ]
    return {"person_id": person, "decisions": exported}


def _open_input(clients: Clients, settings: Settings, decision: Decision) -> dict[str, Any]:
    """Return a decision's input, or why there is none: one that is lost must not hide the rest."""
    try:
        found = decision_log.unseal_input(
            clients.dynamodb, clients.kms, settings, decision.decision_id
        )
    except Tampered as error:
        return {"input": None, "input_missing": str(error)}
    if isinstance(found, Erased):
        return {"input": None, "input_missing": f"erased on {found.erased_at or 'a day unknown'}"}
    return {"input": found, "input_missing": None}


def _answer(decision: Decision) -> dict[str, Any]:
    """Return what the client was told, with the reasons' texts, while its portfolio is there."""
    try:
        product = portfolio.load(decision.portfolio)
    except UnknownPortfolio as error:
        return {"answer": None, "answer_missing": str(error)}
    return {"answer": decision.answer(product, decision.language), "answer_missing": None}


def erase(clients: Clients, settings: Settings, person: str, confirmed: str) -> None:
    """Destroy a person's data key; raise NotConfirmed unless the person is named twice."""
    if confirmed != person:
        raise NotConfirmed(
            f"erasing cannot be undone: name the person once more to confirm it (CONFIRM={person})"
        )
    decision_log.erase(clients.dynamodb, settings, person)
