"""What is kept of one model version: its evaluation, its facts, and every decision on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from solvencia import layout, lineage, raw
from solvencia.approval import AUTOMATIC, Answer, Decision
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.registry import APPROVED, Package
from solvencia.settings import Settings

STAGES = ("prepare", "validate", "clean")
HEADLINES = ("auc", "ks", "ece")
_CHANGED = (404, 409, 412)  # gone, being written, or another content
APPROVAL_METADATA = ("approved_by", "approved_at", "approval", "reason")


class NotWhole(PermanentFault):
    """A version has no facts: its registration did not end."""

    def __init__(self, portfolio: str, version: str) -> None:
        super().__init__(
            f"{version} has no {layout.version_prefix(portfolio, version)}facts.json: clear the "
            "task `register` of the run that built it, and run this again"
        )


class ChangedMeanwhile(RuntimeError):
    """Another run has written a version's facts since they were read; another try reads those."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"another run has written the facts of {version} since this one read them: it is tried "
            "again; if no try is left, clear this task"
        )


def folder(settings: Settings, portfolio: str, version: str) -> str:
    """Return the URI of the folder in which a version is kept."""
    return f"s3://{settings.model_bucket}/{layout.version_prefix(portfolio, version)}"


def read_facts(s3: Any, settings: Settings, portfolio: str, version: str) -> dict[str, Any] | None:
    """Return a version's facts; None while it is not registered whole."""
    return open_facts(s3, settings, portfolio, version)[0]


def open_facts(
    s3: Any, settings: Settings, portfolio: str, version: str
) -> tuple[dict[str, Any] | None, str]:
    """Return a version's facts and their ETag, for who will write them; None and "" without."""
    key = layout.version_prefix(portfolio, version) + "facts.json"
    try:
        found = s3.get_object(Bucket=settings.model_bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return None, ""
    facts: dict[str, Any] = json.loads(found["Body"].read())
    return facts, str(found["ETag"])


def write_facts(s3: Any, settings: Settings, facts: Mapping[str, Any], etag: str) -> None:
    """Store a version's facts over those of that ETag; raise ChangedMeanwhile if others are there.

    Two runs may work on one version: a build that registers it anew, and a promotion.
    """
    key = layout.version_prefix(facts["portfolio"], facts["version"]) + "facts.json"
    condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    try:
        raw.put_json(s3, settings.model_bucket, key, facts, **condition)
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in _CHANGED:
            raise
        raise ChangedMeanwhile(facts["version"]) from error


def copy_evaluation(
    s3: Any, settings: Settings, portfolio: str, period: str, version: str, plots: Sequence[str]
) -> None:
    """Copy a period's evaluation to the version, where no later run replaces it.

    Of the plots only its own: an earlier evaluation of the period may have left others.
    """
    bucket, source = settings.model_bucket, layout.evaluation_prefix(portfolio, period)
    target = layout.version_prefix(portfolio, version) + "evaluation/"
    for key in raw.list_keys(s3, bucket, source):
        name, copied = key.removeprefix(source), {"Bucket": bucket, "Key": key}
        if not name.endswith(".png") or name in plots:
            s3.copy_object(Bucket=bucket, Key=target + name, CopySource=copied)


def read_counts(s3: Any, settings: Settings, portfolio: str, period: str) -> dict[str, Any]:
    """Return the counts that each stage reported of a period."""
    counts = {}
    for stage in STAGES:
        key = layout.report(portfolio, period, stage)
        body = s3.get_object(Bucket=settings.data_bucket, Key=key)["Body"].read()
        counts[stage] = json.loads(body)
    return counts


def trace(
    s3: Any,
    ecr: Any,
    settings: Settings,
    portfolio: str,
    period: str,
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the lineage of a model; `training` is SageMaker's description of its job.

    What was prepared from is as `prepare` noted it; the code is named three times, as the
    training's image, the evaluation's and Airflow's worker may be of different releases. Raises
    OtherModel where the metrics are of another model than the job's.
    """
    image = str(training["AlgorithmSpecification"]["TrainingImage"])
    artefact = str(training["ModelArtifacts"]["S3ModelArtifacts"])
    made = lineage.check_evaluated(s3, artefact, metrics["model"]["digest"])
    return {
        **lineage.read_sources(s3, settings.data_bucket, portfolio, period),
        "code_digest": made.get("code_digest", lineage.UNKNOWN),
        "evaluation_code_digest": metrics.get("code_digest", lineage.UNKNOWN),
        "worker_code_digest": lineage.code_digest(portfolio),
        "image": image,
        "image_digest": lineage.image_digest(ecr, image, made.get("content_digest", "")),
        "artefact": artefact,
        "training_job": training["TrainingJobName"],
    }


def assemble(
    package: Package,
    portfolio: Portfolio,
    *,
    status: str,
    refusals: Sequence[str],
    metrics: Mapping[str, Any],
    counts: Mapping[str, Any],
    lineage: Mapping[str, Any],
    champion: str,
    before: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the facts of a version; `before` holds what was known of it, `champion` is live.

    An approval stands with its status; every decision stays listed, whatever becomes of it. The
    artefact is the one that was registered first, which any later training equals.
    """
    stands = before and before["status"] == status
    known = before["champion_before"] if before else ""
    kept = (
        {name: before["lineage"][name] for name in ("artefact", "training_job")} if before else {}
    )
    return {
        "version": package.version,
        "portfolio": portfolio.name,
        "period": metrics["model"]["period"],
        "registered_at": package.created_at,
        "package_arn": package.arn,
        "status": status,
        "refusals": list(refusals),
        "metrics": dict(metrics),
        "counts": dict(counts),
        "lineage": {**lineage, **kept},
        "approval": before["approval"] if before and stands else None,
        "decisions": before.get("decisions", []) if before else [],
        "champion_before": known if champion == package.version else champion,
    }


def record(facts: Mapping[str, Any], decision: Decision, run: str) -> dict[str, Any]:
    """Return the facts after a decision; a rerun replaces what its own run had decided.

    What a person approved stays approved by that person when it goes live again by itself.
    """
    stands = (
        decision.mode == AUTOMATIC and facts["status"] == APPROVED and facts["approval"] is not None
    )
    return {
        **note(facts, decision, run),
        "status": decision.status,
        "approval": facts["approval"] if stands else decision.as_dict(),
    }


def find_decision(facts: Mapping[str, Any], run: str, answer: Answer) -> str:
    """Return the status that a run has recorded for this very answer; empty where it has not."""
    for each in facts["decisions"]:
        if (each["run"], each["by"], each["at"]) == (run, answer.by, answer.at):
            return str(each["status"])
    return ""


def note(facts: Mapping[str, Any], decision: Decision, run: str) -> dict[str, Any]:
    """Return the facts with a decision listed, and nothing else changed by it."""
    others = [each for each in facts["decisions"] if each["run"] != run]
    return {**facts, "decisions": [*others, {**decision.as_dict(), "run": run}]}


def metadata(facts: Mapping[str, Any], settings: Settings) -> dict[str, object]:
    """Return what the registry holds of a version, by name."""
    metrics, traced = facts["metrics"], facts["lineage"]
    model = metrics["model"]
    numbers = {
        name: f"{metrics[name]:.6f}"
        for name in HEADLINES
        if isinstance(metrics.get(name), int | float)
    }
    return {
        "version": facts["version"],
        "digest": model["digest"],
        "kind": model.get("kind", ""),
        "period": facts["period"],
        "fingerprint": model["fingerprint"],
        **numbers,
        "data_digest": traced["data_digest"],
        "code_digest": traced["code_digest"],
        "image": traced["image"],
        "image_digest": traced["image_digest"],
        "refusals_count": len(facts["refusals"]),
        "instance_type": settings.endpoint_instance,
        "instance_count": settings.endpoint_instances,
    }


def describe(facts: Mapping[str, Any]) -> str:
    """Return, in one sentence, why a version has its status."""
    approval = facts["approval"]
    if approval:
        return f"{approval['status']} {approval['mode']} ({approval['by']}): {approval['reason']}"
    if facts["refusals"]:
        return "refused by the gate: " + "; ".join(facts["refusals"])
    return "passed the gate, waits for an approval"


def approval_metadata(facts: Mapping[str, Any]) -> dict[str, object]:
    """Return what the registry holds of an approval."""
    approval = facts["approval"]
    values = (approval["by"], approval["at"], approval["mode"], approval["reason"])
    return dict(zip(APPROVAL_METADATA, values, strict=True))
