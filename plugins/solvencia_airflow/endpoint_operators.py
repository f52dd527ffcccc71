"""Stock operators of model and endpoint whose retry finds its own work."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerEndpointConfigOperator,
    SageMakerEndpointOperator,
    SageMakerModelOperator,
    serialize,
)
from botocore.exceptions import ClientError, WaiterError

from solvencia import registry
from solvencia.faults import PermanentFault


class NameTaken(PermanentFault):
    """A model or endpoint configuration of this name has another content."""


class EndpointUnhealthy(PermanentFault):
    """The endpoint never got healthy with the new version."""


class CreateModelOperator(SageMakerModelOperator):  # type: ignore[misc]
    """Creates a model, or finds the one that has this name and thereby this content.

    The name is that of an approved version in `package_group`.
    """

    def __init__(self, *, package_group: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.package_group = package_group

    def execute(self, context: Any) -> dict[str, Any]:
        """Return the model's description; raise NotApproved, or NameTaken if its image differs."""
        name = self.config["ModelName"]
        registry.require_approved(self.hook.conn, self.package_group, name)
        try:
            found = self.hook.describe_model(name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            result: dict[str, Any] = super().execute(context)
            return result
        wanted, there = self.config["PrimaryContainer"]["Image"], found["PrimaryContainer"]["Image"]
        if wanted != there:
            raise NameTaken(
                f"model {name} is there already, with image {there} instead of {wanted}: delete it "
                "once the endpoint serves another version, or train again"
            )
        self.log.info("Model %s is there already.", name)
        return {"Model": serialize(found)}


class CreateEndpointConfigOperator(SageMakerEndpointConfigOperator):  # type: ignore[misc]
    """Creates an endpoint configuration, or finds its own."""

    def execute(self, context: Any) -> dict[str, Any]:
        """Return the description; raise NameTaken if the variants are other ones."""
        name = self.config["EndpointConfigName"]
        self._create_integer_fields()
        self.parse_config_integers()
        try:
            found = self.hook.describe_endpoint_config(name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            result: dict[str, Any] = super().execute(context)
            return result
        keys = ("VariantName", "ModelName", "InitialInstanceCount", "InstanceType")
        wanted, there = (
            [{key: each.get(key) for key in keys} for each in config["ProductionVariants"]]
            for config in (self.config, found)
        )
        if wanted != there:
            raise NameTaken(
                f"endpoint configuration {name} is there already, with {there} instead of "
                f"{wanted}: delete it once the endpoint uses another one"
            )
        self.log.info("Endpoint configuration %s is there already.", name)
        return {"EndpointConfig": serialize(found)}


class DeployEndpointOperator(SageMakerEndpointOperator):  # type: ignore[misc]
    """Puts a configuration on the endpoint in place; creates the endpoint where there is none.

    The configuration has the name of an approved version in `package_group`. A failed endpoint is
    deleted and created again. SageMaker rolls a bad update back and calls that success, so the
    configuration that serves in the end is compared.
    """

    def __init__(self, *, package_group: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.package_group = package_group

    def execute(self, context: Any) -> dict[str, Any]:
        """Return endpoint and configuration.

        Raises NotApproved, or EndpointUnhealthy with SageMaker's reason.
        """
        name, wanted = self.config["EndpointName"], self.config["EndpointConfigName"]
        registry.require_approved(self.hook.conn, self.package_group, wanted)
        status, live = self._describe(name)
        if status in self.hook.endpoint_non_terminal_states:
            status, live = self._settle(name)
        if status == "Failed":
            self.log.warning("Endpoint %s has failed: it is deleted and created again.", name)
            self.hook.conn.delete_endpoint(EndpointName=name)
            self.hook.conn.get_waiter("endpoint_deleted").wait(
                EndpointName=name, WaiterConfig={"Delay": self.check_interval}
            )
            status = ""
        if (status, live) == ("InService", wanted):
            self.log.info("Endpoint %s serves %s already.", name, wanted)
        else:
            self.operation = "update" if status else "create"
            self.wait_for_completion = self.deferrable = False
            super().execute(context)
            status, live = self._settle(name)
        if (status, live) != ("InService", wanted):
            reason = self.hook.describe_endpoint(name).get("FailureReason", "(no reason given)")
            raise EndpointUnhealthy(
                f"endpoint {name} did not get healthy with {wanted} (status {status}, serving "
                f"{live or 'nothing'}): {reason}. Read its log, /aws/sagemaker/Endpoints/{name}."
            )
        return {
            "EndpointConfig": serialize(self.hook.describe_endpoint_config(wanted)),
            "Endpoint": serialize(self.hook.describe_endpoint(name)),
        }

    def _settle(self, name: str) -> tuple[str, str]:
        """Wait until SageMaker has stopped working on the endpoint."""
        try:
            self.hook.get_waiter("endpoint_in_service").wait(
                EndpointName=name,
                WaiterConfig={
                    "Delay": self.check_interval,
                    "MaxAttempts": self.max_ingestion_time // self.check_interval,
                },
            )
        except WaiterError as error:
            if self._describe(name)[0] in self.hook.endpoint_non_terminal_states:
                raise TimeoutError(f"endpoint {name} did not settle in time") from error
        return self._describe(name)

    def _describe(self, name: str) -> tuple[str, str]:
        try:
            found = self.hook.describe_endpoint(name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":
                return "", ""
            raise
        return found["EndpointStatus"], found["EndpointConfigName"]
