"""AWS as a task sees it: region, credentials and endpoint come from the environment."""

from __future__ import annotations

from typing import Any


def client(service: str) -> Any:
    """Return a boto3 client; boto3 is imported when a task runs."""
    import boto3

    return boto3.client(service)
