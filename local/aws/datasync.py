"""DataSync: tasks that really copy files of the exports folder into S3.

An NFS location's folder lies below the exports folder, whatever its server's name.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import lifecycle
from local.aws.clients import Reply, ServiceError, answer, refuse
from local.aws.config import ACCOUNT, REGION, Config
from local.aws.datasync_transfer import Transfer, TransferFault
from local.aws.iam.identity import acting_as
from local.aws.iam.roles import assume

Record = dict[str, Any]

IDS = {"location": "loc", "task": "task", "agent": "agent"}
FINAL = ("SUCCESS", "ERROR")

log = logging.getLogger("local.datasync")


class DataSync:
    """Agents, locations, tasks and executions by ARN."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.records: dict[str, dict[str, Record]] = {
            "agent": {},
            "location": {},
            "task": {},
            "execution": {},
        }
        self.lock = threading.RLock()
        self.operations: dict[str, Callable[[Record], Record]] = {
            "CreateAgent": self._create_agent,
            "DescribeAgent": lambda asked: self._find("agent", asked["AgentArn"]),
            "ListAgents": lambda _: self._list("agent", "Agents", "AgentArn", "Name", "Status"),
            "DeleteAgent": lambda asked: self._delete("agent", asked["AgentArn"]),
            "CreateLocationNfs": self._create_nfs,
            "CreateLocationS3": self._create_s3,
            "DescribeLocationNfs": lambda asked: self._location(asked, "nfs"),
            "DescribeLocationS3": lambda asked: self._location(asked, "s3"),
            "ListLocations": lambda _: self._list(
                "location", "Locations", "LocationArn", "LocationUri"
            ),
            "DeleteLocation": lambda asked: self._delete("location", asked["LocationArn"]),
            "CreateTask": self._create_task,
            "DescribeTask": lambda asked: self._find("task", asked["TaskArn"]),
            "UpdateTask": self._update_task,
            "ListTasks": lambda _: self._list("task", "Tasks", "TaskArn", "Name", "Status"),
            "DeleteTask": lambda asked: self._delete("task", asked["TaskArn"]),
            "StartTaskExecution": self._start,
            "DescribeTaskExecution": lambda asked: self._find(
                "execution", asked["TaskExecutionArn"]
            ),
            "ListTaskExecutions": lambda _: self._list(
                "execution", "TaskExecutions", "TaskExecutionArn", "Status"
            ),
            "CancelTaskExecution": self._cancel,
        }

    def handle(self, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        work = self.operations.get(operation)
        try:
            if work is None:
                text = f"DataSync's {operation} is not run by the embedded AWS"
                raise ServiceError("InvalidRequestException", text)
            return answer(work(json.loads(body or b"{}")))
        except ServiceError as error:
            return refuse(error)

    def get_state(self) -> Record:
        """Return what is kept when the server stops."""
        return self.records

    def load_persisted_state(self, state: Record) -> None:
        """Take over what was kept; executions that ran then have failed."""
        self.records |= state
        for record in self.records["execution"].values():
            if record["Status"] not in FINAL:
                self._end(record, "ERROR", "The embedded AWS stopped: start the task again")

    # ---- agents, locations, tasks -----------------------------------------------------------

    def _create_agent(self, asked: Record) -> Record:
        return self._create("agent", Name=asked.get("AgentName", ""), Status="ONLINE")

    def _create_nfs(self, asked: Record) -> Record:
        uri = f"nfs://{asked['ServerHostname']}/{asked['Subdirectory'].strip('/')}"
        on_prem = asked["OnPremConfig"]
        for arn in on_prem["AgentArns"]:
            self._find("agent", arn)
        return self._create("location", LocationUri=_folder(uri), OnPremConfig=on_prem)

    def _create_s3(self, asked: Record) -> Record:
        bucket = asked["S3BucketArn"].rpartition(":")[2]
        uri = f"s3://{bucket}/{asked.get('Subdirectory', '').strip('/')}"
        return self._create("location", LocationUri=_folder(uri), S3Config=asked["S3Config"])

    def _create_task(self, asked: Record) -> Record:
        source = self._find("location", asked["SourceLocationArn"])["LocationUri"]
        target = self._find("location", asked["DestinationLocationArn"])["LocationUri"]
        if not source.startswith("nfs://") or not target.startswith("s3://"):
            text = f"The embedded AWS copies from NFS to S3, not from {source} to {target}"
            raise ServiceError("InvalidRequestException", text)
        kept = {key: value for key, value in asked.items() if key != "Tags"}
        return self._create("task", Status="AVAILABLE", **{"Name": "", **kept})

    def _update_task(self, asked: Record) -> Record:
        task = self._find("task", asked["TaskArn"])
        with self.lock:
            task.update(asked)
        return {}

    def _create(self, kind: str, **values: Any) -> Record:
        name = f"{IDS[kind]}-{uuid.uuid4().hex[:17]}"
        arn = f"arn:aws:datasync:{REGION}:{ACCOUNT}:{kind}/{name}"
        key = f"{kind.capitalize()}Arn"
        with self.lock:
            self.records[kind][arn] = {key: arn, "CreationTime": time.time(), **values}
        return {key: arn}

    def _find(self, kind: str, arn: str) -> Record:
        with self.lock:
            record = self.records[kind].get(arn)
        if record is None:
            raise ServiceError("InvalidRequestException", f"There is no {kind} {arn}")
        return record

    def _location(self, asked: Record, scheme: str) -> Record:
        record = self._find("location", asked["LocationArn"])
        if not record["LocationUri"].startswith(f"{scheme}://"):
            text = f"{record['LocationUri']} is not a location of type {scheme}"
            raise ServiceError("InvalidRequestException", text)
        return record

    def _list(self, kind: str, key: str, *columns: str) -> Record:
        with self.lock:
            records = list(self.records[kind].values())
        return {key: [{column: each[column] for column in columns} for each in records]}

    def _delete(self, kind: str, arn: str) -> Record:
        self._find(kind, arn)
        with self.lock:
            del self.records[kind][arn]
        return {}

    # ---- executions -------------------------------------------------------------------------

    def _start(self, asked: Record) -> Record:
        task = self._find("task", asked["TaskArn"])
        with self.lock:
            if "CurrentTaskExecutionArn" in task:
                text = f"The task {asked['TaskArn']} already runs: wait for its execution"
                raise ServiceError("InvalidRequestException", text)
            arn = f"{asked['TaskArn']}/execution/exec-{uuid.uuid4().hex[:17]}"
            options = (task.get("Options") or {}) | (asked.get("OverrideOptions") or {})
            record: Record = {
                "TaskExecutionArn": arn,
                "Status": "QUEUED",
                "StartTime": time.time(),
                "Options": options,
                **{key: asked.get(key) or task.get(key) or [] for key in ("Includes", "Excludes")},
            }
            self.records["execution"][arn] = record
            task |= {"CurrentTaskExecutionArn": arn, "Status": "RUNNING"}
        threading.Thread(target=self._run, args=(task, record), daemon=True).start()
        return {"TaskExecutionArn": arn}

    def _run(self, task: Record, record: Record) -> None:
        try:
            target = self._find("location", task["DestinationLocationArn"])
            role = target["S3Config"]["BucketAccessRoleArn"]
            with acting_as(assume(role, "datasync.amazonaws.com", task["TaskArn"])):
                Transfer(
                    exports=self.config.exports,
                    source=self._find("location", task["SourceLocationArn"])["LocationUri"],
                    target=target["LocationUri"],
                    record=record,
                ).run()
            self._end(record, "SUCCESS")
        except (TransferFault, ServiceError, ClientError, BotoCoreError, OSError) as error:
            log.warning("%s: %s", record["TaskExecutionArn"], error)
            self._end(record, "ERROR", str(error))
        finally:
            with self.lock:
                del task["CurrentTaskExecutionArn"]
                task["Status"] = "AVAILABLE"

    def _end(self, record: Record, status: str, detail: str = "") -> None:
        result = {
            "TotalDuration": round((time.time() - record["StartTime"]) * 1000),
            "TransferStatus": status,
            "VerifyStatus": status,
        }
        if detail:
            result |= {"ErrorCode": "TransferFault", "ErrorDetail": detail}
        with self.lock:
            record.update(Status=status, Result=result)

    def _cancel(self, asked: Record) -> Record:
        record = self._find("execution", asked["TaskExecutionArn"])
        with self.lock:
            if record["Status"] in FINAL:
                text = f"The execution is {record['Status']}: there is nothing to cancel"
                raise ServiceError("InvalidRequestException", text)
            record["Status"] = "CANCELLING"
        return {}


def _folder(uri: str) -> str:
    return uri if uri.endswith("/") else f"{uri}/"


def install(config: Config) -> None:
    """Put DataSync in the server's table of services."""
    service = DataSync(config)

    async def handle_request(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Reply:
        return await asyncio.to_thread(service.handle, headers, body)

    lifecycle.add_service("datasync", handle_request)
    lifecycle.keep("datasync", service)
