"""What a run did, in figures read back from where they came to rest, for people and programs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import readings
from local.samples import SAMPLES
from solvencia import layout, registry

if TYPE_CHECKING:
    from local.run import MainJob

STAGES: Mapping[str, tuple[str, ...]] = {
    "ingest": ("accept", "ingest"),
    "archive": ("archive",),
    "catalogue": ("crawl", "catalogue"),
    "prepare": ("clear_prepared", "prepare", "register_table", "reconcile", "check_reconciled"),
    "validate": ("validate",),
    "clean": ("clean", "check_cleaned"),
    "train": ("train",),
    "evaluate": ("find_champion", "evaluate"),
    "register": ("register", "gate", "ask", "approve", "evidence"),
    "deploy": ("guard", "create_model", "create_endpoint_config", "endpoint", "smoke"),
}


class NotReconciled(RuntimeError):
    """Rows went missing or came twice between two stages; the message names them."""


def collect(job: MainJob) -> dict[str, Any]:
    """Read every figure of the run that `job` just did, and ask for one live score."""
    stack, name, period = job.stack, job.portfolio.name, job.period
    s3, settings = stack.aws("s3"), stack.settings
    prepare, clean = (
        readings.read_json(s3, settings.data_bucket, layout.report(name, period, stage))
        for stage in ("prepare", "clean")
    )
    evaluation = layout.evaluation_prefix(name, period)
    metrics = readings.read_json(s3, settings.model_bucket, evaluation + "metrics.json")
    results = stack.place.results(name)
    plots = readings.download_plots(
        s3, settings.model_bucket, evaluation, metrics["plots"], results / "plots"
    )
    report = results / "report.html"
    s3.download_file(settings.model_bucket, evaluation + metrics["report"], str(report))
    tables = readings.count_tables(job)
    raw_rows = sum(each["raw"] for each in tables.values())
    splits = clean["cleaned"]
    fitted = splits["train"] + splits["validation"]
    rows = {
        "ingest": (sum(each["warehouse"] - each["outside"] for each in tables.values()), raw_rows),
        "archive": (raw_rows, readings.count_archived(s3, job)),
        "catalogue": (raw_rows, raw_rows),
        "prepare": (prepare["raw_applications"], prepare["prepared"]),
        "validate": (prepare["prepared"], prepare["prepared"]),
        "clean": (clean["prepared"], sum(splits.values())),
        "train": (fitted, fitted),
        "evaluate": (splits["test"], metrics["rows"]),
        "register": (metrics["rows"], metrics["rows"]),
        "deploy": (metrics["rows"], metrics["rows"]),
    }
    stages = [
        {"name": stage, "rows_in": into, "rows_out": out, "seconds": _seconds(job.tasks, stage)}
        for stage, (into, out) in rows.items()
    ]
    endpoint = readings.describe_endpoint(stack.aws("sagemaker"), settings.endpoint(name))
    before = time.monotonic()
    decision = job.score()
    seconds = round(time.monotonic() - before, 3)
    stages.append({"name": "score", "rows_in": 1, "rows_out": 1, "seconds": seconds})
    return {
        "portfolio": name,
        "period": period,
        "stages": stages,
        "tables": tables,
        "prepared": prepare,
        "cleaned": clean,
        "model": {
            "digest": metrics["model"]["digest"],
            "metrics": {each: metrics[each] for each in ("auc", "ks", "gini", "brier", "ece")},
            "auc_interval": [metrics["auc_low"], metrics["auc_high"]],
            "rows": metrics["rows"],
            "reject_inference": metrics["reject_inference"],
        },
        "endpoint": endpoint,
        "registry": _registered(stack.aws("sagemaker"), settings.package_group(name), endpoint),
        "decision": {
            "id": decision["decision_id"],
            "decision": decision["decision"],
            "band": decision["band"],
            "pd": decision["pd"],
            "points": decision["points"],
            "reasons": decision["reasons"],
            "code_digest": decision["code_digest"],
            "policy_digest": decision["policy_digest"],
            "person_id": decision["person_id"],
            "of": _scored(name),
        },
        "plots": [str(each) for each in plots],
        "report": str(report),
    }


def require_reconciled(facts: Mapping[str, Any]) -> None:
    """Raise NotReconciled unless every row that went in came out somewhere."""
    problems = [
        f"table {name}: {rows['warehouse']} rows in the warehouse, {rows['outside']} outside the "
        f"schedule, {rows['raw']} in raw"
        for name, rows in facts["tables"].items()
        if rows["warehouse"] - rows["outside"] != rows["raw"]
    ]
    counted, cleaned = facts["prepared"], facts["cleaned"]
    if counted["raw_applications"] != (
        counted["prepared"] + counted["immature"] + counted["repeated_keys"]
    ):
        problems.append(f"applications are not prepared + immature + repeated: {counted}")
    if counted["prepared"] != sum(cleaned["cleaned"].values()) + cleaned["quarantined"]:
        problems.append(f"prepared rows are not cleaned + quarantined: {cleaned}")
    archived = next(each for each in facts["stages"] if each["name"] == "archive")
    if archived["rows_in"] != archived["rows_out"]:
        problems.append(f"raw has {archived['rows_in']} rows, the archive {archived['rows_out']}")
    if facts["endpoint"]["status"] != "InService":
        problems.append(f"the endpoint is {facts['endpoint']['status']}, not InService")
    if problems:
        raise NotReconciled("the run does not add up:\n" + "\n".join(f"- {e}" for e in problems))


def write(facts: Mapping[str, Any], path: Path) -> None:
    """Store the summary as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def render(facts: Mapping[str, Any]) -> str:
    """Return the summary as a person reads it."""
    lines = ["", f"{facts['portfolio']}, period {facts['period']}", ""]
    lines.append(f"  {'stage':<10} {'rows in':>10} {'rows out':>10} {'seconds':>8}")
    for each in facts["stages"]:
        lines.append(
            f"  {each['name']:<10} {each['rows_in']:>10,} {each['rows_out']:>10,} "
            f"{each['seconds']:>8.1f}"
        )
    counted, cleaned = facts["prepared"], facts["cleaned"]
    lines += [
        "",
        f"  warehouse  {_listed((n, r['warehouse']) for n, r in facts['tables'].items())}",
        *(
            f"  {rows['outside']:,} rows of {name} have no date within the portfolio's schedule"
            for name, rows in facts["tables"].items()
            if rows["outside"]
        ),
        f"  raw        {_listed((n, r['raw']) for n, r in facts['tables'].items())}",
        f"  {counted['raw_applications']:,} applications = {counted['prepared']:,} prepared + "
        f"{counted['immature']:,} immature + {counted['repeated_keys']:,} repeated keys",
        f"  {counted['prepared']:,} prepared = {_listed(cleaned['cleaned'].items())} + "
        f"{cleaned['quarantined']:,} quarantined",
    ]
    lines += [f"    {rows:,} for {reason}" for reason, rows in cleaned["quarantined_by"].items()]
    model, low_high = facts["model"], facts["model"]["auc_interval"]
    values = model["metrics"]
    lines += [
        "",
        f"  model {model['digest'][:12]}, out of time on {model['rows']:,} applications:",
        f"  AUC {values['auc']:.4f} (95 % interval {low_high[0]:.4f} to {low_high[1]:.4f}), "
        f"Gini {values['gini']:.4f}, KS {values['ks']:.4f}, Brier {values['brier']:.4f}, "
        f"ECE {values['ece']:.4f}",
        *_inferred(model["reject_inference"]),
        f"  registered as {facts['registry']['version']}: {facts['registry']['status']}, "
        f"approval {facts['registry']['approval']}",
        f"  endpoint {facts['endpoint']['name']}: {facts['endpoint']['status']}, "
        f"{facts['endpoint']['instances']} instances",
        *(f"  plot {os.path.relpath(each)}" for each in facts["plots"]),
        f"  report {os.path.relpath(facts['report'])}",
    ]
    decision = facts["decision"]
    lines += [
        "",
        f"  live score of {decision['of']}: {decision['points']} points, "
        f"PD {decision['pd']:.2%}, band {decision['band']}: {decision['decision']}",
        f"    decision {decision['id']}",
        *(
            f"    {each['code']} {each['effect']} the risk: {each['text']}"
            for each in decision["reasons"]
        ),
        "",
    ]
    return "\n".join(lines)


def _scored(portfolio: str) -> str:
    """Say whom the live score is of: a sample tells its newest applicant."""
    return "the newest applicant" if portfolio in SAMPLES else "an applicant of the test"


def _inferred(effect: Mapping[str, Any] | None) -> list[str]:
    """Return what the declined change, where they trained and it was measured."""
    if not effect or not effect["declined_rows"]:
        return []
    return [
        f"  the declined trained too, at {effect['odds_factor']:g} times their odds: mean PD of "
        f"the declined {effect['declined_pd_before']:.2%} to {effect['declined_pd_after']:.2%},",
        f"  of the approved {effect['approved_pd_before']:.2%} to "
        f"{effect['approved_pd_after']:.2%}; AUC on the approved {effect['auc_before']:.4f} to "
        f"{effect['auc_after']:.4f}",
    ]


def _listed(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {rows:,}" for name, rows in pairs)


def _seconds(tasks: Iterable[Mapping[str, Any]], stage: str) -> float:
    names = STAGES[stage]
    return round(sum(each["duration"] or 0 for each in tasks if each["task_id"] in names), 1)


def _registered(sagemaker: Any, group: str, endpoint: Mapping[str, Any]) -> dict[str, str]:
    package = registry.get(sagemaker, group, endpoint["version"])
    approval = package.metadata.get("approval", "")
    return {"version": package.version, "status": package.status, "approval": approval}
