"""Endpoints: in service, on at least two instances that may stand in two zones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from deployment.smoke.line import FAILED, LOOK, OK, Deployment, Line, judge
from solvencia.settings import Settings

ZONES_MIN = INSTANCES_MIN = 2


def endpoints(deployed: Deployment) -> Iterator[Line]:
    """Each portfolio's champion answers, and outlives the loss of a zone."""
    sagemaker = deployed.client("sagemaker")
    names = Settings(deployed.stack, deployed.account, deployed.region)
    for portfolio in deployed.portfolios:
        what = f"endpoint of {portfolio}"
        try:
            found = sagemaker.describe_endpoint(EndpointName=names.endpoint(portfolio))
        except ClientError as fault:
            if "Could not find" not in str(fault):
                raise
            step = f"run the DAG build_model_{portfolio}, and approve its model"
            yield Line(LOOK, what, "not there: no model was deployed yet", step)
            continue
        if found["EndpointStatus"].endswith("ing"):
            step = "wait, and look again"
            yield Line(LOOK, what, f"it is {found['EndpointStatus']}", step)
            continue
        if found["EndpointStatus"] != "InService":
            step = f"{found.get('FailureReason', '')} look at its log group".strip()
            yield Line(FAILED, what, f"it is {found['EndpointStatus']}", step)
            continue
        count = sum(each["CurrentInstanceCount"] for each in found["ProductionVariants"])
        zones = _zones(deployed, sagemaker, found["EndpointConfigName"])
        few = [] if count >= INSTANCES_MIN else [f"{count} instance: a lost zone stops it"]
        if zones and len(zones) < ZONES_MIN:
            few.append(f"all in {zones[0]}")
        told = f"in {' and '.join(zones)}" if zones else "in no network of the stack"
        step = "set SOLVENCIA_ENDPOINT_INSTANCES to 2 or more, and deploy the model again"
        yield judge(what, few, f"InService, {count} instances {told}", step)


def _zones(deployed: Deployment, sagemaker: Any, config: str) -> list[str]:
    """Return the zones that the endpoint's models may stand in, none where they have no network."""
    variants = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
    subnets = {
        subnet
        for each in variants
        for subnet in sagemaker.describe_model(ModelName=each["ModelName"])
        .get("VpcConfig", {})
        .get("Subnets", [])
    }
    if not subnets:
        return []
    found = deployed.client("ec2").describe_subnets(SubnetIds=sorted(subnets))["Subnets"]
    return sorted({each["AvailabilityZone"] for each in found})


def image(deployed: Deployment) -> Iterator[Line]:
    """The model image that the stack names lies in its repository."""
    uri = deployed.outputs["SolvenciaModelImage"]
    repository, _, tag = uri.partition("/")[2].rpartition(":")
    try:
        deployed.client("ecr").describe_images(
            repositoryName=repository, imageIds=[{"imageTag": tag}]
        )
    except ClientError as fault:
        if "NotFound" not in str(fault):
            raise
        step = f"aws codebuild start-build --project-name {deployed.stack}-model"
        yield Line(LOOK, "model image", f"{repository}:{tag} was not built yet", step)
        return
    yield Line(OK, "model image", f"{repository}:{tag}")
