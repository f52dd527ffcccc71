"""What the server answers: applications judged, scored and explained, one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from solvencia import clean_row, explain, features, lineage, scorecard
from solvencia.clean import clean
from solvencia.model import Model
from solvencia.portfolio import Portfolio

APPLICATIONS_MAX = 10_000


class Refusal(Exception):
    """A request that cannot be scored, with its HTTP status and JSON body."""

    def __init__(self, status: int, error: str, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **({"problems": dict(problems)} if problems else {})}


class Unfit(Exception):
    """An application breaks the portfolio's rules; `problems` maps field to reason."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(", ".join(problems))
        self.problems = problems


class Scores:
    """One loaded model, ready to score applications of its portfolio."""

    def __init__(self, trained: Model, product: Portfolio) -> None:
        self.trained = trained
        self.product = product
        self.fields = tuple(each.name for each in product.request_fields)
        self.known = frozenset(self.fields)
        self.identity = {
            "digest": trained.digest,
            "period": trained.period,
            "fingerprint": trained.fingerprint,
            "code": lineage.code_digest(product.name),
        }
        self._clean = clean_row.compile(product, trained.features)
        self._explainer = trained.explainer
        self.score(dict.fromkeys(self.fields), is_checked=True)

    def score(self, application: Mapping[str, Any], is_checked: bool = False) -> dict[str, Any]:
        """Return the PD, points and reasons of one application; raise Unfit.

        With `is_checked` an application that is refused counts as one without a value: what a
        server tries before it says that it is ready.
        """
        try:
            row = self._read(application)
        except Unfit:
            if not is_checked:
                raise
            row = [math.nan] * len(self.trained.features)
        pd, shares = self._explainer.score(row)
        return {
            "pd": pd,
            "points": scorecard.to_points(self.trained.scaling, pd),
            "reasons": [
                {"field": each.field, "code": each.code, "contribution": each.contribution}
                for each in explain.rank(self.product, self.trained.features, shares)
            ],
        }

    def check_fingerprint(self, given: object) -> None:
        """Raise Refusal with 409 unless it is the model's."""
        if given != self.trained.fingerprint:
            raise Refusal(
                409,
                "the caller's portfolio differs from the model's: deploy both from the same "
                f"release (the model's fingerprint is {self.trained.fingerprint})",
            )

    def answer(self, raw: bytes) -> Iterator[bytes | None]:
        """Answer {"fingerprint", "applications": [{field: value}]}; raise Refusal (400, 409).

        Yields None after each application, so that others may have their turn, and the answer
        last.
        """
        applications = self._read_applications(raw)
        scores: list[dict[str, Any]] = []
        problems: dict[str, str] = {}
        for place, each in enumerate(applications):
            try:
                scores.append(self.score(each))
            except Unfit as unfit:
                problems |= {f"applications[{place}].{k}": v for k, v in unfit.problems.items()}
            if place + 1 < len(applications):
                yield None
        if problems:
            raise Refusal(400, "applications break the portfolio's rules", problems)
        yield msgspec.json.encode({"model": self.identity, "scores": scores})

    def _read(self, application: Mapping[str, Any]) -> list[float]:
        """Return an application's features; raise Unfit."""
        if not application.keys() <= self.known:
            raise Unfit({name: "unknown field" for name in application if name not in self.known})
        try:
            return self._clean([application.get(name) for name in self.fields])
        except clean_row.Unusual:
            columns = {
                name: np.fromiter((application.get(name),), dtype=object) for name in self.fields
            }
        cleaned = clean(self.product, columns)
        if cleaned.reasons:
            raise Unfit(dict(each.split(": ", 1) for each in cleaned.reasons[0]))
        matrix = features.build(self.product, cleaned.columns, self.trained.features)
        row: list[float] = matrix[0].tolist()
        return row

    def _read_applications(self, raw: bytes) -> list[dict[str, Any]]:
        body = decode(raw)
        if not isinstance(body, dict):
            raise Refusal(400, "the body must be an object with fingerprint and applications")
        self.check_fingerprint(body.get("fingerprint"))
        applications = body.get("applications")
        if not isinstance(applications, list) or not 0 < len(applications) <= APPLICATIONS_MAX:
            raise Refusal(400, f"applications must be a list of 1 to {APPLICATIONS_MAX} objects")
        wrong = [place for place, each in enumerate(applications) if not isinstance(each, dict)]
        if wrong:
            problems = {f"applications[{place}]": "must be an object of fields" for place in wrong}
            raise Refusal(400, "applications do not have the portfolio's fields", problems)
        return applications


def decode(raw: bytes) -> Any:
    """Return the value of a JSON text; raise Refusal with 400."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal(400, "the body is not JSON") from None
