"""Roles that services assume: the trust policy decides, with account and source of the request."""

from __future__ import annotations

import json
import secrets
import threading
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

from ministack import app
from ministack.core import iam_evaluator
from ministack.services import iam, sts

from local.aws.clients import ServiceError, base_url
from local.aws.config import ACCOUNT, REGION, Config
from local.aws.iam.identity import Identity

PATH = "/_credentials"
LIFETIME_SECONDS = 12 * 3600

_identities: dict[tuple[str, str], Identity] = {}
_lock = threading.Lock()


def install(config: Config) -> None:
    """Answer `/_credentials`, where containers and Airflow fetch the credentials of their role."""
    answer = app._handle_pre_body_request

    async def answer_first(
        method: str, path: str, headers: dict[str, str], query: dict[str, Any], request_id: str
    ) -> Any:
        if path == PATH:
            return _respond(query)
        return await answer(method, path, headers, query, request_id)

    app._handle_pre_body_request = answer_first


def assume(role: str, service: str, source: str) -> Identity | None:
    """Return a role's credentials for the service that acts for `source` (an ARN).

    None where nothing is enforced. ServiceError if the role is not there, or does not trust the
    service for this source.
    """
    if not app.AUTH:
        return None
    if not _trusts(role, service, source):
        raise ServiceError(
            "ValidationException",
            f"Could not assume role {role}. Please ensure that the role exists and allows "
            f"principal '{service}' to assume the role (for {source}).",
        )
    name = role.rpartition("/")[2]
    session = service.partition(".")[0]
    with _lock:
        identity = _identities.get((role, service))
        if identity is None:
            asked = urlencode({"role": role, "service": service, "source": source})
            identity = _identities[role, service] = Identity(
                role=role,
                access_key=f"ASIA{secrets.token_hex(8).upper()}",
                secret_key=secrets.token_hex(20),
                token=secrets.token_hex(32),
                uri=f"{base_url()}{PATH}?{asked}",
            )
    sts.register_session(
        identity.access_key,
        {
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}",
            "UserId": f"{name}:{session}",
            "SecretAccessKey": identity.secret_key,
            "SessionToken": identity.token,
            "AccountId": ACCOUNT,
            "PrincipalType": "AssumedRole",
        },
    )
    return identity


def _trusts(role: str, service: str, source: str) -> bool:
    found = iam._roles.get_scoped(ACCOUNT, None, role.rpartition("/")[2])
    if found is None:
        return False
    document = found["AssumeRolePolicyDocument"]
    statements = (json.loads(document) if isinstance(document, str) else document)["Statement"]
    context = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=ACCOUNT,
        action="sts:AssumeRole",
        resource_arn=role,
        region=REGION,
        service_context={"aws:sourceaccount": ACCOUNT, "aws:sourcearn": source},
    )
    return any(
        each["Effect"] == "Allow"
        and "sts:AssumeRole" in _listed(each["Action"])
        and service in _listed(each["Principal"].get("Service", []))
        and iam_evaluator._conditions_met(each.get("Condition") or {}, context)
        for each in (statements if isinstance(statements, list) else [statements])
        if isinstance(each["Principal"], dict)
    )


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _respond(query: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer as the metadata service of a container does."""
    given = query if isinstance(query, dict) else parse_qs(query)
    asked = [_listed(given.get(name) or "")[0] for name in ("role", "service", "source")]
    headers = {"Content-Type": "application/json"}
    try:
        identity = assume(*asked)
    except ServiceError as error:
        fault = {"code": "AccessDenied", "message": str(error)}
        return 403, headers, json.dumps(fault).encode()
    if identity is None:
        return 404, headers, b'{"message": "IAM is not enforced here"}'
    ends = datetime.fromtimestamp(time.time() + LIFETIME_SECONDS, UTC)
    found = {
        "RoleArn": identity.role,
        "AccessKeyId": identity.access_key,
        "SecretAccessKey": identity.secret_key,
        "Token": identity.token,
        "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return 200, headers, json.dumps(found).encode()
