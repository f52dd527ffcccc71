"""The ordered feature matrix: what the model sees, in the portfolio's order."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia.clean import MissingColumn
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio

_RULES = ("clean.py", "clean_row.py", "features.py")


class NotAFeature(PermanentFault):
    """A field that the model may not see was asked for: a protected one, the label, the key."""

    def __init__(self, portfolio: str, names: list[str]) -> None:
        super().__init__(
            f"{', '.join(names)} of portfolio {portfolio!r} may not reach a model: "
            "only fields with role feature or derived may"
        )
        self.names = names


def build(
    portfolio: Portfolio,
    columns: Mapping[str, npt.NDArray[Any]],
    names: Sequence[str] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the matrix of `names` (default: every feature), one row per application.

    NaN is missing. Raises NotAFeature for a protected or unknown name, MissingColumn for an
    absent one.
    """
    allowed = [each.name for each in portfolio.features]
    wanted = allowed if names is None else list(names)
    refused = [name for name in wanted if name not in allowed]
    if refused:
        raise NotAFeature(portfolio.name, refused)
    absent = [name for name in wanted if name not in columns]
    if absent:
        raise MissingColumn(portfolio.name, absent, "the cleaned data")
    return np.column_stack([columns[name].astype(np.float64) for name in wanted])


@functools.cache
def rules_digest() -> str:
    """Return the SHA-256 of the code between a prepared row and the matrix."""
    digest = hashlib.sha256()
    for name in _RULES:
        digest.update(name.encode() + b"\0" + (Path(__file__).parent / name).read_bytes() + b"\0")
    return digest.hexdigest()
