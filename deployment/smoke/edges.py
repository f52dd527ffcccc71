"""What stands around the API and the network: firewall, domain and flow logs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployment.smoke.line import LOOK, OK, Deployment, Line, judge

KEY_HEADER = {"SingleHeader": {"Name": "x-api-key"}}


def firewall(deployed: Deployment) -> Iterator[Line]:
    """The stack's web ACL stands before the stage, and logs no key."""
    if not deployed.is_on("Firewall"):
        step = "deploy with Firewall = true before others than you know the address"
        yield Line(LOOK, "firewall", "not there: the parameter Firewall is false", step)
        return
    waf, given = deployed.client("wafv2"), deployed.outputs
    stage = f"restapis/{given['ApiId']}/stages/{given['ApiStage']}"
    partition = given["AlertsTopicArn"].split(":")[1]
    found = _web_acl(waf, f"arn:{partition}:apigateway:{deployed.region}::/{stage}")
    step = (
        "deploy again; whoever else manages web ACLs here (Firewall Manager) may have replaced it"
    )
    if found.get("Name") != deployed.stack:
        named = found.get("Name", "none")
        yield judge("firewall", [f"before the stage stands {named}"], "", step)
        return
    logging = waf.get_logging_configuration(ResourceArn=found["ARN"])["LoggingConfiguration"]
    kept = logging.get("RedactedFields", [])
    problems = [] if KEY_HEADER in kept else ["its log shows the clients' keys"]
    yield judge(
        "firewall", problems, f"{len(found['Rules'])} rules, keys left out of its log", step
    )


def _web_acl(waf: Any, resource: str) -> dict[str, Any]:
    """Return the web ACL before a resource, empty where none is."""
    try:
        return dict(waf.get_web_acl_for_resource(ResourceArn=resource).get("WebACL", {}))
    except waf.exceptions.WAFNonexistentItemException:
        return {}


def flow_logs(deployed: Deployment) -> Iterator[Line]:
    """The network's traffic is logged."""
    if deployed.parameters.get("FlowLogDays") == "0":
        yield Line(LOOK, "flow logs", "not there: FlowLogDays is 0", "deploy with FlowLogDays = 30")
        return
    ec2 = deployed.client("ec2")
    subnet = deployed.outputs["SolvenciaSubnets"].split(",")[0]
    network = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    found = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [network]}])
    active = [each for each in found["FlowLogs"] if each["FlowLogStatus"] == "ACTIVE"]
    bad = [
        each["DeliverLogsErrorMessage"] for each in active if each.get("DeliverLogsErrorMessage")
    ]
    problems = bad or ([] if active else [f"none of {network}"])
    yield judge("flow logs", problems, f"of {network}", "deploy again; then look at their role")


def domain(deployed: Deployment) -> Iterator[Line]:
    """The API's own name speaks TLS 1.2 at least."""
    name = deployed.parameters.get("DomainName", "")
    if not name:
        yield Line(OK, "domain", "none asked for: clients use the stage's address")
        return
    found = deployed.client("apigateway").get_domain_name(domainName=name)
    problems = []
    if found.get("securityPolicy") != "TLS_1_2":
        problems.append(f"it speaks {found.get('securityPolicy')}")
    if found.get("domainNameStatus", "AVAILABLE") != "AVAILABLE":
        problems.append(f"it is {found['domainNameStatus']}")
    target = deployed.outputs.get("DomainTarget", "")
    yield judge("domain", problems, f"{name}; its record must point to {target}", "deploy again")
