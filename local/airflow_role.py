"""Airflow's role: what MWAA would run it under, made from its template and nothing else of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from deployment import templates

TEMPLATE, STACK = "orchestration", "solvencia"
SERVICE = "airflow-env.amazonaws.com"
PARAMETERS = ("DataKeyArn", "OperationsKeyArn", "PermissionsBoundary", "SourceBucket", "Stack")


def create(aws: Callable[[str], Any], address: str) -> dict[str, str]:
    """Make or update the role in the embedded AWS; return the variables that let Airflow use it."""
    cloudformation = aws("cloudformation")
    read = templates.read(TEMPLATE)
    template = {
        "AWSTemplateFormatVersion": read["AWSTemplateFormatVersion"],
        "Description": "The role of Airflow, which runs beside the embedded AWS",
        "Parameters": {name: read["Parameters"][name] for name in PARAMETERS},
        "Conditions": {"HasBoundary": read["Conditions"]["HasBoundary"]},
        "Resources": {"Role": read["Resources"]["Role"]},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
    }
    given = _keys(cloudformation) | {
        "PermissionsBoundary": "",
        "SourceBucket": f"{STACK}-code",
        "Stack": STACK,
    }
    request = {
        "StackName": f"{STACK}-airflow-role",
        "TemplateBody": json.dumps(template),
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
        ],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    name = {"StackName": request["StackName"]}
    try:
        cloudformation.create_stack(**request)
        cloudformation.get_waiter("stack_create_complete").wait(**name, WaiterConfig={"Delay": 1})
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates" not in str(error):
                raise
        else:
            waiter = cloudformation.get_waiter("stack_update_complete")
            waiter.wait(**name, WaiterConfig={"Delay": 1})
    role = cloudformation.describe_stacks(**name)["Stacks"][0]["Outputs"][0]["OutputValue"]
    account = role.split(":")[4]
    source = f"arn:aws:airflow:us-east-1:{account}:environment/{STACK}"
    asked = urlencode({"role": role, "service": SERVICE, "source": source})
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{address}/_credentials?{asked}"}


def _keys(cloudformation: Any) -> dict[str, str]:
    """Return the ARNs of the keys that the deployed stack encrypts with."""
    found = cloudformation.describe_stack_resources(StackName=STACK, LogicalResourceId="Keys")
    nested = found["StackResources"][0]["PhysicalResourceId"]
    outputs = cloudformation.describe_stacks(StackName=nested)["Stacks"][0]["Outputs"]
    named = {each["OutputKey"]: each["OutputValue"] for each in outputs}
    return {name: named[name] for name in ("DataKeyArn", "OperationsKeyArn")}
