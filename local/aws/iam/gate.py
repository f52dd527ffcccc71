"""The gate: every request of a role, and every read or write on its behalf, is judged and noted.

Hooks: `enforce`, `pin_request_caller`, `extract_iam_action`, `extract_resource_arn`,
`request_tag_context` and `access_denied_response` of the emulator, which evaluates the policies.
What the emulator cannot name is noted as unjudged, never passed over in silence.
"""

from __future__ import annotations

import functools
import json
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.router import extract_access_key_id
from ministack.services import sts

from local.aws.clients import ServiceError
from local.aws.config import ACCOUNT, REGION, Config
from local.aws.iam import needs
from local.aws.iam.calls import NAME, Calls
from local.aws.iam.identity import acting
from local.aws.iam.needs import Need

_caller: ContextVar[str] = ContextVar("solvencia_caller", default="")
_more: ContextVar[tuple[str, list[Need]]] = ContextVar("solvencia_more", default=("", []))
_refused: ContextVar[Need | None] = ContextVar("solvencia_refused", default=None)
_calls: list[Calls] = []
_enforce = iam_evaluator.enforce
_pin = iam_evaluator.pin_request_caller
_action_of = iam_actions.extract_iam_action
_resource_of = iam_actions.extract_resource_arn
_context_of = iam_actions.request_tag_context
_answer = iam_actions.access_denied_response
_parse = iam_evaluator.parse_policy_document
_parse_text = functools.lru_cache(maxsize=256)(_parse)  # the same policies for each call


class AccessDenied(ServiceError):
    """A role may not do what it, or a service on its behalf, is about to do."""

    def __init__(self, principal: str, need: Need, *, is_explicit: bool) -> None:
        text = iam_actions.identity_denial_message(
            need.action, principal, _shown(need), is_explicit
        )
        super().__init__("AccessDeniedException", text, 403)


def install(config: Config) -> None:
    """Judge by our table of needs as well, and note every call of a role in the state folder."""
    if not app.AUTH:
        return
    _calls[:] = [Calls(config.state / NAME)]
    iam_actions.SERVICE_TO_IAM_NAMESPACE.update(needs.NAMESPACES)
    iam_actions._BOTOCORE_SERVICE_MAP["sagemaker"] = ["sagemaker-runtime"]
    for name, hook in (
        ("extract_iam_action", _find_action),
        ("extract_resource_arn", _find_resource),
        ("request_tag_context", _find_context),
        ("access_denied_response", _say_denied),
    ):
        setattr(iam_actions, name, hook)
    iam_evaluator.parse_policy_document = lambda document: (
        _parse_text(document) if isinstance(document, str) else _parse(document)
    )
    iam_evaluator.enforce = _judge
    iam_evaluator.pin_request_caller = _remember_caller


def require(action: str, resource: str, **context: Any) -> None:
    """Raise AccessDenied unless whoever acts, or else the request's caller, may do this.

    `context` has the condition keys, `_` for `:`; the operator's root key may do everything.
    """
    identity = acting()
    key = identity.access_key if identity else _caller.get()
    if not app.AUTH or not key or iam_evaluator.is_root_access_key(key):
        return
    keys = {name.replace("_", ":", 1): value for name, value in context.items()}  # s3_prefix
    judge(key, Need(action, resource, keys))


def judge(key: str, need: Need) -> None:
    """Raise AccessDenied unless the role of an access key may do this; no signature is asked."""
    principal = iam_evaluator.resolve_principal(key, ACCOUNT)
    if isinstance(principal, iam_evaluator.AuthError):
        raise ServiceError(principal.code, principal.message, 403)
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=principal.account,
        action=need.action,
        resource_arn=need.resource,
        region=REGION,
        secure_transport=True,
        service_context=dict(need.context),
        principal_keys=principal.keys,
    )
    result = iam_evaluator.evaluate(context, principal.policies or [], *principal.limits)
    found = iam_evaluator._resource_policy(need.action.partition(":")[0], need.resource)
    if found is not None:
        result = iam_evaluator.combine_resource_policy(
            result, context, *found, limits=principal.limits
        )
    is_allowed = result.decision == "Allow"
    _note(key, need, "allowed" if is_allowed else "denied")
    if not is_allowed:
        raise AccessDenied(principal.arn, need, is_explicit=result.decision == "Deny")


def _judge(
    key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> Any:
    # Nothing leaves this machine: what a policy says of TLS is taken as kept.
    iam_evaluator.pin_request_origin(iam_evaluator._request_origin.get()[0], True)
    wanted = [Need(action, resource_arn, service_context or {})]
    expected, more = _more.get()
    if expected == action:
        _more.set(("", []))
        wanted += more
    for need in wanted:
        of = "iam" if need.action == "iam:PassRole" else service
        denied = _enforce(
            key,
            need.action,
            of,
            region,
            resource_arn=need.resource,
            service_context=dict(need.context),
        )
        is_fault = isinstance(denied, iam_evaluator.AuthError)
        if not is_fault:
            _note(key, need, "denied" if denied else "allowed")
        if denied:
            _refused.set(None if is_fault else need)
            return denied
    return None


def _remember_caller(headers: Any, query: Any = None) -> None:
    _caller.set(extract_access_key_id(headers or {}, query or {}) or "")
    _refused.set(None)
    _more.set(("", []))
    _pin(headers, query)


def _find_action(
    service: str, method: str, path: str, headers: Any, body: bytes, query: Any
) -> Any:
    if service == "sagemaker" and needs.INVOCATIONS.fullmatch(path):
        return "sagemaker:InvokeEndpoint"
    action = _action_of(service, method, path, headers, body, query)
    if action is None:
        _note(_caller.get(), Need(f"{service}:{method}"), "unjudged")
    return action


def _find_resource(
    service: str,
    method: str,
    path: str,
    headers: Any,
    body: bytes,
    query: Any,
    region: str,
    account: str,
) -> Any:
    arguments = (service, method, path, headers, body, query)
    action = _find_action(*arguments) or ""
    found = needs.of_request(action, path, _json(body))
    if found is None:
        return _resource_of(*arguments, region, account)
    if found[0].action != action:  # a role is passed on: the resource is the emulator's to name
        _more.set((action, found))
        return _resource_of(*arguments, region, account)
    _more.set((action, found[1:]))
    return found[0].resource


def _find_context(service: str, action: str, body: bytes, query: Any) -> Any:
    context = _context_of(service, action, body, query)
    if service == "kms":
        given = _json(body).get("EncryptionContext") or {}
        if given:
            context["kms:EncryptionContextKeys"] = sorted(given)
        context |= {f"kms:EncryptionContext:{name}": value for name, value in given.items()}
    if service == "sagemaker":
        context |= needs.network(_json(body))
    return context


def _say_denied(
    service: str, action: str, principal: str, request_id: str, **named: Any
) -> tuple[int, dict[str, str], bytes]:
    need = _refused.get()
    is_policy = not (named.get("error_code") or named.get("message"))
    if need and is_policy and not named.get("resource_policy_arn"):
        action = need.action
        named |= {
            "resource_arn": need.resource,
            "message": iam_actions.identity_denial_message(
                action, principal, _shown(need), bool(named.get("explicit_deny"))
            ),
        }
    reply: tuple[int, dict[str, str], bytes] = _answer(
        service, action, principal, request_id, **named
    )
    return reply


def _shown(need: Need) -> str:
    return f'"{need.resource}"' if need.action.startswith("s3:") else need.resource


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if body[:1] == b"{" else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _note(key: str, need: Need, decision: str) -> None:
    session = sts._sessions.get(key)
    if session is None or not _calls:
        return  # the operator's own calls need no policy
    role = str(session["Arn"]).split("/")[1]
    context = {name.lower(): value for name, value in need.context.items()}
    _calls[0].note(role, need.action, need.resource, decision, context)
