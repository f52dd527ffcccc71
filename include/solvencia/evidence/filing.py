"""Where the evidence pack is filed: below the version, beside what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from solvencia import evidence, layout, raw, version
from solvencia.portfolio import Portfolio
from solvencia.settings import Settings


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
        version.read_facts(s3, settings, portfolio.name, earlier) if earlier else None,
    )
    for name, html in sorted(pages.items(), key=lambda each: each[0] == "index.html"):
        s3.put_object(
            Bucket=bucket,
            Key=f"{prefix}evidence/{name}",
            Body=html.encode(),
            ContentType="text/html; charset=utf-8",
        )
