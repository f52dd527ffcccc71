"""CloudFormation's way to EC2 for what ministack's EC2 has and its CloudFormation lacks.

The gateway of a private line, the routes that it brings, and a security group's rule of its own.
"""

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import provisioners, stacks

from local.aws.clients import client
from local.aws.config import Config

Properties = dict[str, Any]
Made = tuple[str, Properties]


def install(config: Config) -> None:
    """Add the types; they call back into the server, so they leave its event loop."""
    provisioners._RESOURCE_HANDLERS.update(TYPES)
    stock = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in TYPES or stock(name)


def _create_gateway(logical_id: str, properties: Properties, stack: str) -> Made:
    made = client("ec2").create_vpn_gateway(Type=properties["Type"])
    identifier = made["VpnGateway"]["VpnGatewayId"]
    if tags := properties.get("Tags"):
        client("ec2").create_tags(Resources=[identifier], Tags=tags)
    return identifier, {"VPNGatewayId": identifier}


def _delete_gateway(physical_id: str, properties: Properties) -> None:
    client("ec2").delete_vpn_gateway(VpnGatewayId=physical_id)


def _create_propagation(logical_id: str, properties: Properties, stack: str) -> Made:
    for table in properties["RouteTableIds"]:
        client("ec2").enable_vgw_route_propagation(
            RouteTableId=table, GatewayId=properties["VpnGatewayId"]
        )
    return f"{stack}-{logical_id}", {}


def _delete_propagation(physical_id: str, properties: Properties) -> None:
    for table in properties["RouteTableIds"]:
        client("ec2").disable_vgw_route_propagation(
            RouteTableId=table, GatewayId=properties["VpnGatewayId"]
        )


def _rule(properties: Properties) -> Properties:
    """Return the arguments of a rule to addresses: template properties as EC2's API has them."""
    addresses = {"CidrIp": properties["CidrIp"]}
    if "Description" in properties:
        addresses["Description"] = properties["Description"]
    permission = {
        "IpProtocol": str(properties["IpProtocol"]),
        "FromPort": int(properties["FromPort"]),
        "ToPort": int(properties["ToPort"]),
        "IpRanges": [addresses],
    }
    return {"GroupId": properties["GroupId"], "IpPermissions": [permission]}


def _create_egress(logical_id: str, properties: Properties, stack: str) -> Made:
    client("ec2").authorize_security_group_egress(**_rule(properties))
    return f"{stack}-{logical_id}", {}


def _delete_egress(physical_id: str, properties: Properties) -> None:
    client("ec2").revoke_security_group_egress(**_rule(properties))


TYPES = {
    "AWS::EC2::VPNGateway": {"create": _create_gateway, "delete": _delete_gateway},
    "AWS::EC2::VPNGatewayRoutePropagation": {
        "create": _create_propagation,
        "delete": _delete_propagation,
    },
    "AWS::EC2::SecurityGroupEgress": {"create": _create_egress, "delete": _delete_egress},
}
