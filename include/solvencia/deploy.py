"""What stands between a trained model and applicants: the gate, the guard and the smoke test."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from solvencia import gate, layout, raw
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.settings import Settings

SMOKE_ROWS = 3
REASONS_MIN = 3


class GateRefused(PermanentFault):
    """The model's out-of-time metrics do not pass the portfolio's gate."""


class SmokeFailed(PermanentFault):
    """The live endpoint does not answer as the model that was deployed must."""


def read_metrics(s3: Any, model_bucket: str, portfolio: Portfolio, period: str) -> dict[str, Any]:
    """Return what `evaluate` measured for a period."""
    key = layout.evaluation_prefix(portfolio.name, period) + "metrics.json"
    metrics: dict[str, Any] = json.loads(s3.get_object(Bucket=model_bucket, Key=key)["Body"].read())
    return metrics


def check_gate(
    metrics: Mapping[str, Any], settings: Settings, portfolio: Portfolio, period: str
) -> str:
    """Return the name of the version that may go live; raise GateRefused with every reason.

    The name derives from all that the endpoint would run: model, image and instances.
    """
    refusals = gate.refusals(metrics, portfolio)
    if metrics["model"]["period"] != period:
        refusals.append(f"the metrics are of period {metrics['model']['period']}, not {period}")
    if refusals:
        raise GateRefused(
            f"the model of {portfolio.name} {period} stays off the endpoint: "
            + "; ".join(refusals)
            + f". Look at the plots below {layout.evaluation_prefix(portfolio.name, period)} and "
            "at the data; [gate] in portfolio.toml holds the bounds."
        )
    content = "\n".join(
        (
            metrics["model"]["digest"],
            settings.model_image,
            settings.endpoint_instance,
            str(settings.endpoint_instances),
        )
    )
    digest = hashlib.sha256(content.encode()).hexdigest()
    return layout.version_name(settings.stack, portfolio.name, period, digest)


def find_live(sagemaker: Any, endpoint: str) -> str:
    """Return the version on an endpoint; empty where there is none."""
    try:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return ""
        raise
    return str(found["EndpointConfigName"])


def refuse_deployment(live: str, version: str) -> str:
    """Return why a version must not replace the live one; empty where it may.

    An older period never replaces a newer one, whatever order runs finish in. The same version
    may pass: what follows finds its own work, and the smoke test is worth another look.
    """
    if live and layout.version_period(live) > layout.version_period(version):
        return f"{live} is live, of a newer period than {version}"
    return ""


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
            f"endpoint's log (/aws/sagemaker/Endpoints/{endpoint}); deploy the last good version "
            "with UpdateEndpoint until it is understood."
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
