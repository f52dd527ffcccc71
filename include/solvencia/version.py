"""What is kept of one model version: its evaluation, its facts, and every decision on it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from solvencia import evidence, layout, lineage, raw
from solvencia.approval import AUTOMATIC, Answer, Decision
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.registry import APPROVED, Package
from solvencia.settings import Settings

STAGES = ("prepare", "validate", "clean")
HEADLINES = ("auc", "ks", "ece")
APPROVAL_METADATA = ("approved_by", "approved_at", "approval", "reason")


class NotWhole(PermanentFault):
    """A version has no facts: its registration did not end."""

    def __init__(self, portfolio: str, version: str) -> None:
        super().__init__(
            f"{version} has no {layout.version_prefix(portfolio, version)}facts.json: clear the "
            "task `register` of the run that built it, and run this again"
        )


def folder(settings: Settings, portfolio: str, version: str) -> str:
    """Return the URI of the folder in which a version is kept."""
    return f"s3://{settings.model_bucket}/{layout.version_prefix(portfolio, version)}"


def read_facts(s3: Any, settings: Settings, portfolio: str, version: str) -> dict[str, Any] | None:
    """Return a version's facts; None while it is not registered whole."""
    key = layout.version_prefix(portfolio, version) + "facts.json"
    try:
        body = s3.get_object(Bucket=settings.model_bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    facts: dict[str, Any] = json.loads(body)
    return facts


def write_facts(s3: Any, settings: Settings, facts: Mapping[str, Any]) -> None:
    """Store a version's facts."""
    key = layout.version_prefix(facts["portfolio"], facts["version"]) + "facts.json"
    raw.put_json(s3, settings.model_bucket, key, facts)


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
    s3: Any, settings: Settings, portfolio: str, period: str, training: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the lineage of a model; `training` is SageMaker's description of its job."""
    manifests = lineage.list_manifests(s3, settings.data_bucket, portfolio, period)
    return {
        "data_digest": lineage.data_digest(s3, settings.data_bucket, manifests),
        "code_digest": lineage.code_digest(portfolio),
        "image": training["AlgorithmSpecification"]["TrainingImage"],
        "artefact": training["ModelArtifacts"]["S3ModelArtifacts"],
        "training_job": training["TrainingJobName"],
        "manifests": manifests,
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


def file_evidence(
    s3: Any, settings: Settings, facts: Mapping[str, Any], portfolio: Portfolio
) -> None:
    """Write a version's evidence pack, from its facts, its evaluation and the champion's facts.

    Its gate is the one that the version was registered by: the evaluation's own judged by the
    bounds in the image. `index.html` is written last.
    """
    bucket, prefix = settings.model_bucket, layout.version_prefix(portfolio.name, facts["version"])
    evaluation = f"{prefix}evaluation/"

    def read(key: str) -> bytes:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    pictures = {
        key.removeprefix(evaluation): read(key)
        for key in raw.list_keys(s3, bucket, evaluation)
        if key.endswith(".png")
    }
    earlier = facts["champion_before"]
    judged = {key: facts["metrics"][key] for key in ("gate", "refusals")}
    pages = evidence.build(
        facts,
        {**json.loads(read(f"{evaluation}report.json")), **judged},
        portfolio,
        pictures,
        read_facts(s3, settings, portfolio.name, earlier) if earlier else None,
    )
    for name, html in sorted(pages.items(), key=lambda each: each[0] == "index.html"):
        s3.put_object(
            Bucket=bucket,
            Key=f"{prefix}evidence/{name}",
            Body=html.encode(),
            ContentType="text/html; charset=utf-8",
        )


def approval_metadata(facts: Mapping[str, Any]) -> dict[str, object]:
    """Return what the registry holds of an approval."""
    approval = facts["approval"]
    values = (approval["by"], approval["at"], approval["mode"], approval["reason"])
    return dict(zip(APPROVAL_METADATA, values, strict=True))
