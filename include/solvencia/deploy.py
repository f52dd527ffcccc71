"""What stands between a trained model and applicants: the gate, the guard and the smoke test."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from solvencia import gate, layout, raw
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.registry import REJECTED
from solvencia.settings import Settings

SMOKE_ROWS = 3
REASONS_MIN = 3


class GateRefused(PermanentFault):
    """The model does not pass the portfolio's gate, or a person rejected it."""


class RulesChanged(PermanentFault):
    """The portfolio's rules have changed since a version was trained."""


class SmokeFailed(PermanentFault):
    """The live endpoint does not answer as the model that was deployed must."""


def read_metrics(s3: Any, model_bucket: str, portfolio: Portfolio, period: str) -> dict[str, Any]:
    """Return what `evaluate` measured for a period."""
    key = layout.evaluation_prefix(portfolio.name, period) + "metrics.json"
    metrics: dict[str, Any] = json.loads(s3.get_object(Bucket=model_bucket, Key=key)["Body"].read())
    return metrics


def find_refusals(metrics: Mapping[str, Any], portfolio: Portfolio, period: str) -> list[str]:
    """Return every reason to keep a period's model off the endpoint, by today's bounds."""
    refusals = gate.refusals(metrics, portfolio)
    if metrics["model"]["period"] != period:
        refusals.append(f"the metrics are of period {metrics['model']['period']}, not {period}")
    return refusals


def judge(facts: Mapping[str, Any], portfolio: Portfolio) -> dict[str, Any]:
    """Return a version's facts as today's gate judges its evaluation; `facts` stay as they were.

    Bounds and rules may have changed since the version was registered.
    """
    metrics = facts["metrics"]
    refusals = find_refusals(metrics, portfolio, facts["period"])
    judged = {"gate": gate.tabulate(metrics, portfolio), "refusals": refusals}
    return {**facts, "refusals": refusals, "metrics": {**metrics, **judged}}


def name_version(metrics: Mapping[str, Any], settings: Settings, portfolio: str, image: str) -> str:
    """Return a version's name, which derives from all that runs: model, image and instances."""
    content = "\n".join(
        (
            metrics["model"]["digest"],
            image,
            settings.endpoint_instance,
            str(settings.endpoint_instances),
        )
    )
    digest = hashlib.sha256(content.encode()).hexdigest()
    return layout.version_name(settings.stack, portfolio, metrics["model"]["period"], digest)


def check_gate(facts: Mapping[str, Any], folder: str) -> None:
    """Raise GateRefused with every reason when a registered version is rejected."""
    if facts["status"] != REJECTED:
        return
    name, approval = facts["portfolio"], facts["approval"]
    reasons = list(facts["refusals"])
    if approval:
        reasons.append(f"{approval['by']} rejected it: {approval['reason']}")
    reasons = reasons or ["its status was changed in the registry itself"]
    raise GateRefused(
        f"the model of {name} {facts['period']}, {facts['version']}, is registered as "
        f"{REJECTED} and stays off the endpoint:\n"
        + "\n".join(f"- {each}" for each in reasons)
        + f"\nRead {folder}evaluation/report.html and the data; [gate] in portfolio.toml holds the "
        f"bounds. To put it live all the same, promote_{name} takes a reason and a second person."
    )


def find_live(sagemaker: Any, endpoint: str) -> str:
    """Return the version on an endpoint; empty where there is none."""
    try:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return ""
        raise
    return str(found["EndpointConfigName"])


def find_artefact(sagemaker: Any, version: str) -> str:
    """Return the URI of the artefact that a deployed version serves."""
    found = sagemaker.describe_model(ModelName=version)
    return str(found["PrimaryContainer"]["ModelDataUrl"])


def check_rules(fingerprint: str, portfolio: Portfolio, version: str) -> None:
    """Raise RulesChanged unless a version was trained under the portfolio's rules of today."""
    if fingerprint != portfolio.fingerprint:
        raise RulesChanged(
            f"{version} was trained under other rules of {portfolio.name} than those that are "
            "deployed, so its scores would be wrong: deploy the release that it was trained with "
            "first, or train again"
        )


def find_live_since(sagemaker: Any, endpoint: str) -> datetime:
    """Return when an endpoint that exists was given what it serves."""
    found: datetime = sagemaker.describe_endpoint(EndpointName=endpoint)["LastModifiedTime"]
    return found.astimezone(UTC).replace(microsecond=0)


def refuse_deployment(live: str, version: str) -> str:
    """Return why a version must not replace the live one; empty where it may.

    An older period never replaces a newer one, whatever order runs finish in. The same version
    may pass: what follows finds its own work, and the smoke test is worth another look.
    """
    if live and layout.version_period(live) > layout.version_period(version):
        return f"{live} is live, of a newer period than {version}"
    return ""


def refuse_return(
    live: str, since: datetime, version: str, started: datetime, facts: Mapping[str, Any]
) -> str:
    """Return why a version must not replace another of its period; empty where it may.

    A run that is older than what is live, whose version nobody has decided on since, was cleared
    or lay about: it would put back what was replaced.
    """
    decided = [datetime.fromisoformat(each["at"]) for each in facts["decisions"]]
    newest = max([started, *decided])
    is_same_period = layout.version_period(live) == layout.version_period(version)
    if not is_same_period or live == version or newest >= since:
        return ""
    return (
        f"{live} of the same period went live at {since.isoformat()}, after this run was started "
        f"and {version} was last decided on ({newest.isoformat(timespec='seconds')}): trigger "
        f"promote_{facts['portfolio']} to put it back"
    )


def smoke_test(
    runtime: Any,
    endpoint: str,
    portfolio: Portfolio,
    digest: str,
    applications: list[dict[str, Any]],
) -> list[float]:
    """Score real prepared applications on the live endpoint; return their PDs, or SmokeFailed."""
    body = {"fingerprint": portfolio.fingerprint, "applications": applications}
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=json.dumps(body)
    )
    scored = json.loads(answer["Body"].read())
    if problems := find_problems(scored, digest, len(applications)):
        raise SmokeFailed(
            f"endpoint {endpoint} failed its smoke test: {'; '.join(problems)}. Read the "
            f"endpoint's log (/aws/sagemaker/Endpoints/{endpoint}); put the last good version back "
            f"with promote_{portfolio.name} until it is understood."
        )
    return [score["pd"] for score in scored["scores"]]


def find_problems(scored: Mapping[str, Any], digest: str, count: int) -> list[str]:
    """Return what is wrong with an endpoint's answer to `count` applications.

    Each PD lies strictly between 0 and 1 with at least 3 reasons, and the model that answers has
    the digest that was evaluated.
    """
    problems = []
    if scored["model"]["digest"] != digest:
        problems.append(f"model {scored['model']['digest']} answers, not {digest}")
    if len(scored["scores"]) != count:
        problems.append(f"{len(scored['scores'])} scores for {count} applications")
    for number, score in enumerate(scored["scores"]):
        if not (math.isfinite(score["pd"]) and 0 < score["pd"] < 1):
            problems.append(f"application {number}: the PD is not between 0 and 1")
        if len(score["reasons"]) < REASONS_MIN:
            problems.append(f"application {number}: {len(score['reasons'])} reasons, not 3")
    return problems


def read_applications(
    s3: Any, bucket: str, portfolio: Portfolio, period: str, folder: Path
) -> list[dict[str, Any]]:
    """Return the first prepared applications of the out-of-time test, as requests.

    The keys come from cleaned/test, the values from prepared: what an applicant would give.
    """
    import pyarrow.parquet as pq

    key = portfolio.key.name
    names = [each.name for each in portfolio.request_fields]
    for part in range(portfolio.split.parts):
        target = folder / f"test-{part}.parquet"
        s3.download_file(
            bucket, layout.cleaned_part(portfolio.name, period, "test", part), str(target)
        )
        wanted = pq.read_table(target, columns=[key]).slice(0, SMOKE_ROWS).column(key).to_pylist()
        if not wanted:
            continue
        found = []
        prefix = layout.prepared_part(portfolio.name, period, part)
        for number, each in enumerate(raw.list_keys(s3, bucket, prefix)):
            source = folder / f"prepared-{part}-{number}.parquet"
            s3.download_file(bucket, each, str(source))
            rows = pq.read_table(source, columns=[key, *names], filters=[(key, "in", wanted)])
            found += rows.select(names).to_pylist()
            if len(found) >= len(wanted):
                break
        return [
            {name: _jsonable(value) for name, value in row.items()} for row in found[:SMOKE_ROWS]
        ]
    raise SmokeFailed(
        f"cleaned/{portfolio.name}/period={period}/test holds no application: run clean again"
    )


def _jsonable(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
