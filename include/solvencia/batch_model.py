"""The model that a batch is scored by: the version on the portfolio's endpoint."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio
from solvencia.settings import Settings


class NoModel(PermanentFault):
    """No model can score the batch; the message says why."""


def find_live(sagemaker: Any, s3: Any, settings: Settings, portfolio: Portfolio) -> dict[str, str]:
    """Return the live version, digest, period and fingerprint; raise NoModel.

    A model that was trained under other rules than this portfolio's is none.
    """
    endpoint = settings.endpoint(portfolio.name)
    try:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            raise
        raise NoModel(
            f"no model of {portfolio.name} is live (there is no endpoint {endpoint}): build one"
        ) from error
    config = sagemaker.describe_endpoint_config(EndpointConfigName=found["EndpointConfigName"])
    version = str(config["ProductionVariants"][0]["ModelName"])
    model = sagemaker.describe_model(ModelName=version)
    described = _read(s3, model["PrimaryContainer"]["ModelDataUrl"])
    if described["fingerprint"] != portfolio.fingerprint:
        raise NoModel(
            f"the live model {version} was trained under other rules of {portfolio.name}: "
            "build a model, or deploy the release that it was trained with"
        )
    names = ("digest", "period", "fingerprint")
    return {"version": version, **{name: str(described[name]) for name in names}}


def _read(s3: Any, artefact: str) -> Mapping[str, Any]:
    place = urlsplit(artefact)
    body = s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"]
    with tarfile.open(fileobj=body, mode="r|gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content and PurePosixPath(member.name) == PurePosixPath("model.json"):
                found: dict[str, Any] = json.load(content)
                return found
    raise NoModel(f"{artefact} holds no model.json: take the training job's artefact again")
