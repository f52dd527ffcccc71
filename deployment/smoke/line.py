"""One line of a smoke check, the deployment that it is about, and how a check is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import faults

OK, FAILED, LOOK = "ok", "failed", "look at"


@dataclass(frozen=True)
class Line:
    """What was looked at, how it is, what was found, and what to do where it is not ok."""

    state: str
    what: str
    found: str
    next_step: str = ""

    def __str__(self) -> str:
        text = f"{self.state:<8} {self.what}: {self.found}"
        return f"{text}\n{'':<9}-> {self.next_step}" if self.next_step else text


@dataclass(frozen=True)
class Deployment:
    """A deployed stack: clients through `session`, what it was given and what it gives."""

    session: Any
    account: str
    stack: str
    portfolios: tuple[str, ...]
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    api_url: str

    @property
    def region(self) -> str:
        """The stack's region."""
        return str(self.session.region_name)

    def client(self, service: str) -> Any:
        """Return a client of one service."""
        return self.session.client(service)

    def is_on(self, parameter: str) -> bool:
        """Whether a switch of the root template is on."""
        return self.parameters.get(parameter) == "true"


Check = Callable[[Deployment], Iterator[Line]]


def judge(what: str, problems: list[str], found: str, next_step: str) -> Line:
    """Return ok with what was found, or failed with every problem and the next step."""
    if problems:
        return Line(FAILED, what, "; ".join(problems), next_step)
    return Line(OK, what, found)


def run(check: Check, deployed: Deployment) -> Iterator[Line]:
    """Yield a check's lines; a refusal of AWS is a line, too, and ends this check alone."""
    what = check.__name__.replace("_", " ")
    try:
        yield from check(deployed)
    except ClientError as fault:
        if fault.response["Error"]["Code"] in faults.DENIED:
            asked = f"the credentials may not do {fault.operation_name}"
            yield Line(LOOK, what, asked, "look in the console, or sign in with a role that may")
        else:
            yield Line(FAILED, what, str(fault), faults.explain(fault))
    except BotoCoreError as fault:
        yield Line(FAILED, what, str(fault), faults.explain(fault))
    except OSError as fault:
        step = "look whether this machine's network, or its proxy, lets it through"
        yield Line(FAILED, what, f"nothing answers: {fault}", step)


def code(fault: ClientError) -> str:
    """Return the error code of what AWS refused."""
    return str(fault.response["Error"]["Code"])
