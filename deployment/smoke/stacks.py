"""The CloudFormation stacks, and the quotas that the account gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from deployment.change_set import NESTED
from deployment.smoke.line import LOOK, OK, Deployment, Line, judge
from solvencia.settings import Settings

WHOLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
OUTPUTS = (
    *("SolvenciaStack", "SolvenciaAccount", "SolvenciaSubnets", "SolvenciaSecurityGroups"),
    *("SolvenciaModelImage", "ApiId", "ApiStage", "ApiUrl", "ApiKeyId", "AlertsTopicArn"),
)
UNRESERVED_MIN = 100  # executions that Lambda leaves to functions without a reservation


def stacks(deployed: Deployment) -> Iterator[Line]:
    """The root stack and every nested one came to their end."""
    found = dict(_states(deployed.client("cloudformation"), deployed.stack))
    broken = [f"{name} is {state}" for name, state in found.items() if state not in WHOLE]
    step = "read the stack's events in the console, then `make deploy` again"
    yield judge("stacks", broken, f"{len(found)} complete", step)


def outputs(deployed: Deployment) -> Iterator[Line]:
    """The root stack gives what Settings and clients need."""
    lacking = [f"{name} is missing" for name in OUTPUTS if not deployed.outputs.get(name)]
    yield judge("outputs", lacking, f"{len(OUTPUTS)} there", "`make deploy` with today's templates")


def concurrency(deployed: Deployment) -> Iterator[Line]:
    """The account lets enough Lambdas run at once."""
    limits = deployed.client("lambda").get_account_settings()["AccountLimit"]
    limit = int(limits["ConcurrentExecutions"])
    reserved = {k: int(v) for k, v in deployed.parameters.items() if k.endswith("Reserved")}
    kept = f"{limit} at once in the account, {sum(reserved.values())} reserved by this stack"
    if limit > UNRESERVED_MIN:
        yield Line(OK, "Lambda concurrency", kept)
        return
    step = f"ask Service Quotas for more of Lambda's concurrent executions: {limit} calls fill it"
    yield Line(LOOK, "Lambda concurrency", kept, step)


def instances(deployed: Deployment) -> Iterator[Line]:
    """The account may run the instances that training, endpoints and batches ask for."""
    wanted = {
        f"{Settings.training_instance} for training job usage": 1,
        f"{Settings.endpoint_instance} for endpoint usage": (
            Settings.endpoint_instances * len(deployed.portfolios)
        ),
        f"{deployed.parameters.get('TransformInstance')} for transform job usage": 1,
    }
    try:
        found = _quotas(deployed.client("service-quotas"))
    except ClientError as fault:
        yield Line(LOOK, "SageMaker quotas", str(fault), "read them in the Service Quotas console")
        return
    for name, count in wanted.items():
        if name not in found:
            step = "read it in the Service Quotas console"
            yield Line(LOOK, "SageMaker quota", f"{name}: not told, {count} needed", step)
        elif found[name] < count:
            step = "ask Service Quotas for more before the first run; it may take days"
            yield Line(LOOK, "SageMaker quota", f"{name}: {found[name]:g}, {count} needed", step)
        else:
            yield Line(OK, "SageMaker quota", f"{name}: {found[name]:g}, {count} needed")


def _states(cloudformation: Any, stack: str) -> Iterator[tuple[str, str]]:
    """Yield name and state of a stack and of those nested in it, itself first."""
    body = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    yield str(body["StackName"]), str(body["StackStatus"])
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    for each in (each for page in pages for each in page["StackResourceSummaries"]):
        if each["ResourceType"] == NESTED and each.get("PhysicalResourceId"):
            yield from _states(cloudformation, each["PhysicalResourceId"])


def _quotas(service_quotas: Any) -> dict[str, float]:
    pages = service_quotas.get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    return {each["QuotaName"]: each["Value"] for page in pages for each in page["Quotas"]}
