"""Logged decisions, one at a time: replay one, write its letter, or answer a person's request.

The deployment is the one that the environment names (docs/settings.md, with AWS credentials);
`make replay` and its like give the stack that `make up` has started on this machine.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from records import deployment, letter, people
from solvencia import decision_log, portfolio, replay
from solvencia.decision import LANGUAGES
from solvencia.decision_log import UnknownDecision, UnknownPerson
from solvencia.faults import PermanentFault
from solvencia.sealing import Tampered

FAULTS = (
    BotoCoreError,
    ClientError,
    PermanentFault,
    portfolio.UnknownPortfolio,
    Tampered,
    UnknownDecision,
    UnknownPerson,
    people.NotConfirmed,
    OSError,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code, 1 where it says what is wrong."""
    options = _parser().parse_args(arguments)
    try:
        return COMMANDS[options.command](deployment.connect(), options)
    except FAULTS as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1


def replay_decision(opened: deployment.Opened, options: argparse.Namespace) -> int:
    """Replay a decision; exit code 0 only when it came out the same to the last bit."""
    found = replay.replay(opened.clients, opened.settings, options.decision)
    print(
        f"decision  {found.decision_id}\n"
        f"portfolio {found.portfolio}\n"
        f"model     {found.model_digest[:12]}  {found.version or '(not registered)'}\n"
        f"result    {found.status}"
    )
    for each in found.missing:
        print(f"  missing: {each}")
    for difference in found.differences:
        print(f"  {difference.name}: logged {difference.logged}, now {difference.replayed}")
    for each in found.notes:
        print(f"  note: {each}")
    return 0 if found.status == replay.REPRODUCED else 1


def write_letter(opened: deployment.Opened, options: argparse.Namespace) -> int:
    """Write a decision's letter as a page that prints."""
    decision = decision_log.read(opened.clients.dynamodb, opened.settings, options.decision)
    language = options.language or decision.language
    product = portfolio.load(decision.portfolio)
    page = letter.render(decision.answer(product, language), product, language)
    target = _target(options, f"letter-{decision.decision_id}-{language}.html")
    target.write_text(page, encoding="utf-8")
    print(target)
    return 0


def find_person(opened: deployment.Opened, options: argparse.Namespace) -> int:
    """List a person's decisions, without a value of theirs."""
    decisions = decision_log.find_by_person(
        opened.clients.dynamodb, opened.settings, options.person
    )
    for each in decisions:
        print(f"{each.decided_at}  {each.decision_id}  {each.portfolio}  {each.decision}")
    print(f"{len(decisions)} decisions")
    return 0


def export_person(opened: deployment.Opened, options: argparse.Namespace) -> int:
    """Write all that the log holds of a person, inputs included, as JSON for them."""
    body = people.export(opened.clients, opened.settings, options.person)
    target = _target(options, f"person-{options.person}.json")
    _write_private(target, body)
    print(f"{target}: {len(body['decisions'])} decisions; hand it over, then delete it")
    for each in body["decisions"]:
        if each["input_missing"]:
            print(f"  {each['entry']['decision_id']}: no input, {each['input_missing']}")
    return 0


def erase_person(opened: deployment.Opened, options: argparse.Namespace) -> int:
    """Destroy a person's key, so that no input of theirs can be read again."""
    people.erase(opened.clients, opened.settings, options.person, options.confirm)
    print(
        f"erased: the inputs of {options.person} cannot be read again; decisions, digests and "
        "reasons' codes stay as evidence (docs/records.md says what else holds data)"
    )
    return 0


def _target(options: argparse.Namespace, name: str) -> Path:
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _write_private(path: Path, body: Mapping[str, Any]) -> None:
    """Write a file that only its owner may read, whatever stood there."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m records", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("build/records"), help="folder of what is written"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("replay", "make a decision once more and compare"),
        ("letter", "write a decision's letter"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument(
            "decision", type=_given, help="decision_id, as the API answered it (DECISION=…)"
        )
        if name == "letter":
            command.add_argument("--language", choices=LANGUAGES, help="default: the applicant's")
    for name, about in (
        ("find", "list a person's decisions"),
        ("export", "write all that the log holds of a person"),
        ("erase", "destroy a person's key"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument(
            "person", type=_given, help="person_id, as given in X-Person-Id or answered (PERSON=…)"
        )
        if name == "erase":
            command.add_argument(
                "--confirm", default="", metavar="PERSON", help="the person_id once more"
            )
    return parser


def _given(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name one")
    return text


COMMANDS = {
    "replay": replay_decision,
    "letter": write_letter,
    "find": find_person,
    "export": export_person,
    "erase": erase_person,
}

if __name__ == "__main__":
    sys.exit(main())
