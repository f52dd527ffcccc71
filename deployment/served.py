"""What the pipeline put in service: endpoints, their configurations and models.

No stack made them, so none deletes them. An endpoint is billed by the hour and holds the network's
security group, which cannot go before it. A model by a stale name would point at deleted data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from deployment.kept import GROUPS, Kept

VERSION = r"-\d{4}-\d{2}-[0-9a-f]{12}"  # as solvencia.layout.version_name ends
WAIT = {"Delay": 5, "MaxAttempts": 120}


def names(kept: Iterable[Kept]) -> tuple[str, ...]:
    """Return the endpoints' names: a portfolio's is that of its package group."""
    return tuple(
        sorted({arn.rpartition("/")[2] for kind, arn in kept if kind == GROUPS and "/" in arn})
    )


def delete(sagemaker: Any, endpoints: Iterable[str], say: Callable[[str], None]) -> None:
    """Delete the endpoints and wait until they are gone, then their configurations and models."""
    found = [each for each in endpoints if _is_there(sagemaker, each)]
    for endpoint in found:
        sagemaker.delete_endpoint(EndpointName=endpoint)
    for endpoint in found:
        sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=endpoint, WaiterConfig=WAIT)
        say(f"endpoint {endpoint} deleted")
    for endpoint in endpoints:
        for name in _versions(sagemaker, "list_endpoint_configs", "EndpointConfig", endpoint):
            sagemaker.delete_endpoint_config(EndpointConfigName=name)
        models = list(_versions(sagemaker, "list_models", "Model", endpoint))
        for name in models:
            sagemaker.delete_model(ModelName=name)
        if models:
            say(f"{len(models)} models of {endpoint} deleted; their versions stay registered")


def _versions(sagemaker: Any, operation: str, kind: str, endpoint: str) -> Iterator[str]:
    pages = sagemaker.get_paginator(operation).paginate(NameContains=endpoint)
    found = [each[f"{kind}Name"] for page in pages for each in page[f"{kind}s"]]
    yield from (name for name in found if re.fullmatch(re.escape(endpoint) + VERSION, name))


def _is_there(sagemaker: Any, endpoint: str) -> bool:
    try:
        sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as fault:
        if "Could not find" not in str(fault):
            raise
        return False
    return True
