"""Resource types that the embedded AWS does not make: a deployment passes them, saying so.

A stack that holds one deploys, updates and deletes as on AWS; the resource is a name without
anything behind it, and its event tells why. docs/aws.md lists the same types with the same reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

from local.aws.config import Config

Properties = dict[str, Any]
MARK = "not made in the embedded AWS: "
LINE = "a leased line to a data centre has no local double"


@dataclass(frozen=True)
class Absent:
    """Why a type is not made; `name` is the property that Ref answers, `attributes` GetAtt's."""

    reason: str
    name: str = ""
    attributes: tuple[str, ...] = ()

    def handler(self, kind: str) -> Properties:
        """Return what ministack's table of provisioners holds."""

        def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
            identifier = properties.get(self.name) or f"{stack}-{logical_id}"
            _tell(stack, logical_id, kind, self.reason)
            return identifier, {each: properties.get(each, ABSENT_HOST) for each in self.attributes}

        def update(
            physical_id: str,
            old: Properties,
            new: Properties,
            stack: str,
            logical_id: str | None = None,
        ) -> tuple[str, Properties]:
            return create(str(logical_id), new, stack)

        return {
            "create": create,
            "update": update,
            "update_with_logical_id": True,
            "delete": lambda physical_id, properties: None,
        }


# By RFC 2606 nobody answers there.
ABSENT_HOST = "absent.invalid"

TYPES = {
    "AWS::DirectConnect::DirectConnectGateway": Absent(LINE),
    "AWS::DirectConnect::DirectConnectGatewayAssociation": Absent(LINE),
    "AWS::DirectConnect::PrivateVirtualInterface": Absent(LINE),
    "AWS::MWAA::Environment": Absent(
        "Airflow itself runs beside the embedded AWS", "Name", ("Arn", "WebserverUrl")
    ),
    "AWS::SageMaker::NotebookInstance": Absent(
        "Jupyter runs on this machine as it is", "", ("NotebookInstanceName",)
    ),
    "AWS::SageMaker::NotebookInstanceLifecycleConfig": Absent(
        "Jupyter runs on this machine as it is", "", ("NotebookInstanceLifecycleConfigName",)
    ),
}


def install(config: Config) -> None:
    """Let CloudFormation pass these types."""
    handlers = {kind: each.handler(kind) for kind, each in TYPES.items()}
    provisioners._RESOURCE_HANDLERS.update(handlers)


def _tell(stack: str, logical_id: str, kind: str, reason: str) -> None:
    record = cloudformation._stacks.get(stack) or {}
    under_way = "UPDATE_IN_PROGRESS" if _is_known(record, logical_id) else "CREATE_IN_PROGRESS"
    stacks._add_event(record.get("StackId"), stack, logical_id, kind, under_way, MARK + reason)


def _is_known(record: Properties, logical_id: str) -> bool:
    return logical_id in record.get("_resources", {})
