"""SageMaker batch transform: objects of lines through a serving container, `<key>.out` to S3.

An object is read, sent and written in mini-batches, so memory holds as many of them as are under
way, whatever the object's size.
"""

from __future__ import annotations

import gzip
import json
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.aws.clients import ServiceError, client, split_uri
from local.aws.sagemaker.fleet import Fleet, NoInstance, Unhealthy, variants_of
from local.aws.sagemaker.jobs import JobFailed, Jobs, JobStopped, check_instances, check_source
from local.aws.sagemaker.registry import MODEL, TRANSFORM_JOB, Record

MEGABYTE = 1 << 20
LOG_GROUP = "/aws/sagemaker/TransformJobs"
RETRY_SECONDS = 0.5
UNAVAILABLE = (429, 500, 502, 503, 504)
DEFAULTS: Record = {
    "MaxConcurrentTransforms": 1,
    "MaxPayloadInMB": 6,
    "BatchStrategy": "MultiRecord",
}
RUNS_HERE = {
    "SplitType": ("Line",),
    "CompressionType": ("None", "Gzip"),
    "AssembleWith": ("Line", "None"),
    "BatchStrategy": ("MultiRecord", "SingleRecord"),
}


def create(jobs: Jobs, request: Record) -> Record:
    """Check the request as AWS does at once, then start the job."""
    jobs.registry.find(MODEL, request["ModelName"])
    source, target = request["TransformInput"], request["TransformOutput"]
    check_source(source["DataSource"]["S3DataSource"])
    split_uri(target["S3OutputPath"])
    check_instances(request["TransformResources"])
    for key, value in (
        ("SplitType", source.get("SplitType", "None")),
        ("CompressionType", source.get("CompressionType", "None")),
        ("AssembleWith", target.get("AssembleWith", "None")),
        ("BatchStrategy", request.get("BatchStrategy", "MultiRecord")),
    ):
        if value not in RUNS_HERE[key]:
            text = f"{key} {value}: only {' and '.join(RUNS_HERE[key])} runs here"
            raise ServiceError("ValidationException", text)
    if request.get("DataProcessing"):
        text = "DataProcessing does not run here: join input and output by their order"
        raise ServiceError("ValidationException", text)
    if request.get("MaxPayloadInMB") == 0:
        raise ServiceError(
            "ValidationException", "MaxPayloadInMB 0 does not run here: use 1 to 100"
        )
    record = jobs.registry.create(TRANSFORM_JOB, request, TransformJobStatus="InProgress")
    jobs.start(TRANSFORM_JOB, record, transform)
    return {"TransformJobArn": record["TransformJobArn"]}


def transform(jobs: Jobs, record: Record) -> None:
    """Run one job to its end; its faults are JobFailed, JobStopped or ServiceError."""
    keys = _keys(record["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
    fleet = _fleet(jobs, record)
    arn = record["TransformJobArn"]
    jobs.registry.change(record, TransformStartTime=time.time())
    try:
        fleet.start()
        jobs.running[arn] = fleet.instances[0].child
        if record["TransformJobStatus"] == "Stopping":
            raise JobStopped("Stopped")
        limits = _limits(record, fleet)
        folder = jobs.containers.folder(f"transform-{record['TransformJobName']}")
        for bucket, key, name in keys:
            _transform_object(fleet, record, limits, (bucket, key, name), folder / "out")
    except Unhealthy as error:
        raise JobFailed(f"AlgorithmError: {error}") from error
    except NoInstance:
        if record["TransformJobStatus"] == "Stopping":
            raise JobStopped("Stopped") from None
        text = f"AlgorithmError: the container ended: see {LOG_GROUP} {record['TransformJobName']}"
        raise JobFailed(text) from None
    finally:
        jobs.running.pop(arn, None)
        fleet.close()
    jobs.finish(TRANSFORM_JOB, record, "Completed")


def _keys(uri: str) -> list[tuple[str, str, str]]:
    """Return bucket, key and name below the prefix of every object."""
    bucket, prefix = split_uri(uri)
    start = len(prefix) if prefix.endswith("/") else prefix.rfind("/") + 1
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    found = [(bucket, key, key[start:]) for key in sorted(keys) if not key.endswith("/")]
    if not found:
        raise ServiceError("ClientError", f"There is no object under {uri}: check the S3 URI")
    return found


def _fleet(jobs: Jobs, record: Record) -> Fleet:
    """Return the job's instance, not yet started."""
    model = jobs.registry.find(MODEL, record["ModelName"])
    variant = {"VariantName": record["TransformJobName"], "ModelName": record["ModelName"]}
    variants = variants_of({"ProductionVariants": [variant]}, {record["ModelName"]: model})
    asked = {name: str(record[name]) for name in DEFAULTS if name in record}
    variants[0]["Environment"] = {
        **variants[0]["Environment"],
        "SAGEMAKER_BATCH": "true",
        **{f"SAGEMAKER_{_snake(name)}": value for name, value in asked.items()},
        **(record.get("Environment") or {}),
    }
    seconds = (record.get("ModelClientConfig") or {}).get("InvocationsTimeoutInSeconds", 600)
    return Fleet(
        record["TransformJobName"],
        variants,
        jobs.containers,
        log_group=LOG_GROUP,
        answer_seconds=seconds,
    )


def _snake(name: str) -> str:
    names = {"MaxPayloadInMB": "MAX_PAYLOAD_IN_MB", "BatchStrategy": "BATCH_STRATEGY"}
    return names.get(name, "MAX_CONCURRENT_TRANSFORMS")


def _limits(record: Record, fleet: Fleet) -> Record:
    """Return what was asked for, else what the container says, else AWS's defaults."""
    asked = {name: record[name] for name in DEFAULTS if name in record}
    if len(asked) == len(DEFAULTS):
        return asked
    url = f"http://127.0.0.1:{fleet.instances[0].port}/execution-parameters"
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            said = json.load(reply)
    except (urllib.error.URLError, ValueError):
        said = {}
    return {**DEFAULTS, **{name: said[name] for name in DEFAULTS if name in said}, **asked}


def _transform_object(
    fleet: Fleet, record: Record, limits: Record, source: tuple[str, str, str], scratch: Path
) -> None:
    """Send one object's mini-batches, as many at once as allowed; write the answers in order."""
    bucket, key, name = source
    target_bucket, prefix = split_uri(record["TransformOutput"]["S3OutputPath"])
    end = b"\n" if record["TransformOutput"].get("AssembleWith") == "Line" else b""
    width: int = limits["MaxConcurrentTransforms"]
    scratch.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(width) as pool, scratch.open("wb") as file:
        waiting: deque[Future[bytes]] = deque()
        for payload in _payloads(_lines(record, bucket, key), limits, key):
            if len(waiting) == width:
                _write(file, waiting.popleft().result(), end)
            waiting.append(pool.submit(_ask, fleet, record, payload, key))
        while waiting:
            _write(file, waiting.popleft().result(), end)
    with scratch.open("rb") as file:
        target = "/".join(filter(None, (prefix.rstrip("/"), f"{name}.out")))
        client("s3").put_object(Bucket=target_bucket, Key=target, Body=file)
    scratch.unlink()


def _lines(record: Record, bucket: str, key: str) -> Iterator[bytes]:
    body: Any = client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    if record["TransformInput"].get("CompressionType") == "Gzip":
        yield from gzip.GzipFile(fileobj=body)
        return
    yield from (line + b"\n" for line in body.iter_lines(chunk_size=MEGABYTE))


def _payloads(lines: Iterable[bytes], limits: Record, key: str) -> Iterator[bytes]:
    """Yield mini-batches of whole lines; ServiceError for a line above the limit."""
    most = limits["MaxPayloadInMB"] * MEGABYTE
    is_single = limits["BatchStrategy"] == "SingleRecord"
    held: list[bytes] = []
    size = 0
    for line in lines:
        if len(line) > most:
            text = f"{key}: a record is larger than MaxPayloadInMB {limits['MaxPayloadInMB']}"
            raise ServiceError("ClientError", text)
        if held and (is_single or size + len(line) > most):
            yield b"".join(held)
            held, size = [], 0
        held.append(line)
        size += len(line)
    if held:
        yield b"".join(held)


def _ask(fleet: Fleet, record: Record, payload: bytes, key: str) -> bytes:
    """Return the container's answer to one mini-batch, asked again while it is unavailable."""
    source, target = record["TransformInput"], record["TransformOutput"]
    headers = {"Content-Type": source.get("ContentType") or "application/octet-stream"}
    if target.get("Accept"):
        headers["Accept"] = target["Accept"]
    retries = (record.get("ModelClientConfig") or {}).get("InvocationsMaxRetries", 3)
    for attempt in range(retries + 1):
        try:
            _, response, content = fleet.ask(payload, headers, None)
            if response.status < 400:
                return content
            status, text = str(response.status), content.decode(errors="replace")[:500]
            if response.status not in UNAVAILABLE:
                break
        except TimeoutError:
            status, text = "timeout", f"no answer in {fleet.answer_seconds} s"
        time.sleep(RETRY_SECONDS * 2**attempt)
    raise JobFailed(f"AlgorithmError: {key}: the container answered {status}: {text}")


def _write(file: Any, answer: bytes, end: bytes) -> None:
    file.write(answer)
    if end and not answer.endswith(end):
        file.write(end)
