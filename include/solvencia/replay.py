"""Replay: a logged decision made once more, from its input, its model and its code, bit for bit.

The decision's input is unsealed in memory and nowhere written. What keeps a replay from being one
is named: a key that was erased, a model that is gone, code that has moved on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from solvencia import decision_log, lineage, model, policy, portfolio, registry
from solvencia.container import artefact
from solvencia.container.serve_scores import Scores, Unfit
from solvencia.decision import Decision
from solvencia.decision_log import Erased
from solvencia.model import Model, UnusableModel
from solvencia.policy import Band
from solvencia.portfolio import Portfolio, UnknownPortfolio
from solvencia.registry import Package
from solvencia.settings import Settings

REPRODUCED = "reproduced"
DIFFERS = "differs"
IMPOSSIBLE = "impossible"


@dataclass(frozen=True)
class Difference:
    """A member of the decision that came out otherwise; numbers as texts in full."""

    name: str
    logged: str
    replayed: str


@dataclass(frozen=True)
class Replay:
    """What came of a replay: `status` is `reproduced`, `differs` or `impossible`.

    `missing` says what a replay would need, `notes` what is not as it was and need not matter.
    No applicant's value is in it.
    """

    decision_id: str
    portfolio: str
    status: str
    model_digest: str
    version: str = ""
    differences: tuple[Difference, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "is_reproduced": self.status == REPRODUCED}


@dataclass(frozen=True)
class Clients:
    """The AWS services that a replay reads."""

    dynamodb: Any
    kms: Any
    s3: Any
    sagemaker: Any


def replay(clients: Clients, settings: Settings, decision_id: str) -> Replay:
    """Make a logged decision once more and compare; raise UnknownDecision for one not in the log.

    Compared are PD, points, band, decision and each reason with its contribution, to the last bit.
    Raises sealing.Tampered where the log was changed behind our back.
    """
    logged = decision_log.read(clients.dynamodb, settings, decision_id)
    group = settings.package_group(logged.portfolio)
    package = registry.find_by_digest(
        clients.sagemaker, group, logged.model_digest, logged.code_digest
    )
    made: list[Difference] = []
    missing, notes = [], []
    application: dict[str, Any] | None = None
    found = decision_log.unseal_input(clients.dynamodb, clients.kms, settings, decision_id)
    if isinstance(found, Erased):
        missing.append(f"the input: the person's key was destroyed on {found.erased_at}")
    else:
        application = found
    try:
        product = portfolio.load(logged.portfolio)
        notes += _find_changes(logged, product, package)
        bands = _find_bands(logged, product)
        if not bands:
            missing.append(
                f"the bands of policy {logged.policy_digest}: the log did not keep them yet, and "
                "those here are others"
            )
        trained = _read_model(clients.s3, settings, package, logged)
        model.check_rules(trained, product)
        if application is not None:
            made = _compare(logged, _score(trained, product, application), bands)
    except (UnusableModel, UnknownPortfolio) as error:
        missing.append(str(error))
    return Replay(
        decision_id=decision_id,
        portfolio=logged.portfolio,
        status=IMPOSSIBLE if missing else DIFFERS if made else REPRODUCED,
        model_digest=logged.model_digest,
        version=package.version if package else "",
        differences=tuple(made),
        missing=tuple(missing),
        notes=tuple(notes),
    )


def _read_model(s3: Any, settings: Settings, package: Package | None, logged: Decision) -> Model:
    """Return the decision's model; raise UnusableModel where it is not registered, or gone."""
    if package is None:
        raise UnusableModel(
            f"the model: no version in {settings.package_group(logged.portfolio)} has the digest "
            f"{logged.model_digest}"
        )
    place = urlsplit(package.artefact)
    bucket, key = place.netloc, place.path.lstrip("/")
    if not _is_there(s3, bucket, key):
        raise UnusableModel(f"the model: its artefact {package.artefact} is gone")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "model.tar.gz"
        s3.download_file(bucket, key, str(archive))
        return artefact.read(archive)


def _is_there(s3: Any, bucket: str, key: str) -> bool:
    """Tell whether an object is there; it is listed, as S3 may answer 403 where nothing is."""
    try:
        page = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    except s3.exceptions.NoSuchBucket:
        return False
    return any(each["Key"] == key for each in page.get("Contents", ()))


def _find_bands(logged: Decision, product: Portfolio) -> Sequence[Band]:
    """Return the bands that decided: the log's, else this code's if they are the same, else none.

    A cut-off changes without a new model, so this code's bands may be older or newer ones.
    """
    if bands := decision_log.read_bands(logged):
        return bands
    return product.bands if product.policy_digest == logged.policy_digest else ()


def _find_changes(logged: Decision, product: Portfolio, package: Package | None) -> list[str]:
    """Say what of code and policy has moved on since the decision."""
    notes = []
    code = lineage.code_digest(product.name)
    if code != logged.code_digest:
        image = f", or run {package.image}" if package else ""
        notes.append(
            f"the code is {code[:12]}, the decision's was {logged.code_digest[:12]}: should they "
            f"disagree, check out the release of that digest{image}"
        )
    if product.policy_digest != logged.policy_digest:
        notes.append(
            f"the bands here are policy {product.policy_digest[:12]}, the decision's were "
            f"{logged.policy_digest[:12]}: band and decision are judged by the decision's alone"
        )
    return notes


def _score(trained: Model, product: Portfolio, application: Mapping[str, Any]) -> dict[str, Any]:
    """Score as the endpoint does; an application that today's rules refuse is a broken rule."""
    try:
        return Scores(trained, product).score(application)
    except Unfit as error:
        names = ", ".join(error.problems)
        raise UnusableModel(
            f"today's rules refuse the logged {names}: run the model's image"
        ) from None


def _compare(logged: Decision, score: Mapping[str, Any], bands: Sequence[Band]) -> list[Difference]:
    """Compare with a score; without the bands that decided, band and decision are left out."""
    points = int(score["points"])
    pairs = [
        ("pd", repr(logged.pd), repr(float(score["pd"]))),
        ("points", str(logged.points), str(points)),
    ]
    if bands:
        band = policy.find_band(bands, points)
        pairs += [("band", logged.band, band.name), ("decision", logged.decision, band.decision)]
    pairs.append(("reasons", str(len(logged.reasons)), str(len(score["reasons"]))))
    for number, (old, new) in enumerate(zip(logged.reasons, score["reasons"], strict=False), 1):
        pairs.append(
            (
                f"reason {number}",
                f"{old.code} {old.field} {old.contribution!r}",
                f"{new['code']} {new['field']} {float(new['contribution'])!r}",
            )
        )
    return [Difference(*each) for each in pairs if each[1] != each[2]]
