"""A signed connection to one AWS service, by the standard library alone, and what may go wrong.

It tries again what may pass by itself, as boto3 does. One connection is kept, not for threads.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import random
import select
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from solvencia.aws_signature import Credentials, Scope, sign
from solvencia.settings import MissingSetting

PAUSE_SECONDS = 0.05  # at least, before a call is tried again
_THROTTLED = ("ProvisionedThroughputExceededException", "RequestLimitExceeded", "SlowDown")


class Refused(Exception):
    """AWS answered with an error; `original_status` is what a model's container answered."""

    def __init__(self, status: int, code: str, message: str, original_status: int = 0) -> None:
        super().__init__(f"{code} ({status}): {message}")
        self.status = status
        self.code = code
        self.message = message
        self.original_status = original_status

    @property
    def is_passing(self) -> bool:
        """Whether the same call may well succeed a moment later."""
        return (
            self.status >= 500
            or self.status == 429
            or "Throttl" in self.code
            or self.code in _THROTTLED
        )


class ConditionFailed(Refused):
    """DynamoDB left an item as it is, as a condition does not hold."""


class Unreached(Exception):
    """No connection to the service, or one that broke off."""


class TimedOut(Exception):
    """The service took the call and did not answer in time."""


@dataclass(frozen=True)
class Patience:
    """How long a call waits, and how often it is tried in all."""

    connect_seconds: float
    read_seconds: float
    attempts: int = 2


@dataclass(frozen=True)
class Service:
    """A service's names: in AWS_ENDPOINT_URL_<NAME>, in its host, and in signatures."""

    name: str
    host: str
    signs_as: str

    def address(self, env: Mapping[str, str] = os.environ) -> str:
        """Return its URL: the one that the environment names, or AWS's in the region."""
        named = f"AWS_ENDPOINT_URL_{self.name.upper().replace('-', '_')}"
        if found := env.get(named) or env.get("AWS_ENDPOINT_URL"):
            return found
        ending = "amazonaws.com.cn" if region(env).startswith("cn-") else "amazonaws.com"
        return f"https://{self.host}.{region(env)}.{ending}"


class Line:
    """A connection to one service, opened again where it broke."""

    def __init__(self, service: Service, patience: Patience) -> None:
        self._scope = Scope(region(), service.signs_as)
        self._address = urlsplit(service.address())
        self._patience = patience
        self._open: http.client.HTTPConnection | None = None

    def ask(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Post a signed request, once more if it may help; raise Refused, Unreached, TimedOut."""
        for tries_left in reversed(range(self._patience.attempts)):
            try:
                return self._try(self._address.path.rstrip("/") + path, headers, body)
            except (Unreached, TimedOut):
                if not tries_left:
                    raise
            except Refused as refused:
                if not tries_left or not refused.is_passing:
                    raise
            time.sleep(PAUSE_SECONDS * (1 + random.random()))  # noqa: S311 - no secret
        raise AssertionError("attempts must be 1 or more")

    def _try(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        named = {"Host": self._address.netloc, **headers}
        signed = sign(credentials(), self._scope, path, named, body, datetime.now(UTC))
        try:
            line = self._connect()
            line.request("POST", path, body, signed)
            reply = line.getresponse()
            content = reply.read()
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"no answer within {self._patience.read_seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreached(f"the connection broke: {type(error).__name__}") from error
        if reply.will_close:
            self.close()
        if reply.status >= 300:
            raise _read_refusal(reply.status, reply.headers.get("x-amzn-ErrorType", ""), content)
        return content

    def _connect(self) -> http.client.HTTPConnection:
        if self._open is not None and self._open.sock is not None:
            if not select.select([self._open.sock], [], [], 0)[0]:
                return self._open
            self.close()  # the service hung up while the function was frozen
        host, seconds = self._address.netloc, self._patience.connect_seconds
        line = (
            http.client.HTTPSConnection(host, timeout=seconds, context=_tls())
            if self._address.scheme == "https"
            else http.client.HTTPConnection(host, timeout=seconds)
        )
        try:
            line.connect()
        except OSError as error:
            raise Unreached(f"no connection: {type(error).__name__}") from error
        line.sock.settimeout(self._patience.read_seconds)
        self._open = line
        return line

    def close(self) -> None:
        """Hang up."""
        if self._open is not None:
            self._open.close()
            self._open = None


def region(env: Mapping[str, str] = os.environ) -> str:
    """Return the region that the runtime names; raise MissingSetting."""
    found = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    if not found:
        raise MissingSetting("AWS_DEFAULT_REGION")
    return found


def credentials(env: Mapping[str, str] = os.environ) -> Credentials:
    """Return those of the function's role, which the runtime keeps in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if not env.get(name):
            raise MissingSetting(name)
    token = env.get("AWS_SESSION_TOKEN", "")
    return Credentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], token)


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)


def _read_refusal(status: int, kind: str, content: bytes) -> Refused:
    try:
        said = json.loads(content)
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    code = str(said.get("__type") or kind or status).rpartition("#")[2].partition(":")[0]
    message = str(said.get("message") or said.get("Message") or "")
    made = ConditionFailed if code == "ConditionalCheckFailedException" else Refused
    return made(status, code, message, int(said.get("OriginalStatusCode") or 0))
