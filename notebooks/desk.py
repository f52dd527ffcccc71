"""What the notebooks work on: one deployment, one of its portfolios, its lake and its models.

The deployment comes from the environment, as everywhere, or from the file `.env` beside this one,
which the start script of the notebook instance writes.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyathena

from solvencia import deploy, layout, portfolio, raw, registry, version
from solvencia.container import artefact, cleaned_data
from solvencia.faults import PermanentFault
from solvencia.model import Model
from solvencia.portfolio import Portfolio
from solvencia.registry import Package
from solvencia.settings import Settings

type Columns = Mapping[str, npt.NDArray[Any]]

HERE = Path(__file__).parent
POLL_SECONDS = 0.2
# What the SDK would send to AWS of each call: the notebooks do not.
NO_TELEMETRY = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


class NothingThere(PermanentFault):
    """A notebook needs what no run has made yet; the message says which run makes it."""


@dataclass(frozen=True)
class Desk:
    """One portfolio of one deployment, seen by an analyst."""

    settings: Settings
    portfolio: Portfolio

    def __repr__(self) -> str:
        where = f"stack {self.settings.stack}, account {self.settings.account}"
        return f"{self.portfolio.title['en']} ({self.portfolio.name}) of {where}"

    def query(self, sql: str) -> Any:
        """Return what Athena answers as a pandas DataFrame; raise pyathena's OperationalError."""
        connection = pyathena.connect(
            schema_name=self.settings.database(self.portfolio.name),
            work_group=self.settings.workgroup,
            region_name=self.settings.region,
            poll_interval=POLL_SECONDS,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            names = [each[0] for each in cursor.description or ()]
            return pd.DataFrame(cursor.fetchall(), columns=names)

    @functools.cached_property
    def period(self) -> str:
        """The newest period that was prepared; raise NothingThere."""
        try:
            found = self.query("SELECT max(period) AS period FROM prepared")["period"][0]
        except pyathena.OperationalError as fault:
            if "TABLE_NOT_FOUND" not in str(fault):
                raise
            found = None
        if not found:
            raise NothingThere(
                f"nothing of {self.portfolio.name} was prepared yet: run `make run "
                f"PORTFOLIO={self.portfolio.name}`, or the DAG build_model_{self.portfolio.name}"
            )
        return str(found)

    def versions(self) -> Any:
        """Return the registered versions as a DataFrame, newest first, the live one marked."""
        sagemaker, group = boto3.client("sagemaker"), self.settings.package_group(self.name)
        live = deploy.find_live(sagemaker, self.settings.endpoint(self.name))
        rows = []
        for each in registry.list_versions(sagemaker, group):
            name = str(each["ModelPackageDescription"])
            known = registry.get(sagemaker, group, name).metadata
            rows.append(
                {
                    "version": name,
                    "period": known.get("period"),
                    "kind": known.get("kind"),
                    "status": each["ModelApprovalStatus"],
                    "AUC": float(known.get("auc", "nan")),
                    "KS": float(known.get("ks", "nan")),
                    "is live": name == live,
                }
            )
        if not rows:
            raise NothingThere(
                f"no version of {self.name} is registered: run `make run PORTFOLIO={self.name}`, "
                f"or the DAG build_model_{self.name}"
            )
        return pd.DataFrame(rows)

    def package(self, name: str) -> Package:
        """Return one registered version; raise UnknownVersion."""
        return registry.get(boto3.client("sagemaker"), self.settings.package_group(self.name), name)

    def facts(self, name: str) -> dict[str, Any]:
        """Return what is kept of a version: metrics, gate, lineage, approval; raise NotWhole."""
        found = version.read_facts(boto3.client("s3"), self.settings, self.name, name)
        if found is None:
            raise version.NotWhole(self.name, name)
        return found

    def evidence(self, name: str) -> Any:
        """Return the pages of a version's evidence pack as a DataFrame: page, size and URI."""
        prefix = layout.version_prefix(self.name, name) + "evidence/"
        keys = raw.list_keys(boto3.client("s3"), self.settings.model_bucket, prefix)
        bucket = self.settings.model_bucket
        pages = [(key.removeprefix(prefix), f"s3://{bucket}/{key}") for key in keys]
        return pd.DataFrame(pages, columns=["page", "where it lies"])

    def model(self, artefact_uri: str) -> Model:
        """Return the model of an artefact's URI; raise UnusableModel."""
        bucket, _, key = artefact_uri.removeprefix("s3://").partition("/")
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "model" / "model.tar.gz"
            archive.parent.mkdir()
            _download(bucket, key, archive)
            return artefact.read(archive)

    def cleaned(self, period: str, split: str) -> Columns:
        """Return the cleaned columns of `train`, `validation` or `test`, sorted by their key."""
        bucket, prefix = self.settings.data_bucket, layout.cleaned_split(self.name, period, split)
        with tempfile.TemporaryDirectory() as folder:
            for key in raw.list_keys(boto3.client("s3"), bucket, prefix):
                _download(bucket, key, Path(folder) / split / Path(key).name)
            return cleaned_data.read(self.portfolio, Path(folder) / split)

    def applications(self, period: str) -> list[dict[str, Any]]:
        """Return a few applications of the out-of-time test, as an applicant would give them."""
        with tempfile.TemporaryDirectory() as folder:
            return deploy.read_applications(
                boto3.client("s3"),
                self.settings.data_bucket,
                self.portfolio,
                period,
                Path(folder),
            )

    @property
    def name(self) -> str:
        """The portfolio's name."""
        return self.portfolio.name


def open_desk(name: str = "") -> Desk:
    """Return the desk of a portfolio: `name`, else $SOLVENCIA_PORTFOLIO, else the first there is.

    Raises MissingSetting where neither the environment nor `.env` names a deployment.
    """
    _read_env(HERE / ".env")
    # The SDK asks IAM what the job's role may do to anything at all, and refuses one that may do
    # little to few; and no way leads from the private network to IAM.
    os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")
    chosen = name or os.environ.get("SOLVENCIA_PORTFOLIO") or portfolio.names()[0]
    return Desk(Settings.from_env(), portfolio.load(chosen))


def job_base(settings: Settings) -> str:
    """Return what the names of a notebook's training jobs begin with; its role starts no others."""
    return f"{settings.stack}-notebook"


def training_splits(product: Portfolio) -> tuple[str, ...]:
    """Return the splits that a training job reads: the declined too, where they train."""
    declined = product.modelling.reject_inference != "none"
    return ("train", "validation", *((layout.DECLINED,) if declined else ()))


def reason(product: Portfolio, field: str) -> str:
    """Return what the portfolio tells an applicant about a field."""
    return product.fields[field].reason.get("en") or field


def to_points(desk: Desk, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the score in points of each probability of default."""
    from solvencia import scorecard

    scaling = desk.portfolio.scaling
    return np.array([scorecard.to_points(scaling, each) for each in probabilities.tolist()])


def find_bands(desk: Desk, points: npt.NDArray[np.int64]) -> list[str]:
    """Return the name of each score's band."""
    from solvencia import policy

    return [policy.find_band(desk.portfolio.bands, each).name for each in points.tolist()]


def _read_env(path: Path) -> None:
    """Take the file's NAME=value lines into the environment, which goes before the file."""
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            key, found, value = line.partition("=")
            if found:
                os.environ.setdefault(key.strip(), value.strip())


def _download(bucket: str, key: str, target: Path) -> None:
    """Write an object into a file; one plain read, as the objects are small."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
