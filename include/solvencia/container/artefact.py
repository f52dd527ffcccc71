"""A model artefact, unpacked."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from solvencia import model
from solvencia.model import Model, UnusableModel


def read(archive: Path) -> Model:
    """Return the model of a model.tar.gz; raise UnusableModel for a broken or an older one."""
    with tempfile.TemporaryDirectory() as name:
        try:
            with tarfile.open(archive) as opened:
                opened.extractall(name, filter="data")
        except (tarfile.TarError, EOFError) as error:
            raise UnusableModel(
                f"{archive.name} of the input {archive.parent.name!r} is no whole archive: take "
                "the artefact of the training job again"
            ) from error
        return model.load(Path(name))
