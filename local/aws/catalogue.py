"""The Glue catalogue as another service uses it: under the rights of whoever that acts for."""

from __future__ import annotations

from local.aws.iam import gate
from local.aws.iam.needs import glue_resources


def require(operation: str, database: str, table: str = "") -> None:
    """Raise AccessDenied unless whoever acts may do this on catalogue, database and table."""
    asked = {"DatabaseName": database, "TableName": table}
    for resource in glue_resources(operation, asked):
        gate.require(f"glue:{operation}", resource)
