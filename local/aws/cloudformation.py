"""CloudFormation resource types that ministack lacks, each made through its service's own API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import provisioners, stacks

from local.aws import firewall
from local.aws.clients import client
from local.aws.config import Config

Properties = dict[str, Any]


@dataclass(frozen=True)
class ResourceType:
    """How one type is created; `arn` is the key of the answer that Ref and the id come from."""

    service: str
    create: str
    delete: Callable[[str], Any]
    arn: str
    attributes: Callable[[str], Properties] = lambda _: {}

    def handler(self) -> Properties:
        """Return what ministack's table of provisioners holds."""

        def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
            answer = getattr(client(self.service), self.create)(**properties)
            arn = answer[self.arn]
            return arn, {self.arn: arn, **self.attributes(arn)}

        def delete(physical_id: str, properties: Properties) -> None:
            self.delete(physical_id)

        return {"create": create, "delete": delete}


def _datasync(create: str, arn: str, delete: str, describe: str = "") -> ResourceType:
    def attributes(value: str) -> Properties:
        answer = getattr(client("datasync"), describe)(LocationArn=value)
        return {"LocationUri": answer["LocationUri"]}

    return ResourceType(
        service="datasync",
        create=create,
        delete=lambda value: getattr(client("datasync"), delete)(**{arn: value}),
        arn=arn,
        attributes=attributes if describe else lambda _: {},
    )


TYPES: dict[str, ResourceType | firewall.Link] = firewall.TYPES | {
    "AWS::DataSync::Agent": _datasync("create_agent", "AgentArn", "delete_agent"),
    "AWS::DataSync::LocationNFS": _datasync(
        "create_location_nfs", "LocationArn", "delete_location", "describe_location_nfs"
    ),
    "AWS::DataSync::LocationS3": _datasync(
        "create_location_s3", "LocationArn", "delete_location", "describe_location_s3"
    ),
    "AWS::DataSync::Task": _datasync("create_task", "TaskArn", "delete_task"),
    "AWS::SageMaker::ModelPackageGroup": ResourceType(
        service="sagemaker",
        create="create_model_package_group",
        delete=lambda arn: client("sagemaker").delete_model_package_group(
            ModelPackageGroupName=arn.rpartition("/")[2]
        ),
        arn="ModelPackageGroupArn",
    ),
}


def install(config: Config) -> None:
    """Add the types; they call back into the server, so they leave its event loop."""
    provisioners._RESOURCE_HANDLERS.update({name: each.handler() for name, each in TYPES.items()})
    stock = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in TYPES or stock(name)
    provisioners._update_resource = _keep_attributes(provisioners._update_resource)
    nested = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    nested["delete"] = _keep_retained(nested["delete"])


def _keep_retained(stock: Callable[[str, Properties], None]) -> Callable[..., None]:
    """Let a nested stack's deletion keep what its template says; ministack asks the root's only.

    What a failed creation leaves goes all the same: the policies are RetainExceptOnCreate.
    """

    def delete(physical_id: str, properties: Properties) -> None:
        name = provisioners._nested_stack_lookup_name(physical_id)
        child = cloudformation._stacks.get(name) or {}
        parent = _parent(child)
        if parent and parent["StackStatus"] == "DELETE_IN_PROGRESS":
            for logical_id, resource in child.get("_template", {}).get("Resources", {}).items():
                if resource.get("DeletionPolicy") in provisioners._RETAINING_POLICIES:
                    child["_resources"].pop(logical_id, None)
        stock(physical_id, properties)

    return delete


def _parent(child: Properties) -> Properties | None:
    """Return the record of the stack that a nested stack is a resource of."""
    for stack in cloudformation._stacks.values():
        found = stack.get("_resources", {}).values()
        if child and child.get("StackId") in [each.get("PhysicalResourceId") for each in found]:
            return dict(stack)
    return None


def _keep_attributes(stock: Callable[..., tuple[str, Properties]]) -> Callable[..., Any]:
    """Let a resource that an update left in place keep its attributes; ministack forgets them."""

    def update(
        kind: str,
        physical_id: str,
        old: Properties,
        new: Properties,
        stack: str,
        logical_id: str | None = None,
        attributes: Properties | None = None,
    ) -> tuple[str, Properties]:
        record = cloudformation._stacks[stack]["_resources"].get(logical_id) or {}
        known = attributes or record.get("Attributes") or {}
        found_id, found = stock(kind, physical_id, old, new, stack, logical_id, known)
        return found_id, {**known, **found} if found_id == physical_id else found

    return update
