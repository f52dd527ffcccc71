"""Stock operators whose retry finds its own work, and whose failure says what AWS said."""

from __future__ import annotations

import time
from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerProcessingOperator,
    SageMakerTrainingOperator,
)
from airflow.providers.amazon.aws.operators.step_function import StepFunctionStartExecutionOperator
from botocore.exceptions import ClientError

from solvencia.faults import PermanentFault

# What Lambda and Step Functions raise by themselves; all else comes out of our own code.
SERVICE_FAULTS = (
    "Lambda.",
    "States.Timeout",
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "ConnectTimeoutError",
    "ConnectionClosedError",
    "EndpointConnectionError",
    "IncompleteReadError",
    "ReadTimeoutError",
    "ResponseStreamingError",
)
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class ExecutionFailed(RuntimeError):
    """A state machine's execution ended badly for a reason that may pass."""


class PartsFailed(PermanentFault):
    """A state machine's execution failed in the code that it runs."""


class RunStateMachineOperator(StepFunctionStartExecutionOperator):  # type: ignore[misc]
    """Starts an execution, waits for its end, and returns its ARN.

    The stock operator waits only if deferred, which takes aiobotocore, and then loses the cause.
    """

    execution_arn: str | None = None

    def execute(self, context: Any) -> str:
        """Poll every `waiter_delay` seconds; raise PartsFailed or ExecutionFailed."""
        self.execution_arn = arn = str(super().execute(context))
        for _ in range(self.waiter_max_attempts):
            found = self.hook.describe_execution(arn)
            if found["status"] == "SUCCEEDED":
                return arn
            if found["status"] != "RUNNING":
                raise self._describe(arn, found)
            time.sleep(self.waiter_delay)
        self.on_kill()
        raise ExecutionFailed(f"{arn} did not end in time and was stopped")

    def on_kill(self) -> None:
        """Stop the execution: nobody waits for it any more."""
        if self.execution_arn:
            self.hook.conn.stop_execution(executionArn=self.execution_arn)

    def _describe(self, arn: str, found: dict[str, Any]) -> Exception:
        error, cause = found.get("error", found["status"]), found.get("cause", "")
        text = f"{arn}: {error}: {cause}. Read the log group of the Lambda that is named."
        is_ours = found["status"] == "FAILED" and not any(
            each in f"{error} {cause}" for each in SERVICE_FAULTS
        )
        return PartsFailed(text) if is_ours else ExecutionFailed(text)


class TrainModelOperator(SageMakerTrainingOperator):  # type: ignore[misc]
    """Trains, then prints the job's own log; a retry waits for the job that its run has started.

    With `print_log=True` the stock operator looks at the job every 30 s only.
    """

    def execute(self, context: Any) -> dict[str, Any]:
        """Return the finished job's description, as the stock operator does."""
        try:
            if self._is_running(self.config["TrainingJobName"]):
                self.log.info("Job %s runs already.", self.config["TrainingJobName"])
                return self._await_job()
            result: dict[str, Any] = super().execute(context)
            return result
        finally:
            self._print_log()

    def on_kill(self) -> None:
        """Stop the job: a killed task must leave nothing that is paid for."""
        self.hook.conn.stop_training_job(TrainingJobName=self.config["TrainingJobName"])

    def _is_running(self, name: str) -> bool:
        try:
            status = self.hook.describe_training_job(name)["TrainingJobStatus"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":
                return False
            raise
        return status in self.hook.non_terminal_states

    def _await_job(self) -> dict[str, Any]:
        name = self.config["TrainingJobName"]
        self.hook.check_status(
            name, "TrainingJobStatus", self.hook.describe_training_job, self.check_interval
        )
        result: dict[str, Any] = self.serialize_result(name)
        return result

    def _print_log(self) -> None:
        logs, prefix = self.hook.logs_hook, self.config["TrainingJobName"] + "/"
        try:
            streams = logs.conn.describe_log_streams(
                logGroupName=LOG_GROUP, logStreamNamePrefix=prefix
            )["logStreams"]
            for stream in streams:
                for event in logs.get_log_events(LOG_GROUP, stream["logStreamName"]):
                    self.log.info("%s", event["message"])
        except ClientError as error:
            # The job's outcome counts, and it stands already.
            self.log.warning("The log %s %s* cannot be read: %s", LOG_GROUP, prefix, error)


class ProcessOperator(SageMakerProcessingOperator):  # type: ignore[misc]
    """Runs a processing job; a killed task stops it."""

    def on_kill(self) -> None:
        """Stop the job: a killed task must leave nothing that is paid for."""
        self.hook.conn.stop_processing_job(ProcessingJobName=self.config["ProcessingJobName"])
