"""Scores of many applications as JSON, column by column: the bytes that msgspec makes of each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from solvencia import scorecard
from solvencia.portfolio import Field, Scaling

type Numbers = npt.NDArray[np.float64]
type Places = npt.NDArray[np.intp]


class Texts:
    """Writes the scores of one model, whose reasons cite `fields`."""

    def __init__(self, scaling: Scaling, fields: Sequence[Field]) -> None:
        self.scaling = scaling
        self.heads = [
            b'{"field":%b,"code":%b,"contribution":'
            % (msgspec.json.encode(each.name), msgspec.json.encode(each.reason["code"]))
            for each in fields
        ]

    def write(self, pds: Numbers, places: Places, contributions: Numbers) -> list[bytes]:
        """Return {"pd", "points", "reasons"} of each row.

        `places` are in `fields`, the strongest reason first, shape (rows, reasons), as are their
        contributions.
        """
        points = [scorecard.to_points(self.scaling, pd) for pd in pds.tolist()]
        columns = [_spell(pds), points]
        for place, contribution in zip(places.T.tolist(), contributions.T, strict=True):
            columns += [[self.heads[each] for each in place], _spell(contribution)]
        reasons = b",".join([b"%b%b}"] * places.shape[1])
        template = b'{"pd":%b,"points":%d,"reasons":[' + reasons + b"]}"
        return [template % each for each in zip(*columns, strict=True)]


def _spell(values: Numbers) -> list[bytes]:
    """Return each number in JSON, in as few digits as tell it apart."""
    whole: bytes = msgspec.json.encode(values.tolist())
    return whole[1:-1].split(b",") if len(values) else []
