"""Where SageMaker puts a container's inputs and takes its outputs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    """SageMaker's contract below one base folder: /opt/ml in every image."""

    base: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Folders:
        """Take the base from SAGEMAKER_BASE_DIR where the host cannot mount /opt/ml."""
        return cls(Path(env.get("SAGEMAKER_BASE_DIR") or "/opt/ml"))

    @property
    def hyperparameters(self) -> Path:
        """JSON object of strings, written by the training job."""
        return self.base / "input" / "config" / "hyperparameters.json"

    @property
    def model(self) -> Path:
        """Becomes model.tar.gz after training; its content when serving."""
        return self.base / "model"

    @property
    def failure(self) -> Path:
        """A failed job's reason, shown by DescribeTrainingJob."""
        return self.base / "output" / "failure"

    @property
    def message(self) -> Path:
        """A processing job's exit message, shown by DescribeProcessingJob."""
        return self.base / "output" / "message"

    @property
    def processing_model(self) -> Path:
        """The artefact that a processing job evaluates."""
        return self.base / "processing" / "input" / "model" / "model.tar.gz"

    @property
    def processing_champion(self) -> Path:
        """The artefact of the model that is live; the evaluated one where there is none."""
        return self.base / "processing" / "input" / "champion" / "model.tar.gz"

    @property
    def processing_test(self) -> Path:
        """Cleaned Parquet of the out-of-time test."""
        return self.base / "processing" / "input" / "test"

    @property
    def processing_train(self) -> Path:
        """Cleaned Parquet that the model was fitted on: what drift is measured against."""
        return self.base / "processing" / "input" / "train"

    @property
    def processing_declined(self) -> Path:
        """Cleaned Parquet of the declined, where they trained too."""
        return self.base / "processing" / "input" / "declined"

    @property
    def processing_output(self) -> Path:
        """Metrics, report and plots, uploaded when the processing job ends."""
        return self.base / "processing" / "output"

    def channel(self, name: str) -> Path:
        """One input channel of a training job."""
        return self.base / "input" / "data" / name
