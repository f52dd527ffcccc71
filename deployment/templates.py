"""The CloudFormation templates as plain data: functions in their long form, or worked out.

What a template leaves to the deployment (account, region, physical ids) gets an example's value, so
that an engine that knows no CloudFormation can judge the policies and the properties.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).resolve().parent.parent / "infra"
ROOT = "solvencia"
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackName": "solvencia",
    "AWS::URLSuffix": "amazonaws.com",
    "Portfolio": "consumer_credit",
}
# Options that are off by default, on.
OPTIONS = {
    "ModelSourceKey": "image/source.zip",
    "DomainName": "scores.lender.example",
    "CertificateArn": (
        "arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
    ),
    "HostedZoneId": "Z0123456789ABC",
    "WarehouseCidr": "10.1.2.0/28",
    "PermissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
    "ReplicaBucketArn": "arn:aws:s3:::solvencia-replica-123456789012-eu-central-1",
    "ReplicaKeyArn": (
        "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
    ),
}
# The ARN of each type that a policy names, from the properties that name it.
ARNS = {
    "AWS::CodeBuild::Project": "arn:aws:codebuild:eu-west-1:123456789012:project/{Name}",
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-west-1:123456789012:table/{TableName}",
    "AWS::ECR::Repository": "arn:aws:ecr:eu-west-1:123456789012:repository/{RepositoryName}",
    "AWS::IAM::Role": "arn:aws:iam::123456789012:role/{RoleName}",
    "AWS::KMS::Key": "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f",
    "AWS::Lambda::Function": "arn:aws:lambda:eu-west-1:123456789012:function:{FunctionName}",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-west-1:123456789012:log-group:{LogGroupName}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{BucketName}",
    "AWS::SNS::Topic": "arn:aws:sns:eu-west-1:123456789012:{TopicName}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-west-1:123456789012:{QueueName}",
    "AWS::StepFunctions::StateMachine": (
        "arn:aws:states:eu-west-1:123456789012:stateMachine:{StateMachineName}"
    ),
}
REF_IS_ARN = ("AWS::SNS::Topic", "AWS::StepFunctions::StateMachine")


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # yaml has no types
    """Reads `!Ref x` as {"Ref": x} and `!Sub x` as {"Fn::Sub": x}."""


def _function(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML has no fourth kind
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _function)


@cache
def names() -> tuple[str, ...]:
    """Return the names of all templates, sorted."""
    return tuple(sorted(path.stem for path in INFRA.glob("*.yaml")))


@cache
def read(name: str) -> dict[str, Any]:
    """Return one template, its functions in their long form; not to be changed."""
    text = (INFRA / f"{name}.yaml").read_text(encoding="utf-8")
    template: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    return template


def declared(name: str) -> dict[str, dict[str, Any]]:
    """Return a template's resources by logical id, those of a Fn::ForEach as they stand in it."""
    found: dict[str, dict[str, Any]] = {}
    for logical_id, resource in read(name)["Resources"].items():
        found.update(
            resource[2] if logical_id.startswith("Fn::ForEach") else {logical_id: resource}
        )
    return found


@cache
def resolved(name: str) -> dict[str, dict[str, Any]]:
    """Return a template's resources as a deployment with every option on would see them."""
    return {
        logical_id: {**resource, "Properties": resolve(name, resource.get("Properties", {}))}
        for logical_id, resource in declared(name).items()
    }


@cache
def parameters(name: str) -> Mapping[str, Any]:
    """Return the values that the root stack hands to a template, else the defaults."""
    defaults = {
        parameter: OPTIONS.get(parameter, body.get("Default"))
        for parameter, body in read(name)["Parameters"].items()
    }
    for resource in declared(ROOT).values() if name != ROOT else ():
        properties = resource.get("Properties", {})
        if str(properties.get("TemplateURL")).rstrip("'}").endswith(f"/{name}.yaml"):
            given = properties.get("Parameters", {})
            return defaults | {each: resolve(ROOT, value) for each, value in given.items()}
    return defaults


def resolve(name: str, value: Any) -> Any:
    """Work out the functions in a value of the template `name`; what is unknown stays."""
    if isinstance(value, list):
        return [resolve(name, each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        return {key: resolve(name, each) for key, each in value.items()}
    ((function, argument),) = value.items()
    if function == "Ref":
        return _reference(name, argument)
    if function == "Fn::GetAtt":
        whole = argument if isinstance(argument, str) else ".".join(argument)
        return _attribute(name, whole)
    if function == "Fn::Sub":
        text, more = argument if isinstance(argument, list) else (argument, {})
        known = {each: resolve(name, one) for each, one in more.items()}
        return re.sub(r"\$\{([^!}]+)\}", lambda found: str(_named(name, found[1], known)), text)
    if function == "Fn::If":
        return resolve(name, argument[1])
    if function == "Fn::Join":
        return str(argument[0]).join(map(str, resolve(name, argument[1])))
    if function == "Fn::Split":
        return str(resolve(name, argument[1])).split(argument[0])
    return {function: resolve(name, argument)}


def _named(name: str, what: str, known: Mapping[str, Any]) -> Any:
    if what in known:
        return known[what]
    return _attribute(name, what) if "." in what else _reference(name, what)


def _reference(name: str, what: str) -> Any:
    given = read(name)["Parameters"]
    if what in given and (found := parameters(name).get(what)) is not None:
        return found
    if what in PSEUDO:
        return PSEUDO[what]
    resource = declared(name).get(what, {})
    kind, properties = resource.get("Type", ""), resource.get("Properties", {})
    if kind in REF_IS_ARN:
        return _attribute(name, f"{what}.Arn")
    if kind == "AWS::Glue::Database":
        return resolve(name, properties["DatabaseInput"]["Name"])
    own = [key for key in properties if re.fullmatch(r"(\w+)?Name", key)]
    return resolve(name, properties[own[0]]) if own and kind != "AWS::ApiGateway::RestApi" else what


def _attribute(name: str, whole: str) -> Any:
    logical_id, _, attribute = whole.partition(".")
    resource = declared(name).get(logical_id, {})
    properties = resource.get("Properties", {})
    if attribute.startswith("Outputs."):
        nested = Path(str(properties["TemplateURL"]).rstrip("'}")).stem
        output = read(nested)["Outputs"][attribute.removeprefix("Outputs.")]
        return resolve(nested, output["Value"])
    if attribute != "Arn" or resource.get("Type") not in ARNS:
        return f"{logical_id}.{attribute}"
    given = {key: each for key, each in properties.items() if key.endswith("Name")}
    return ARNS[resource["Type"]].format_map(_Names(logical_id, resolve(name, given)))


class _Names(dict[str, Any]):
    """Names of a resource; one that CloudFormation makes up is the logical id."""

    def __init__(self, logical_id: str, given: dict[str, Any]) -> None:
        super().__init__(given)
        self.logical_id = logical_id

    def __missing__(self, key: str) -> str:
        return self.logical_id
