"""What stands around the API and the network: web ACLs' logging and links, and flow logs.

Hook: the handler of `wafv2`, which lacks logging configurations. Nothing of this is enforced or
written: no request is refused by a web ACL here, and no flow log has a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack import app

from local.aws import lifecycle
from local.aws.clients import Reply, ServiceError, answer, client, refuse
from local.aws.config import Config

Properties = dict[str, Any]
SERVICE = "wafv2"


@dataclass(frozen=True)
class Link:
    """A resource type that ties others together: `create` returns its physical id."""

    create: Callable[[Properties], str]
    delete: Callable[[str], Any]

    def handler(self) -> Properties:
        """Return what ministack's table of provisioners holds."""

        def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
            return self.create(properties), {}

        def delete(physical_id: str, properties: Properties) -> None:
            self.delete(physical_id)

        return {"create": create, "delete": delete}


def _associate(properties: Properties) -> str:
    client(SERVICE).associate_web_acl(**properties)
    return str(properties["ResourceArn"])


def _log(properties: Properties) -> str:
    client(SERVICE).put_logging_configuration(LoggingConfiguration=properties)
    return str(properties["ResourceArn"])


def _watch(properties: Properties) -> str:
    found = client("ec2").create_flow_logs(
        ResourceIds=[properties["ResourceId"]],
        ResourceType=properties["ResourceType"],
        TrafficType=properties["TrafficType"],
        LogDestinationType=properties["LogDestinationType"],
        LogGroupName=properties["LogGroupName"],
        DeliverLogsPermissionArn=properties["DeliverLogsPermissionArn"],
    )
    return str(found["FlowLogIds"][0])


TYPES = {
    "AWS::EC2::FlowLog": Link(
        _watch, lambda value: client("ec2").delete_flow_logs(FlowLogIds=[value])
    ),
    "AWS::WAFv2::LoggingConfiguration": Link(
        _log, lambda value: client(SERVICE).delete_logging_configuration(ResourceArn=value)
    ),
    "AWS::WAFv2::WebACLAssociation": Link(
        _associate, lambda value: client(SERVICE).disassociate_web_acl(ResourceArn=value)
    ),
}


class Logging:
    """Logging configurations by their web ACL's ARN."""

    def __init__(self) -> None:
        self.known: dict[str, Properties] = {}

    def get_state(self) -> Any:
        """Return the state to save."""
        return self.known

    def load_persisted_state(self, state: Any) -> None:
        """Take over saved state."""
        self.known = dict(state)

    def reply(self, action: str, given: Properties) -> Reply:
        """Answer one of the three actions on a logging configuration."""
        arn = given.get("ResourceArn") or given["LoggingConfiguration"]["ResourceArn"]
        if action.startswith("Put"):
            self.known[arn] = given["LoggingConfiguration"]
        elif arn not in self.known:
            return refuse(ServiceError("WAFNonexistentItemException", f"{arn} has no logging"))
        if action.startswith("Delete"):
            del self.known[arn]
            return answer({})
        return answer({"LoggingConfiguration": self.known[arn]})


def install(config: Config) -> None:
    """Let the server answer for logging configurations, too."""
    stock, logging = app.SERVICE_HANDLERS[SERVICE], Logging()

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Properties
    ) -> Any:
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        if action.removesuffix("LoggingConfiguration") in ("Put", "Get", "Delete"):
            return logging.reply(action, json.loads(body))
        return await stock(method, path, headers, body, query)

    lifecycle.add_service(SERVICE, handle)
    lifecycle.keep("firewall_logging", logging)
