"""What the server answers: applications judged, scored and explained, alone or by the block.

A block's applications are cleaned and scored as columns. Each gets what it gets alone, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from solvencia import clean_row, features, lineage, scorecard
from solvencia.clean import Column, clean
from solvencia.container.serve_texts import Texts
from solvencia.explain import Citable
from solvencia.model import Model
from solvencia.portfolio import Portfolio

type Numbers = npt.NDArray[np.float64]

APPLICATIONS_MAX = 10_000
_ALONE_MAX = 16  # so many are sooner scored one after the other than as columns
_PLAIN = frozenset((float, int, type(None)))


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
        self._identity = msgspec.json.encode(self.identity)
        self._clean = clean_row.compile(product, trained.features)
        self._explainer = trained.explainer
        self._citable = Citable.of(product, trained.features)
        self._texts = Texts(trained.scaling, self._citable.fields)
        self.rows_at_once = self._explainer.rows_at_once
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
        fields = self._citable.fields
        return {
            "pd": pd,
            "points": scorecard.to_points(self.trained.scaling, pd),
            "reasons": [
                {
                    "field": fields[place].name,
                    "code": fields[place].reason["code"],
                    "contribution": contribution,
                }
                for place, contribution in self._citable.sort(shares)
            ],
        }

    def score_all(self, applications: Sequence[Mapping[str, Any]]) -> list[bytes | Unfit]:
        """Return in JSON what `score` returns of each application, or the Unfit that it raises.

        `rows_at_once` of them take some milliseconds.
        """
        if len(applications) <= _ALONE_MAX:
            return [self._try(each) for each in applications]
        matrix, problems = self._read_all(applications)
        for place, each in enumerate(applications):
            if not each.keys() <= self.known:
                problems[place] = self._name_unknown(each)
        if problems:
            matrix = np.delete(matrix, list(problems), axis=0)
        pds, shares = self._explainer.score_all(matrix)
        texts = self._texts.write(pds, *self._citable.sort_all(shares))
        if not problems:
            return [*texts]
        scored = iter(texts)
        return [
            Unfit(problems[place]) if place in problems else next(scored)
            for place in range(len(applications))
        ]

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

        Yields None after some applications, so that others may have their turn, and the answer
        last.
        """
        applications = self._read_applications(raw)
        scores: list[bytes] = []
        problems: dict[str, str] = {}
        for start in range(0, len(applications), self.rows_at_once):
            if start:
                yield None
            block = self.score_all(applications[start : start + self.rows_at_once])
            for place, each in enumerate(block, start):
                if isinstance(each, Unfit):
                    problems |= {f"applications[{place}].{k}": v for k, v in each.problems.items()}
                else:
                    scores.append(each)
        if problems:
            raise Refusal(400, "applications break the portfolio's rules", problems)
        yield b'{"model":%b,"scores":[%b]}' % (self._identity, b",".join(scores))

    def _try(self, application: Mapping[str, Any]) -> bytes | Unfit:
        try:
            text: bytes = msgspec.json.encode(self.score(application))
            return text
        except Unfit as unfit:
            return unfit

    def _read(self, application: Mapping[str, Any]) -> list[float]:
        """Return an application's features; raise Unfit."""
        if not application.keys() <= self.known:
            raise Unfit(self._name_unknown(application))
        try:
            return self._clean([application.get(name) for name in self.fields])
        except clean_row.Unusual:
            matrix, problems = self._read_all([application])
        if problems:
            raise Unfit(problems[0])
        row: list[float] = matrix[0].tolist()
        return row

    def _read_all(
        self, applications: Sequence[Mapping[str, Any]]
    ) -> tuple[Numbers, dict[int, dict[str, str]]]:
        """Return the applications' features, and by place what is wrong with some of them."""
        columns = {
            each.name: _arrange(
                [application.get(each.name) for application in applications], each.type == "text"
            )
            for each in self.product.request_fields
        }
        cleaned = clean(self.product, columns)
        problems = {
            place: dict(each.split(": ", 1) for each in reasons)
            for place, reasons in cleaned.reasons.items()
        }
        return features.build(self.product, cleaned.columns, self.trained.features), problems

    def _name_unknown(self, application: Mapping[str, Any]) -> dict[str, str]:
        return {name: "unknown field" for name in application if name not in self.known}

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


def _arrange(values: list[Any], is_text: bool) -> Column:
    """Return a column: plain numbers as such, all else as it came."""
    if not is_text and _PLAIN.issuperset(map(type, values)):
        try:
            return np.array(values, dtype=np.float64)  # None becomes NaN
        except OverflowError:
            pass  # a whole number beyond all floats
    return np.fromiter(values, dtype=object, count=len(values))
