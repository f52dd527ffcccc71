"""The scorecard's model: monotone gradient boosting, calibrated, portable and reproducible.

A model folder holds `booster.txt` (LightGBM's own text) and `model.json`; no pickle. The same
data and code give the same digest, whatever the machine's threads, the job's name or the time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from solvencia.faults import PermanentFault
from solvencia.features import rules_digest
from solvencia.portfolio import Portfolio, Scaling

type Numbers = npt.NDArray[np.float64]


class UnusableModel(PermanentFault):
    """A model folder is incomplete, altered, or made by other rules than the running code's."""


@dataclass(frozen=True)
class Model:
    """A trained model; `digest` names its content.

    Calibrated log-odds of default = slope x the booster's raw score + intercept.
    """

    booster_text: str
    features: tuple[str, ...]
    slope: float
    intercept: float
    portfolio: str
    period: str
    fingerprint: str
    rules: str
    scaling: Scaling
    hyperparameters: Mapping[str, int | float]
    libraries: Mapping[str, str]
    booster: lgb.Booster = field(compare=False, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 over the booster's text and the canonical description."""
        return _digest(self.booster_text, self.describe())

    def describe(self) -> dict[str, Any]:
        """Return what model.json holds, the digest excepted."""
        return {
            "features": list(self.features),
            "calibration": {"slope": self.slope, "intercept": self.intercept},
            "portfolio": self.portfolio,
            "period": self.period,
            "fingerprint": self.fingerprint,
            "rules": self.rules,
            "scaling": {
                "points": self.scaling.points,
                "odds": self.scaling.odds,
                "pdo": self.scaling.pdo,
            },
            "hyperparameters": dict(self.hyperparameters),
            "libraries": dict(self.libraries),
        }

    def save(self, folder: Path) -> None:
        """Write booster.txt and model.json into an existing folder."""
        (folder / "booster.txt").write_text(self.booster_text, encoding="utf-8")
        body = {**self.describe(), "digest": self.digest}
        (folder / "model.json").write_text(
            json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8"
        )

    def log_odds(self, matrix: Numbers) -> Numbers:
        """Return the calibrated log-odds of default of each row."""
        raw = self.booster.predict(matrix, raw_score=True, num_threads=1)
        return self.slope * np.asarray(raw, dtype=np.float64) + self.intercept

    def predict(self, matrix: Numbers) -> Numbers:
        """Return the probability of default of each row."""
        return to_pd(self.log_odds(matrix))


def to_pd(log_odds: Numbers) -> Numbers:
    """Return probabilities, each strictly between 0 and 1, from log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0))))


def load(folder: Path) -> Model:
    """Read a model folder; raise UnusableModel when it is incomplete or altered."""
    try:
        text = (folder / "booster.txt").read_text(encoding="utf-8")
        body = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise UnusableModel(
            "the model folder needs booster.txt and model.json: train the model again"
        ) from error
    digest = body.pop("digest", None)
    if digest != _digest(text, body):
        raise UnusableModel(
            "the model's files do not match the digest in model.json: "
            "take the artefact of the training job again, or train again"
        )
    return Model(
        booster_text=text,
        features=tuple(body["features"]),
        slope=body["calibration"]["slope"],
        intercept=body["calibration"]["intercept"],
        portfolio=body["portfolio"],
        period=body["period"],
        fingerprint=body["fingerprint"],
        rules=body["rules"],
        scaling=Scaling(**body["scaling"]),
        hyperparameters=body["hyperparameters"],
        libraries=body["libraries"],
        booster=lgb.Booster(model_str=text),
    )


def check_rules(model: Model, portfolio: Portfolio) -> None:
    """Refuse a model whose portfolio, cleaning or features differ from the running code's."""
    if model.fingerprint != portfolio.fingerprint:
        raise UnusableModel(
            f"model {model.digest[:12]} was trained under other rules of portfolio "
            f"{portfolio.name!r}: train again, or run the image that belongs to the model"
        )
    if model.rules != rules_digest():
        raise UnusableModel(
            f"model {model.digest[:12]} was trained with other cleaning code: "
            "train again, or run the image that belongs to the model"
        )


def _digest(booster_text: str, description: Mapping[str, Any]) -> str:
    canonical = json.dumps(description, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(booster_text.encode() + b"\0" + canonical.encode()).hexdigest()
