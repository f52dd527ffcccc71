"""A trained model: a scorecard, boosted trees or a blend of both, portable and reproducible.

A model folder holds `model.json` with `scorecard.json` (bins and coefficients), `booster.txt`
(LightGBM's own text) and `network.json` (weights) as its kind needs, and the other challengers
below `challengers/<kind>/`; no pickle. The digest covers every file. The same data and code give
the same digest, whatever the machine's threads, the job's name or the time.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from solvencia import card, encoding, network, trees
from solvencia.card import Card
from solvencia.faults import PermanentFault
from solvencia.features import rules_digest
from solvencia.network import Network
from solvencia.portfolio import Portfolio, Scaling
from solvencia.trees import Trees

if TYPE_CHECKING:
    from solvencia.explainer import Explainer

type Numbers = npt.NDArray[np.float64]

CHALLENGERS = "challengers"
_FILES = {"scorecard": "scorecard.json", "boosting": "booster.txt", "network": "network.json"}

type Scorer = Card | Trees | Network


class UnusableModel(PermanentFault):
    """A model folder is incomplete, altered, or made by other rules than the running code's."""


@dataclass(frozen=True)
class Part:
    """One scorer and its slope: what its raw log-odds count for in the model's."""

    slope: float
    scorer: Scorer

    @property
    def kind(self) -> str:
        """`scorecard`, `boosting` or `network`."""
        if isinstance(self.scorer, Card):
            return "scorecard"
        return "boosting" if isinstance(self.scorer, Trees) else "network"

    def text(self, scaling: Scaling) -> str:
        """Return the scorer's file."""
        if isinstance(self.scorer, Card):
            return self.scorer.write(scaling)
        return self.scorer.text


@dataclass(frozen=True)
class Model:
    """A trained model; `digest` names its content.

    Log-odds of default = intercept + sum over parts of slope x the part's raw log-odds.
    `reference` is what a neutral applicant has: each feature's training median, NaN where most
    are missing. `selection` says how the kind was chosen. `challengers` are the other kinds,
    trained on the same rows.
    """

    kind: str
    features: tuple[str, ...]
    intercept: float
    parts: tuple[Part, ...]
    portfolio: str
    period: str
    fingerprint: str
    rules: str
    scaling: Scaling
    reference: Mapping[str, float]
    selection: Mapping[str, Any]
    hyperparameters: Mapping[str, int | float]
    libraries: Mapping[str, str]
    challengers: Mapping[str, Model] = field(default_factory=dict)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical description and every other file of the folder."""
        files = self.files()
        body = json.loads(files.pop("model.json"))
        return _digest(body, files)

    def describe(self) -> dict[str, Any]:
        """Return what model.json holds, the digest excepted."""
        plain = ("kind", "intercept", "portfolio", "period", "fingerprint", "rules")
        return {
            **{name: getattr(self, name) for name in plain},
            "features": list(self.features),
            "parts": [_describe(each) for each in self.parts],
            "scaling": dataclasses.asdict(self.scaling),
            "reference": {k: None if math.isnan(v) else v for k, v in self.reference.items()},
            "selection": dict(self.selection),
            "hyperparameters": dict(self.hyperparameters),
            "libraries": dict(self.libraries),
            "challengers": sorted(self.challengers),
        }

    def files(self) -> dict[str, str]:
        """Return every file of the model's folder by its path there."""
        found = {}
        for part in self.parts:
            found[_FILES[part.kind]] = part.text(self.scaling)
        for kind, each in sorted(self.challengers.items()):
            found |= {f"{CHALLENGERS}/{kind}/{name}": text for name, text in each.files().items()}
        described = self.describe()
        body = {**described, "digest": _digest(described, found)}
        found["model.json"] = json.dumps(body, indent=2, sort_keys=True) + "\n"
        return found

    def save(self, folder: Path) -> None:
        """Write all files into an existing folder."""
        for name, text in self.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def reference_row(self) -> Numbers:
        """Return the neutral applicant in the features' order."""
        return np.array([self.reference[name] for name in self.features], dtype=np.float64)

    @functools.cached_property
    def base(self) -> float:
        """The neutral applicant's log-odds of default."""
        return float(self.log_odds(self.reference_row()[None, :])[0])

    @functools.cached_property
    def explainer(self) -> Explainer:
        """The model made ready for scores with reasons."""
        from solvencia.explainer import Explainer

        return Explainer(self)

    def log_odds(self, matrix: Numbers) -> Numbers:
        """Return the calibrated log-odds of default of each row."""
        total = np.full(len(matrix), self.intercept)
        for part in self.parts:
            total += part.slope * part.scorer.log_odds(matrix)
        return total

    def predict(self, matrix: Numbers) -> Numbers:
        """Return the probability of default of each row."""
        return to_pd(self.log_odds(matrix))


def to_pd(log_odds: Numbers) -> Numbers:
    """Return probabilities, each strictly between 0 and 1, from log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0))))


def load(folder: Path) -> Model:
    """Read a model folder with its challengers; raise UnusableModel when incomplete or altered."""
    body = _read_json(folder)
    names = [_FILES[each["kind"]] for each in body["parts"]]
    challengers = {kind: load(folder / CHALLENGERS / kind) for kind in body["challengers"]}
    try:
        texts = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    except FileNotFoundError as error:
        raise UnusableModel(
            f"the model folder needs {', '.join(names)} and model.json: train the model again"
        ) from error
    files = dict(texts)
    for kind, each in challengers.items():
        files |= {f"{CHALLENGERS}/{kind}/{name}": text for name, text in each.files().items()}
    digest = body.pop("digest", None)
    if digest != _digest(body, files):
        raise UnusableModel(
            "the model's files do not match the digest in model.json: "
            "take the artefact of the training job again, or train again"
        )
    features = tuple(body.pop("features"))
    parts = [_read_part(each, texts, features) for each in body.pop("parts")]
    reference = {k: math.nan if v is None else v for k, v in body.pop("reference").items()}
    return Model(
        **{
            **body,
            "features": features,
            "parts": tuple(parts),
            "scaling": Scaling(**body["scaling"]),
            "reference": reference,
            "challengers": challengers,
        }
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


def _describe(part: Part) -> dict[str, Any]:
    described: dict[str, Any] = {"kind": part.kind, "slope": part.slope}
    if isinstance(part.scorer, Trees):
        described["members"] = part.scorer.members
        described["columns"] = part.scorer.encoding.describe()
    return described


def _read_part(body: Mapping[str, Any], texts: Mapping[str, str], names: tuple[str, ...]) -> Part:
    text = texts[_FILES[body["kind"]]]
    if body["kind"] == "scorecard":
        return Part(body["slope"], card.read(text))
    if body["kind"] == "network":
        return Part(body["slope"], network.read(text))
    columns = encoding.read(names, body["columns"])
    return Part(body["slope"], trees.read(text, columns, body["members"]))


def _read_json(folder: Path) -> dict[str, Any]:
    try:
        body = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise UnusableModel(
            "the model folder needs a readable model.json: train the model again"
        ) from error
    if {"parts", "challengers", "digest"} <= set(body):
        return dict(body)
    raise UnusableModel("model.json is of an older release: train the model again")


def _digest(description: Mapping[str, Any], files: Mapping[str, str]) -> str:
    body = {name: value for name, value in description.items() if name != "digest"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    whole = hashlib.sha256(canonical.encode())
    for name, text in sorted(files.items()):
        whole.update(f"\0{name}\0".encode() + hashlib.sha256(text.encode()).digest())
    return whole.hexdigest()
