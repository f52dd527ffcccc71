"""AWS Signature Version 4 of a request without a query, by the standard library alone.

Source: AWS, "Create a signed AWS API request". tests/core hold it against botocore's signer.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """Who signs; a role's have a token."""

    access_key: str
    secret_key: str
    token: str = ""


@dataclass(frozen=True)
class Scope:
    """Where a signature holds."""

    region: str
    service: str


def sign(
    credentials: Credentials,
    scope: Scope,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> dict[str, str]:
    """Return the headers of a POST, signed all of them; `headers` must name the Host.

    `path` is as it is sent, `now` in UTC.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    named = {**headers, "X-Amz-Date": moment}
    if credentials.token:
        named["X-Amz-Security-Token"] = credentials.token
    lowered = {name.lower(): " ".join(value.split()) for name, value in named.items()}
    names = sorted(lowered)
    signed = ";".join(names)
    request = "\n".join(
        [
            "POST",
            quote(path, safe="/-_.~"),
            "",
            *(f"{name}:{lowered[name]}" for name in names),
            "",
            signed,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    within = "/".join((moment[:8], scope.region, scope.service, "aws4_request"))
    text = "\n".join((ALGORITHM, moment, within, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in within.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    proof = hmac.digest(key, text.encode(), "sha256").hex()
    named["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{within}, "
        f"SignedHeaders={signed}, Signature={proof}"
    )
    return named
