"""A batch of many rows through the API: each row is in its result once, in memory that is flat."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from resilience import memory, offers, once
from resilience.applicants import Application
from resilience.bodies import JSON
from resilience.cloud import Cloud, CloudFault, Say
from resilience.memory import Peaks
from solvencia import layout
from solvencia.batch_format import ROWS_PER_PART
from solvencia.batch_objects import PART_BYTES
from solvencia.batch_result import BAD_ROWS, SCORED
from solvencia.portfolio import Portfolio

SAMPLES = 100
GROWTH_MAX = 1.25
# What the function takes once between 100,000 and 400,000 rows, and not again up to four million:
# a small result fills no part of its upload. So much for two parts, by measurement.
HELD_MB = 2 * PART_BYTES / 1e6
SAMPLE_SECONDS, SHOWN_SECONDS = 0.2, 5.0  # the status is asked for with each sample
LIMIT_SECONDS = 3600
FAULTS_MAX = 50
KINDS = ("format function", "model server")


@dataclass(frozen=True)
class Batch:
    """What came of one batch; `peaks_mb` of the largest process of each kind."""

    rows: int
    scored: int
    bad: int
    seconds: float
    peaks_mb: Mapping[str, float]
    processes: Mapping[str, int]
    sampled: int
    faults: Sequence[str]


def run(
    cloud: Cloud, product: Portfolio, folder: Path, rows: int, seed: int, say: Say
) -> list[Batch]:
    """Score a tenth of the rows, then all; `folder` is where the embedded AWS has its state."""
    return [measure(cloud, product, folder, each, seed, say) for each in (rows // 10, rows)]


def measure(
    cloud: Cloud, product: Portfolio, folder: Path, rows: int, seed: int, say: Say
) -> Batch:
    """Score one file of `rows` rows by the API, and read its result row by row."""
    source = folder / f"bulk-{rows}.csv"
    asked = offers.write(product, rows, seed, source, SAMPLES)
    key = layout.batch_inbox(product.name) + source.name
    cloud.client("s3").upload_file(str(source), cloud.settings.data_bucket, key)
    say(f"{source.name}: {rows:,} rows, {source.stat().st_size / 1e6:.0f} MB, in the inbox")
    source.unlink()
    work = folder / "work"
    peaks = Peaks(
        {
            KINDS[0]: (str(work / "lambda" / f"{cloud.settings.stack}-format-"), ""),
            KINDS[1]: (str(work / "sagemaker"), "SAGEMAKER_BATCH=true"),
        }
    )
    began = time.monotonic()
    answer = _follow(cloud, product, rows, source.name, peaks, say)
    seconds = time.monotonic() - began
    if answer["status"] != "done":
        raise CloudFault(f"the batch of {rows:,} rows failed: {answer['reason']}")
    counts, faults = once.check(product, rows, seed, answer, _open(answer["results"]), asked)
    for row, application in asked.items():
        faults += _ask(cloud, product, row, application, counts.pop(row, None), seed)
    say(f"{rows:,} rows read, {len(asked)} asked again one by one: {len(faults)} fault(s)")
    sizes = {served: len(each) for served, each in sorted(peaks.found.items())}
    scored, bad = answer["scored"], answer["bad"]
    return Batch(rows, scored, bad, seconds, peaks.largest, sizes, len(asked), faults[:FAULTS_MAX])


def judge_memory(first: Batch, second: Batch) -> list[str]:
    """Return what grew with the rows: the largest process of a kind, by more than a quarter.

    The format function may take HELD_MB besides. A batch below one part of rows has not yet held
    what each further part holds, and is no measure.
    """
    if first.rows < ROWS_PER_PART or not memory.is_measurable():
        return []
    missing = [f"{name}: no process was seen" for name in KINDS if name not in second.peaks_mb]
    return missing + [
        f"{name}: {second.peaks_mb[name]:.0f} MB for {second.rows:,} rows, "
        f"{peak:.0f} MB for {first.rows:,}: it grows with the rows"
        for name, peak in first.peaks_mb.items()
        if second.peaks_mb.get(name, 0) > GROWTH_MAX * peak + HELD_MB * (name == KINDS[0])
    ]


def render(batches: Sequence[Batch], faults: Sequence[str]) -> list[str]:
    """Return the table's lines."""
    head = "".join(f"{name + ' MB':>20}" for name in KINDS)
    lines = [f"{'rows':>10}{'scored':>10}{'bad':>8}{'seconds':>9}{'rows/s':>9}{head}"]
    for each in batches:
        peaks = [f"{each.peaks_mb[n]:.0f}" if n in each.peaks_mb else "unknown" for n in KINDS]
        lines.append(
            f"{each.rows:>10,}{each.scored:>10,}{each.bad:>8,}{each.seconds:>9.1f}"
            f"{each.rows / each.seconds:>9,.0f}" + "".join(f"{peak:>20}" for peak in peaks)
        )
    if not memory.is_measurable():
        lines.append("memory is not measured: this system has no /proc")
    elif batches[0].rows < ROWS_PER_PART:
        lines.append(f"memory is not judged: that takes ROWS={10 * ROWS_PER_PART} or more")
    return [*lines, *faults]


def write(batches: Sequence[Batch], faults: Sequence[str], target: Path) -> None:
    """Write what was measured as JSON."""
    found = {"batches": [asdict(each) for each in batches], "faults": list(faults)}
    target.write_text(json.dumps(found, indent=1) + "\n")


def _follow(
    cloud: Cloud, product: Portfolio, rows: int, name: str, peaks: Peaks, say: Say
) -> dict[str, Any]:
    """Start the batch, show how far it is, sample memory; return the last answer."""
    path, raw = f"/v1/{product.name}/batches", json.dumps({"file": name}).encode()
    started = cloud.ask_until_free("POST", path, raw, {"Content-Type": JSON})
    if started.status != http.HTTPStatus.ACCEPTED:
        raise CloudFault(f"POST {path} answered {started.status}: {started.content.decode()}")
    batch = started.json["batch_id"]
    parts, began, shown = -(-rows // ROWS_PER_PART), time.monotonic(), -SHOWN_SECONDS
    while (seconds := time.monotonic() - began) < LIMIT_SECONDS:
        peaks.sample()
        answer = cloud.ask_until_free("GET", f"{path}/{batch}", b"", {})
        if answer.status != http.HTTPStatus.OK:
            raise CloudFault(f"GET {path}/{batch} answered {answer.status}")
        found: dict[str, Any] = answer.json
        if seconds - shown >= SHOWN_SECONDS or found["status"] != "running":
            shown = seconds
            cut = _count(cloud, layout.batch_lines(product.name, batch))
            done = _count(cloud, layout.batch_output(product.name, batch))
            memories = "".join(f", {name} {mb:.0f} MB" for name, mb in peaks.largest.items())
            told = f"{found['status']}: {cut} of {parts} parts cut, {done} scored"
            say(f"{told}, {seconds:.0f} s{memories}")
        if found["status"] != "running":
            return found
        time.sleep(SAMPLE_SECONDS)
    raise CloudFault(f"batch {batch} still runs after {LIMIT_SECONDS} s")


def _count(cloud: Cloud, prefix: str) -> int:
    found = cloud.client("s3").list_objects_v2(Bucket=cloud.settings.data_bucket, Prefix=prefix)
    return int(found["KeyCount"])


def _open(addresses: Mapping[str, str]) -> list[Iterator[dict[str, Any]]]:
    return [_read(addresses[each]) for each in (SCORED, BAD_ROWS)]


def _read(address: str) -> Iterator[dict[str, Any]]:
    """Yield a result's lines from the address that the API gave, as they arrive."""
    place = urlsplit(address)
    line = http.client.HTTPConnection(place.netloc, timeout=300)
    try:
        line.request("GET", f"{place.path}?{place.query}")
        reply = line.getresponse()
        if reply.status != http.HTTPStatus.OK:
            raise CloudFault(f"{place.path} answered {reply.status}")
        with gzip.GzipFile(fileobj=reply) as lines:
            yield from map(json.loads, lines)
    finally:
        line.close()


def _ask(
    cloud: Cloud,
    product: Portfolio,
    row: int,
    application: Application,
    scored: Mapping[str, Any] | None,
    seed: int,
) -> list[str]:
    """Ask for one scored row by itself; return what is not as in the batch."""
    headers = {"Content-Type": JSON, "Idempotency-Key": f"bulk-{seed}-{row}"}
    raw = json.dumps(application).encode()
    answer = cloud.ask_until_free("POST", f"/v1/{product.name}/score", raw, headers)
    if answer.status != http.HTTPStatus.OK or scored is None or "problems" in scored:
        return [f"row {row}: asked alone, {answer.status}; in the batch, {scored and 'there'}"]
    alone = _essence(answer.json)
    return [
        f"row {row}: another {name} alone than in the batch"
        for name, value in _essence(scored).items()
        if alone[name] != value
    ]


def _essence(score: Mapping[str, Any]) -> dict[str, Any]:
    codes = [each["code"] for each in score["reasons"]]
    return {"pd": score["pd"], "points": score["points"], "reasons": codes}
