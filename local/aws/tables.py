"""What ministack's CloudFormation leaves out of a DynamoDB table: expiry, recovery, encryption."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

from local.aws.config import Config

# Each property of a template, and the part of ministack that keeps it.
KEPT = {
    "TimeToLiveSpecification": dynamodb._update_ttl,
    "PointInTimeRecoverySpecification": dynamodb._update_continuous_backups,
    "SSESpecification": dynamodb._update_table,
}


def install(config: Config) -> None:
    """Have a table that is created or updated by a template get all that the template says."""
    tables = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    tables |= {verb: _complete(tables[verb]) for verb in ("create", "update")}


def _complete(make: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make)
    def make_table(*positional: Any, **named: Any) -> Any:
        made = make(*positional, **named)
        given = [each for each in positional if isinstance(each, dict) and "KeySchema" in each][-1]
        for name, keep in KEPT.items():
            if name in given:
                value = dict(given[name])
                if "SSEEnabled" in value:
                    value["Enabled"] = value.pop("SSEEnabled")
                keep({"TableName": made[0], name: value})
        return made

    return make_table
