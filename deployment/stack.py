"""One CloudFormation stack with nested ones: created or updated by a change set, and watched."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from deployment import change_set as change_sets
from deployment import failure
from deployment.faults import hint

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
UNBORN = (None, "REVIEW_IN_PROGRESS", "DELETE_COMPLETE")
POLL_SECONDS_MAX = 5.0
NO_CHANGE = ("didn't contain changes", "No updates")


class DeploymentFailed(RuntimeError):
    """The stack did not reach what was asked; the message names the resources and the next step."""


class Stack:
    """A stack by name; `say` gets a line for each step, `agree` raises unless it may act.

    `given_up` are paths of resources, as the change set shows them, whose data may be left behind.
    """

    def __init__(
        self,
        cloudformation: Any,
        name: str,
        say: Callable[[str], None],
        agree: Callable[[str], None],
        given_up: Collection[str] = (),
    ) -> None:
        self.client = cloudformation
        self.name = name
        self.say = say
        self.agree = agree
        self.given_up = given_up

    def deploy(self, template: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
        """Create or update the stack; return its outputs.

        `template` is {"TemplateURL": address}, which changes with its content, or
        {"TemplateBody": text}. A parameter that is not in `wanted` keeps the stack's value, else
        the template's default.
        Raises DeploymentFailed, after CloudFormation has rolled back.
        """
        found = self._wait_until_idle()
        status = found.get("StackStatus")
        known = {
            each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])
        }
        parameters = {**known, **wanted}
        is_same = "TemplateURL" in template and parameters == known
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") and is_same:
            self.say(f"stack {self.name} is up to date")
            return _outputs(found)
        if status not in (*UNBORN, *SETTLED):
            raise DeploymentFailed(
                f"stack {self.name} is {status}: look at its events, then delete it, or continue "
                "its rollback, and deploy again"
            )
        if self._execute_change_set(template, parameters, is_new=status in UNBORN):
            return _outputs(self._describe())
        self.say(f"stack {self.name} is up to date")
        return _outputs(found)

    def _execute_change_set(
        self, template: Mapping[str, str], parameters: Mapping[str, str], *, is_new: bool
    ) -> bool:
        """Make a change set, show it, run it and wait; return False where it holds no change."""
        names = self.declared(template)
        change_set = self.client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{uuid.uuid4().hex[:12]}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            **template,
            Capabilities=CAPABILITIES,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in sorted(parameters.items())
                if name in names
            ],
            Tags=[{"Key": "solvencia:stack", "Value": self.name}],
            **({"OnStackFailure": "DELETE"} if is_new else {"IncludeNestedStacks": True}),
        )
        described = self._wait_for_change_set(change_set["Id"])
        if described["Status"] == "FAILED":
            reason = described.get("StatusReason", "")
            self.client.delete_change_set(ChangeSetName=change_set["Id"])
            if any(each in reason for each in NO_CHANGE):
                return False
            raise DeploymentFailed(
                f"stack {self.name}: CloudFormation refused: {reason}{hint(reason)}"
            )
        try:
            self._show(change_set["Id"], is_new)
        except BaseException:
            self._forget(change_set, is_new)
            raise
        seen = self._seen(change_set["StackId"])
        self.client.execute_change_set(ChangeSetName=change_set["Id"])
        self._watch(change_set["StackId"], seen)
        return True

    def delete(self) -> None:
        """Delete the stack and wait; one that is gone is no fault. Raises DeploymentFailed."""
        found = self._wait_until_idle()
        if found.get("StackStatus") in (None, "DELETE_COMPLETE"):
            self.say(f"there is no stack {self.name}")
            return
        stack_id = found["StackId"]
        seen = self._seen(stack_id)
        self.client.delete_stack(StackName=stack_id)
        for pause in _pauses():
            status = self._describe(stack_id).get("StackStatus", "DELETE_COMPLETE")
            if status == "DELETE_COMPLETE":
                self.say(f"stack {self.name} deleted")
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeploymentFailed(
                    failure.explain(self.client, self.name, stack_id, status, seen)
                )
            time.sleep(pause)

    def declared(self, template: Mapping[str, str]) -> set[str]:
        """Return the names of a template's parameters."""
        summary = self.client.get_template_summary(**template)
        return {each["ParameterKey"] for each in summary["Parameters"]}

    def parameters(self) -> dict[str, str]:
        """Return the stack's parameters, empty when there is no such stack."""
        found = self._describe().get("Parameters", [])
        return {each["ParameterKey"]: each["ParameterValue"] for each in found}

    def _show(self, change_set_id: str, is_new: bool) -> None:
        """Say each change and ask; raise DeploymentFailed where data would be lost."""
        changes = list(change_sets.read(self.client, change_set_id))
        self.say(f"stack {self.name}: {len(changes)} resources to {_verb(is_new)}")
        for each in changes:
            self.say(f"  {each}")
        if lost := change_sets.lost_data(changes, self.given_up):
            paths = " ".join(each.path for each in lost)
            raise DeploymentFailed(
                f"stack {self.name}: {paths} would be replaced or removed and the data left "
                "behind; nothing was changed: undo what asks for it, or insist with "
                f'GIVE_UP="{paths}" (--give-up, each path)'
            )
        self.agree(f"{_verb(is_new)} stack {self.name}")

    def _forget(self, change_set: Mapping[str, Any], is_new: bool) -> None:
        """Delete a change set that nobody agreed to, and the empty stack that it came with."""
        self.client.delete_change_set(ChangeSetName=change_set["Id"])
        if is_new:
            self.client.delete_stack(StackName=change_set["StackId"])

    def _wait_for_change_set(self, identifier: str) -> dict[str, Any]:
        for pause in _pauses():
            found: dict[str, Any] = self.client.describe_change_set(ChangeSetName=identifier)
            if found["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                return found
            time.sleep(pause)
        raise AssertionError("pauses never end")

    def _seen(self, stack_id: str) -> frozenset[str]:
        """Return the ids of the stack's events so far."""
        return frozenset(each["EventId"] for each in failure.events(self.client, stack_id))

    def _watch(self, stack_id: str, seen: frozenset[str]) -> None:
        """Say each nested stack that is done; raise DeploymentFailed when the operation failed."""
        told = set(seen)
        for pause in _pauses():
            status = self._describe(stack_id).get("StackStatus", "DELETE_COMPLETE")
            for event in failure.events(self.client, stack_id):
                if event["EventId"] not in told:
                    told.add(event["EventId"])
                    self._tell(event)
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                return
            if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
                raise DeploymentFailed(
                    failure.explain(self.client, self.name, stack_id, status, seen)
                )
            time.sleep(pause)

    def _tell(self, event: Mapping[str, Any]) -> None:
        is_done = event["ResourceStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        if is_done and event.get("PhysicalResourceId") != event["StackId"]:
            self.say(f"{event['LogicalResourceId']} {event['ResourceStatus']}")

    def _wait_until_idle(self) -> dict[str, Any]:
        """Let an operation that another deployment left running come to its end."""
        for pause in _pauses():
            found = self._describe()
            status = found.get("StackStatus", "")
            if not status.endswith("_IN_PROGRESS") or status == "REVIEW_IN_PROGRESS":
                return found
            self.say(f"stack {self.name} is {status}: waiting")
            time.sleep(pause)
        raise AssertionError("pauses never end")

    def _describe(self, name: str | None = None) -> dict[str, Any]:
        """Return the stack's description, empty when there is no such stack."""
        try:
            stacks = self.client.describe_stacks(StackName=name or self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return {}
            raise
        return dict(stacks[0])


def _pauses() -> Iterator[float]:
    """Yield pauses in seconds: short at first, as an update of nothing takes no time."""
    pause = 0.1
    while True:
        yield pause
        pause = min(pause * 1.5, POLL_SECONDS_MAX)


def _verb(is_new: bool) -> str:
    return "create" if is_new else "change"


def _outputs(found: Mapping[str, Any]) -> dict[str, str]:
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
