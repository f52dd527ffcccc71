"""Cleaned Parquet objects, read back into columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from solvencia.clean import MissingColumn
from solvencia.faults import PermanentFault
from solvencia.portfolio import Portfolio


class NoData(PermanentFault):
    """A channel holds no Parquet object."""


def read(
    portfolio: Portfolio, folder: Path, with_protected: bool = False
) -> dict[str, npt.NDArray[Any]]:
    """Return the key, time, label and features of every object below a folder.

    Sorted by key, so that neither the number of parts nor their names matter. Protected columns
    are left in the files unless asked for, which only the fairness audit may do.
    """
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise NoData(f"channel {folder.name!r} holds no .parquet object: run the clean stage first")
    names = [
        portfolio.key.name,
        portfolio.time.name,
        portfolio.label.field,
        *(each.name for each in portfolio.features),
        *(each.name for each in portfolio.with_role("protected") if with_protected),
    ]
    found = set.intersection(*(set(pq.read_schema(file).names) for file in files))
    absent = [name for name in names if name not in found]
    if absent:
        raise MissingColumn(portfolio.name, absent, f"channel {folder.name!r}")
    # Objects may differ in which columns they declare nullable, so they are joined as arrays.
    tables = [pq.ParquetFile(file).read(columns=names) for file in files]
    columns = {name: np.concatenate([each[name].to_numpy() for each in tables]) for name in names}
    order = np.argsort(columns[portfolio.key.name], kind="stable")
    return {name: values[order] for name, values in columns.items()}
