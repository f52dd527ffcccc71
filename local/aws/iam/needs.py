"""What a request needs, where the emulator does not know it: actions, each with its resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ministack.services import athena, kms

from local.aws.config import ACCOUNT, REGION
from local.aws.sagemaker.registry import ARN_TYPES

Record = dict[str, Any]

# The namespace of each service that the emulator's own table lacks.
NAMESPACES = {
    "application-autoscaling": "application-autoscaling",
    "datasync": "datasync",
    "sagemaker": "sagemaker",
    "servicequotas": "servicequotas",
}
INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
# What Athena answers from its catalogue, whatever the workgroup.
OF_CATALOGUE = (
    "GetDataCatalog",
    "GetDatabase",
    "GetTableMetadata",
    "ListDatabases",
    "ListTableMetadata",
)
# Each operation that hands a role over: the key that names it, and to whom.
PASSES = {
    "glue:CreateCrawler": ("Role", "glue"),
    "glue:UpdateCrawler": ("Role", "glue"),
    "lambda:CreateFunction": ("Role", "lambda"),
    "lambda:UpdateFunctionConfiguration": ("Role", "lambda"),
    "sagemaker:CreateModel": ("ExecutionRoleArn", "sagemaker"),
    "sagemaker:CreateProcessingJob": ("RoleArn", "sagemaker"),
    "sagemaker:CreateTrainingJob": ("RoleArn", "sagemaker"),
    "states:CreateStateMachine": ("roleArn", "states"),
    "states:UpdateStateMachine": ("roleArn", "states"),
}


@dataclass(frozen=True)
class Need:
    """One action on one resource, with what its conditions may ask; keys in lower case."""

    action: str
    resource: str = "*"
    context: Mapping[str, Any] = field(default_factory=dict)


def of_request(action: str, path: str, asked: Record) -> list[Need] | None:
    """Return all that a request needs, what it is about first; None: the emulator knows best."""
    namespace, _, operation = action.partition(":")
    match namespace:
        case "sagemaker":
            resources = _sagemaker(operation, path, asked)
        case "glue":
            resources = glue_resources(operation, asked)
        case "athena":
            resources = [_athena(operation, asked)]
        case "datasync":
            names = ("TaskExecutionArn", "TaskArn", "LocationArn", "AgentArn")
            resources = [next((asked[name] for name in names if asked.get(name)), "*")]
        case "application-autoscaling" | "servicequotas":
            resources = ["*"]
        case "kms" if key := kms._resolve_key(asked.get("KeyId", "")):
            resources = [key["Arn"]]  # an alias stands for its key
        case "logs" if operation in ("PutLogEvents", "GetLogEvents"):
            group, stream = asked.get("logGroupName", ""), asked.get("logStreamName", "")
            resources = [arn("logs", f"log-group:{group}:log-stream:{stream}")]
        case _:
            passed = _passed_role(action, asked)
            return passed or None
    found = [Need(action, each) for each in resources]
    if namespace == "sagemaker" and operation.startswith("Create") and asked.get("Tags"):
        found.append(Need("sagemaker:AddTags", resources[0]))
    return [*found, *_passed_role(action, asked)]


def arn(service: str, rest: str) -> str:
    """Spell an ARN of this account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def glue_resources(operation: str, asked: Record) -> list[str]:
    """Return the catalogue, the database and the table that an operation touches, as AWS asks."""
    if "Crawler" in operation:
        name = asked.get("Name") or asked.get("CrawlerName")
        return [arn("glue", f"crawler/{name}") if name else "*"]
    database = asked.get("DatabaseName") or (
        (asked.get("Name") or (asked.get("DatabaseInput") or {}).get("Name"))
        if operation.endswith("Database")
        else ""
    )
    if not database:
        return [arn("glue", "catalog")]
    found = [arn("glue", "catalog"), arn("glue", f"database/{database}")]
    if not operation.endswith("Database"):
        table = asked.get("TableName") or asked.get("Name")
        table = table or (asked.get("TableInput") or {}).get("Name") or "*"
        found.append(arn("glue", f"table/{database}/{table}"))
    return found[::-1]


def _sagemaker(operation: str, path: str, asked: Record) -> list[str]:
    if invocation := INVOCATIONS.fullmatch(path):
        return [arn("sagemaker", f"endpoint/{unquote(invocation[1]).lower()}")]
    if asked.get("ResourceArn"):
        return [asked["ResourceArn"]]
    noun = re.sub(r"^(Create|Delete|Describe|Stop|Update)", "", operation)
    group = asked.get("ModelPackageGroupName", "").rpartition("/")[2].lower()
    if operation == "CreateModelPackage" and group:
        return [
            arn("sagemaker", f"model-package/{group}/*"),
            arn("sagemaker", f"model-package-group/{group}"),
        ]
    if operation == "ListModelPackages" and group:
        return [arn("sagemaker", f"model-package-group/{group}")]
    name = asked.get(f"{noun}Name") or asked.get(f"{noun}Arn") or ""
    if noun not in ARN_TYPES or not name:
        return ["*"]
    kind = ARN_TYPES[noun]
    found = [name if name.startswith("arn:") else arn("sagemaker", f"{kind}/{name.lower()}")]
    if noun == "Endpoint" and asked.get("EndpointConfigName"):
        found.append(arn("sagemaker", f"endpoint-config/{asked['EndpointConfigName'].lower()}"))
    return found


def network(asked: Record) -> dict[str, Any]:
    """Return the condition keys of the subnets and security groups that a job asks for, if any."""
    given = asked.get("VpcConfig") or (asked.get("NetworkConfig") or {}).get("VpcConfig") or {}
    keys = (
        ("Subnets", "sagemaker:vpcsubnets"),
        ("SecurityGroupIds", "sagemaker:vpcsecuritygroupids"),
    )
    return {key: given[name] for name, key in keys if given.get(name)}


def _athena(operation: str, asked: Record) -> str:
    if operation in OF_CATALOGUE:
        return arn("athena", f"datacatalog/{asked.get('CatalogName') or asked.get('Name')}")
    group = asked.get("WorkGroup")
    if not group and (query := asked.get("QueryExecutionId")):
        group = (athena._executions.get(query) or {}).get("WorkGroup")
    return arn("athena", f"workgroup/{group or 'primary'}")


def _passed_role(action: str, asked: Record) -> list[Need]:
    key, service = PASSES.get(action, ("", ""))
    role = asked.get(key)
    if not role:
        return []
    resource = role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{role}"
    passed_to = {"iam:passedtoservice": f"{service}.amazonaws.com"}
    return [Need("iam:PassRole", resource, passed_to)]
