"""A batch's result: SageMaker's output joined with the input row by row, each exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from solvencia import batch_distribution, layout, policy
from solvencia.batch_objects import JsonLines, read_json, read_lines, write_json
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.settings import Settings

SCORED, BAD_ROWS, SUMMARY = "scored.jsonl.gz", "bad_rows.jsonl.gz", "summary.json"
DISTRIBUTION = "score_distribution.svg"


class NotReconciled(PermanentFault):
    """SageMaker's output does not hold each row that it was given exactly once, in order."""


@dataclass
class Tally:
    """What is counted while the rows pass."""

    points: Counter[int] = field(default_factory=Counter)
    bands: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    bad: int = 0
    pd_sum: float = 0.0


def reconcile(
    *, portfolio: Portfolio, batch: str, started_at: str, settings: Settings, s3: Any
) -> dict[str, Any]:
    """Write scored and bad rows, then the summary; return the summary's counts.

    Raises NotReconciled where a row of the input is in the output not once.
    """
    bucket, name = settings.data_bucket, portfolio.name
    manifest = read_json(s3, bucket, layout.batch_manifest(name, batch))
    tally = Tally()

    def place(file: str) -> str:
        return layout.batch_result(name, batch, file)

    with (
        JsonLines(s3, bucket, place(SCORED)) as scored,
        JsonLines(s3, bucket, place(BAD_ROWS)) as bad,
    ):
        for part in manifest["parts"]:
            for answer in _join(s3, bucket, name, batch, part):
                _sort(portfolio, answer, scored, bad, tally)
    rows = tally.points.total() + tally.bad
    if rows != manifest["rows"]:
        raise NotReconciled(f"batch {batch}: {manifest['rows']} rows in, {rows} out: run it again")
    reference = _read_reference(s3, settings, name, manifest["model"]["version"])
    moved = batch_distribution.compare(tally.points, reference)
    summary = {
        "batch_id": batch,
        "portfolio": name,
        "started_at": started_at,
        "input": manifest["input"],
        "ignored_fields": manifest["ignored_fields"],
        "model": manifest["model"],
        "policy_digest": portfolio.policy_digest,
        "rows_in": manifest["rows"],
        "scored": tally.points.total(),
        "bad": tally.bad,
        "by_decision": dict(sorted(tally.decisions.items())),
        "by_band": {each.name: tally.bands[each.name] for each in portfolio.bands},
        "bad_by_problem": dict(tally.problems.most_common(50)),
        "pd_mean": tally.pd_sum / tally.points.total() if tally.points else None,
        "stability": moved,
        "results": {each: place(each) for each in (SCORED, BAD_ROWS, DISTRIBUTION)},
    }
    drawn = batch_distribution.draw(f"{name}, batch {batch}", tally.points, moved)
    s3.put_object(
        Bucket=bucket, Key=place(DISTRIBUTION), ContentType="image/svg+xml", Body=drawn.encode()
    )
    write_json(s3, bucket, place(SUMMARY), summary)
    return {each: summary[each] for each in ("rows_in", "scored", "bad", "by_decision")}


def _join(
    s3: Any, bucket: str, portfolio: str, batch: str, part: Mapping[str, int]
) -> Iterator[Mapping[str, Any]]:
    """Yield the answer of each row of one part in its order; raise NotReconciled."""
    key = f"{layout.batch_output(portfolio, batch)}{layout.batch_part(part['part'])}.out"
    answers = _read(s3, bucket, key) if part["lines"] else iter(())
    refused = layout.batch_refused(portfolio, batch, part["part"])
    refusals = read_lines(s3, bucket, refused) if part["refused"] else iter(())
    answer, refusal = next(answers, None), next(refusals, None)
    end = part["first_row"] + part["lines"] + part["refused"]
    for row in range(part["first_row"], end):
        if refusal is not None and refusal["row"] == row:
            yield refusal
            refusal = next(refusals, None)
        elif answer is not None and answer.get("row") == row:
            yield answer
            answer = next(answers, None)
        else:
            found = "nothing" if answer is None else f"row {answer.get('row')}"
            raise NotReconciled(f"{key}: {found} stands where row {row} should: run it again")
    if answer is not None:
        raise NotReconciled(f"{key}: row {answer.get('row')} follows the last row {end - 1}")


def _read(s3: Any, bucket: str, key: str) -> Iterator[dict[str, Any]]:
    try:
        yield from read_lines(s3, bucket, key)
    except ValueError as error:
        raise NotReconciled(f"{key}: a line is not JSON ({error}): run the batch again") from error


def _sort(
    portfolio: Portfolio,
    answer: Mapping[str, Any],
    scored: JsonLines,
    bad: JsonLines,
    tally: Tally,
) -> None:
    """Write one answer where it belongs; a score gets the band and decision of its points."""
    if "problems" in answer:
        bad.add(answer)
        tally.bad += 1
        tally.problems.update(f"{key}: {text}" for key, text in answer["problems"].items())
        return
    band = policy.find_band(portfolio.bands, answer["points"])
    scored.add({**answer, "band": band.name, "decision": band.decision})
    tally.points[answer["points"]] += 1
    tally.bands[band.name] += 1
    tally.decisions[band.decision] += 1
    tally.pd_sum += answer["pd"]


def _read_reference(
    s3: Any, settings: Settings, portfolio: str, version: str
) -> Mapping[str, Any] | None:
    """Return the score's bins in training, from the version's own evaluation."""
    key = f"{layout.version_prefix(portfolio, version)}evaluation/report.json"
    try:
        drift: Mapping[str, Any] | None = read_json(s3, settings.model_bucket, key)["drift"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "AccessDenied"):
            raise
        return None
    return drift
