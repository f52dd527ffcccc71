"""The notebooks in the code bucket, where the notebook instance takes them from at its start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deployment import airflow_files
from deployment.artefacts import Artefacts

BUNDLE = "notebooks.zip"
PREFIX = "notebooks"  # the default of NotebooksPrefix in infra/solvencia.yaml


def is_wanted(parameters: Mapping[str, str]) -> bool:
    """Tell whether the stack has, or will have, a notebook instance."""
    return parameters.get("Notebook") == "true"


def upload(artefacts: Artefacts, bundles: Path, parameters: Mapping[str, str]) -> None:
    """Make the objects below the stack's NotebooksPrefix the bundle's files.

    What changed comes to the instance when it starts next. Raises MissingArtefact.
    """
    airflow_files.recorded(bundles, BUNDLE)
    prefix = parameters.get("NotebooksPrefix") or PREFIX
    changed, removed = airflow_files.synchronize(
        artefacts.s3, artefacts.bucket, f"{prefix}/", bundles / BUNDLE
    )
    artefacts.say(f"notebooks: {changed} files written, {removed} removed")
