"""Delete a deployed stack. Its data stays, unless that is asked for twice.

`make destroy ENV=…` deletes what runs and costs; `LIST=1` only shows what there is, also after the
stack is gone. `DELETE_DATA=<stack>` deletes buckets, decision
log and code as well, once the stack's name is typed again (or named in --confirm-delete-data), and
gives the keys 30 days. What Object Lock still protects, it leaves and names.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deployment import change_set, environment_file, faults, kept, replica, served
from deployment.deploy import sign_in
from deployment.environment_file import BadEnvironment, Environment
from deployment.kept import Kept
from deployment.stack import DeploymentFailed, Stack


def main(arguments: list[str] | None = None) -> int:
    """Delete the stack; a fault is one message on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    try:
        destroy(options)
    except (BadEnvironment, DeploymentFailed, change_set.NotConfirmed) as fault:
        print(f"destroy: {fault}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as fault:
        print(f"destroy: {faults.explain(fault)}", file=sys.stderr)
        return 1
    return 0


def destroy(options: argparse.Namespace) -> None:
    """Delete the stack that the options name, and its data where both of them say so.

    A stack that is gone leaves data behind: that is found, too, and listed or deleted.
    """
    environment = environment_file.load(options.env) if options.env else Environment()
    name = options.stack or environment.stack or os.environ.get("SOLVENCIA_STACK") or "solvencia"
    session, account = sign_in(environment)
    with_data = _is_data_meant(options, name)
    places = [_place(session, name, account)]
    if region := options.replica_region or environment.replica_region:
        copy = boto3.Session(region_name=region)
        places.append(_place(copy, replica.stack_name(name), account))
    for each in places:
        _show(each, account, options, with_data)
    if options.list:
        return
    change_set.confirm(f"delete stack {name}", is_agreed=options.yes)
    for each in places:
        served.delete(each.session.client("sagemaker"), served.names(each.kept), _say)
        each.stack.delete()
    for each in places:
        if with_data:
            kept.delete_all(each.session, each.kept, _say)
    if not with_data and any(each.kept for each in places):
        _say("the data above is kept, and billed; LIST=1 shows it at any time")
        _say("a stack of this name is refused while it is there: import it, or name another")


@dataclass(frozen=True)
class Place:
    """A stack, the session of its region, and type and id of each resource that outlives it."""

    stack: Stack
    session: Any
    is_there: bool
    kept: tuple[Kept, ...]


def _place(session: Any, name: str, account: str) -> Place:
    stack = Stack(session.client("cloudformation"), name, _say, lambda what: None)
    is_there = bool(stack.parameters())
    own = kept.of_stack(stack.client, name) if is_there else ()
    # By name too: a resource that an update gave up is the stack's no longer.
    found = {*own, *kept.find(session, name, account)}
    return Place(stack, session, is_there, tuple(sorted(found)))


def _show(place: Place, account: str, options: argparse.Namespace, with_data: bool) -> None:
    where = f"{place.stack.name} in account {account}, {place.session.region_name}"
    if not place.is_there and not place.kept:
        _say(f"nothing of stack {where}")
        return
    fate = "DELETED" if with_data and not options.list else "kept"
    _say(f"{'stack' if place.is_there else 'what is left of stack'} {where}; data is {fate}:")
    for kind, identifier in place.kept:
        _say(f"  {identifier} ({kind})")
    if endpoints := served.names(place.kept):
        _say(f"endpoints and models go with the stack: {', '.join(endpoints)}")


def _is_data_meant(options: argparse.Namespace, stack: str) -> bool:
    """Whether both words were given; raise NotConfirmed where they do not name this stack."""
    if options.delete_data is None:
        return False
    second = options.confirm_delete_data
    if second is None and sys.stdin.isatty():
        second = input(f"All data of {stack} goes for good. Type the stack's name: ").strip()
    if options.delete_data != stack or second != stack:
        raise change_set.NotConfirmed(
            f"nothing was deleted: data goes only when --delete-data and --confirm-delete-data "
            f"(or the answer) both say {stack}"
        )
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployment.destroy", description=__doc__)
    parser.add_argument("--env", metavar="NAME", help="deployment/environments/NAME.toml")
    parser.add_argument("--stack", help="default: the environment's, else $SOLVENCIA_STACK")
    parser.add_argument("--yes", action="store_true", help="delete the stack without asking")
    parser.add_argument("--list", action="store_true", help="show what holds data, delete nothing")
    parser.add_argument("--replica-region", metavar="REGION", help="of the copy, deleted alike")
    parser.add_argument("--delete-data", metavar="STACK", help="delete its data too")
    parser.add_argument("--confirm-delete-data", metavar="STACK", help="the second word, for that")
    return parser


def _say(line: str) -> None:
    print(f"destroy: {line}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
