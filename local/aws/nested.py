"""Nested stacks as CloudFormation has them: their own change sets, and no remains of a failure.

ministack shows a change of the root's template alone, keeps what a nested stack made before its
creation failed, and calls any change of a bucket or a key a possible replacement.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, engine, helpers, provisioners, stacks

from local.aws.clients import Reply
from local.aws.config import Config

NESTED = "AWS::CloudFormation::Stack"
Record = dict[str, Any]
# What replaces them, by CloudFormation's reference.
REPLACING = {
    "AWS::KMS::Key": (),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupDescription", "ModelPackageGroupName"),
}


def install(config: Config) -> None:
    """Put the change sets of nested stacks beside their parent's, and clean up after a failure."""
    provisioners._REPLACING_PROPERTIES.update(REPLACING)
    provisioners._STACK_TAG_PROPERTY["AWS::SageMaker::ModelPackageGroup"] = ("Tags", "list")
    actions = cloudformation._ACTION_HANDLERS
    actions["CreateChangeSet"] = _with_nested(actions["CreateChangeSet"])
    actions["DescribeChangeSet"] = _naming_nested(actions["DescribeChangeSet"])
    actions["DeleteChangeSet"] = _forgetting_nested(actions["DeleteChangeSet"])
    nested = provisioners._RESOURCE_HANDLERS[NESTED]
    nested["create"] = _whole_or_nothing(nested["create"])
    nested["update"] = _naming_failed(nested["update"])


def _with_nested(create: Callable[[Record], Reply]) -> Callable[[Record], Reply]:
    def create_change_set(params: Record) -> Reply:
        before = set(cloudformation._change_sets)
        reply = create(params)
        for identifier in set(cloudformation._change_sets) - before:
            made = cloudformation._change_sets[identifier]
            if made["ChangeSetType"] == "UPDATE":
                _keep_conditions(made)
                if helpers._p(params, "IncludeNestedStacks", "").lower() == "true":
                    _add_nested(made)
        return reply

    return create_change_set


def _keep_conditions(root: Record) -> None:
    """Let a change be of what there is: a resource that is off is neither changed nor there."""
    template, there = root["_template"], cloudformation._stacks[root["StackName"]]["_resources"]
    conditions = engine._evaluate_conditions(template, root["_resolved_params"])
    kept = []
    for each in root["Changes"]:
        name = each["ResourceChange"]["LogicalResourceId"]
        declared = template["Resources"].get(name, {})
        is_on = bool(declared) and conditions.get(declared.get("Condition"), True)
        if is_on == (name in there):
            action = each["ResourceChange"]["Action"] if is_on else ""
        else:
            action = "Add" if is_on else "Remove"
        if action:
            kept.append({"ResourceChange": {**each["ResourceChange"], "Action": action}})
    root["Changes"] = kept


def _add_nested(root: Record) -> None:
    """Make a change set for each nested stack that a change set modifies."""
    stack = cloudformation._stacks[root["StackName"]]
    for each in root["Changes"]:
        change = each["ResourceChange"]
        if change["ResourceType"] == NESTED and change["Action"] == "Modify":
            made = _nested_change_set(root, stack, change)
            cloudformation._change_sets[made["ChangeSetId"]] = made
            change["_nested"] = made["ChangeSetId"]


def _nested_change_set(root: Record, stack: Record, change: Record) -> Record:
    """Compare a nested stack with what the root's change set would make of it."""
    name = provisioners._nested_stack_lookup_name(change["PhysicalResourceId"])
    child = cloudformation._stacks[name]
    template = root["_template"]
    properties = engine._resolve_refs(
        copy.deepcopy(template["Resources"][change["LogicalResourceId"]]["Properties"]),
        stack["_resources"],
        root["_resolved_params"],
        engine._evaluate_conditions(template, root["_resolved_params"]),
        template.get("Mappings", {}),
        stack["StackName"],
        stack["StackId"],
    )
    body, _ = helpers._resolve_template({"TemplateURL": [properties["TemplateURL"]]})
    new = engine._parse_template(body)
    given = [{"Key": key, "Value": str(value)} for key, value in properties["Parameters"].items()]
    values = engine._resolve_parameters(new, given)
    old_values = child["_resolved_params"]
    changed = {
        key
        for key, value in values.items()
        if old_values.get(key, {}).get("Value") != value.get("Value")
    }
    changes = stacks._diff_resources(
        _effective(child["_template"], old_values, child),
        _effective(new, values, child),
        child["_resources"],
        new,
        changed,
    )
    return {
        **root,
        "ChangeSetId": root["ChangeSetId"].rpartition("/")[0] + "/" + new_uuid(),
        "StackName": name,
        "StackId": child["StackId"],
        "Changes": changes,
        "ExecutionStatus": "UNAVAILABLE",
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value["Value"]} for key, value in values.items()
        ],
        "_root": root["ChangeSetId"],
    }


def _effective(template: Record, values: Record, child: Record) -> Record:
    """Return a template's resources that its conditions let be, their properties worked out."""
    conditions = engine._evaluate_conditions(template, values)
    resolved = changesets._resolve_props_for_diff(
        template, values, child["StackName"], child["StackId"]
    )
    return {
        "Resources": {
            name: resource
            for name, resource in resolved["Resources"].items()
            if conditions.get(resource.get("Condition"), True)
        }
    }


def _naming_nested(describe: Callable[[Record], Reply]) -> Callable[[Record], Reply]:
    def describe_change_set(params: Record) -> Reply:
        status, headers, body = describe(params)
        _, found = changesets._find_change_set(
            helpers._p(params, "ChangeSetName"), helpers._p(params, "StackName")
        )
        for each in (found or {}).get("Changes", []):
            change = each["ResourceChange"]
            if "_nested" in change:
                named = f"<LogicalResourceId>{change['LogicalResourceId']}</LogicalResourceId>"
                link = f"<ChangeSetId>{change['_nested']}</ChangeSetId>"
                body = body.replace(named.encode(), (named + link).encode())
        return status, headers, body

    return describe_change_set


def _forgetting_nested(delete: Callable[[Record], Reply]) -> Callable[[Record], Reply]:
    def delete_change_set(params: Record) -> Reply:
        reply = delete(params)
        kept = cloudformation._change_sets
        gone = [key for key, each in kept.items() if each.get("_root", key) not in kept]
        for key in gone:
            kept.pop(key)
        return reply

    return delete_change_set


def _whole_or_nothing(create: Callable[..., Any]) -> Callable[..., Any]:
    """Delete what a nested stack made before it failed; nobody else would know of it."""

    def create_nested(logical_id: str, properties: Record, stack: str) -> Any:
        before = set(cloudformation._stacks)
        try:
            return create(logical_id, properties, stack)
        except Exception as error:
            made = set(cloudformation._stacks) - before
            for name in (each for each in made if each.startswith(f"{stack}-{logical_id}-")):
                provisioners._cfn_nested_stack_delete(name, properties)
                raise ValueError(_reason(name, "created")) from error
            raise

    return create_nested


def _naming_failed(update: Callable[..., Any]) -> Callable[..., Any]:
    def update_nested(physical_id: str, *given: Any) -> Any:
        try:
            return update(physical_id, *given)
        except Exception as error:
            name = provisioners._nested_stack_lookup_name(physical_id)
            raise ValueError(_reason(name, "updated")) from error

    return update_nested


def _reason(name: str, what: str) -> str:
    """Return what CloudFormation says of a nested stack that failed, with its resource's reason."""
    child = cloudformation._stacks[name]
    return (
        f"Embedded stack {child['StackId']} was not successfully {what}: "
        f"{child.get('StackStatusReason', '')}"
    )
