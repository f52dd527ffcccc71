"""A web ACL's logging configuration is kept until it is deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_a_logging_configuration_is_kept_and_deleted(aws: Callable[[str], Any]) -> None:
    """What was put is read, and what was deleted is not there."""
    waf = aws("wafv2")
    view = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    arn = waf.create_web_acl(
        Name="logged", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig=view
    )["Summary"]["ARN"]
    given = {
        "ResourceArn": arn,
        "LogDestinationConfigs": ["arn:aws:logs:us-east-1:000000000000:log-group:aws-waf-logs-a"],
        "RedactedFields": [{"SingleHeader": {"Name": "x-api-key"}}],
    }

    waf.put_logging_configuration(LoggingConfiguration=given)
    found = waf.get_logging_configuration(ResourceArn=arn)["LoggingConfiguration"]
    waf.delete_logging_configuration(ResourceArn=arn)

    assert found == given
    with pytest.raises(ClientError, match="WAFNonexistentItemException"):
        waf.get_logging_configuration(ResourceArn=arn)
