"""The lender's rows as they came: texts by column, and where each row stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


class DraftFault(Exception):
    """No portfolio can be drafted; the message names the file, the row or column, and the cure."""


@dataclass(frozen=True)
class Source:
    """`columns` maps a column's own name to its texts, None where nothing stands.

    `lines` has each row's line in the file, or its number in the sample of a table. `total` is the
    rows of the whole, where `columns` is a sample. A database's `unique` columns are checked whole.
    """

    name: str
    columns: Mapping[str, Sequence[str | None]]
    lines: Sequence[int]
    delimiter: str = ""
    encoding: str = ""
    total: int = 0
    unique: frozenset[str] | None = None
    notices: tuple[str, ...] = field(default=())

    @property
    def is_database(self) -> bool:
        """Whether the rows came over a connection."""
        return self.unique is not None

    @property
    def rows(self) -> int:
        return len(self.lines)
