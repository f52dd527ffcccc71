"""What AWS answered, said in words that name the next step."""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
)

CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def explain(fault: BotoCoreError | ClientError) -> str:
    """Return one message: what AWS refused, and what to do about it."""
    if isinstance(fault, NoCredentialsError | PartialCredentialsError):
        return (
            "no AWS credentials: sign in (for example `aws sso login` and AWS_PROFILE=…), or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(fault, SSOError):
        return f"{fault}: sign in again with `aws sso login`"
    if isinstance(fault, ProfileNotFound):
        return f"{fault}: AWS_PROFILE names none of `aws configure list-profiles`"
    if isinstance(fault, NoRegionError):
        return "no region: set AWS_DEFAULT_REGION, or `region` in the environment's file"
    if isinstance(fault, EndpointConnectionError):
        return (
            f"{fault}: the network is down, or the region is misspelt, not enabled for the account "
            "or without this service"
        )
    if not isinstance(fault, ClientError):
        return str(fault)
    code = fault.response["Error"]["Code"]
    if code in CREDENTIALS:
        return f"AWS does not accept the credentials ({code}): sign in again; then deploy again"
    if code == "OptInRequired":
        return f"{fault}: enable it for the account (console, AWS Regions), or choose another"
    if code in DENIED:
        page = "docs/from-an-empty-account.md"
        return f"{fault}: the credentials may not do this; {page} says what a deployment needs"
    return f"AWS refused: {fault}{hint(f'{code} {fault}')}"


def hint(reason: str) -> str:
    """Return the next step for a reason that CloudFormation or a service gives, or ""."""
    text = reason.lower()
    if "unreservedconcurrentexecution" in text:
        return (
            " [the account's quota of concurrent executions leaves none to reserve: deploy with "
            "the …Reserved parameters at 0, or ask for a larger quota first]"
        )
    if "quota" in text or "limitexceeded" in text or "limit exceeded" in text or "maximum" in text:
        return " [a quota: ask for more in the Service Quotas console, then deploy again]"
    if re.search("(unrecognized|unsupported) resource type", text) or "is not supported in" in text:
        return " [the region lacks this service: choose another, or switch the option off]"
    if "already exists" in text:
        return (
            " [kept by an earlier stack of this name: choose another --stack, import it, or "
            "delete it with `make destroy` and its data]"
        )
    return ""
