"""What the pages of evidence may say: facts asked for by their path, none of them blank."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from solvencia.faults import PermanentFault
from solvencia.page import number, share
from solvencia.portfolio import Portfolio

type Path = tuple[str | int, ...]

_CURES = {
    "facts": ("facts.json", "register the version again, so that this fact is written"),
    "report": ("report.json", "evaluate the model again with the code of this version"),
    "portfolio": ("portfolio.toml", "write it there"),
    "champion": ("the champion's facts.json", "register that version again"),
}


class BlankField(PermanentFault):
    """A page of evidence lacks a fact; `page` and `field` name both."""

    def __init__(self, page: str, field: str) -> None:
        source, _, key = field.partition(".")
        file, cure = _CURES[source]
        super().__init__(
            f"{page}: {file} has nothing at {key or 'its root'}, and evidence leaves nothing "
            f"blank: {cure}"
        )
        self.page = page
        self.field = field


@dataclass(frozen=True)
class Facts:
    """The facts of one page, below `root`; `asked` collects each path and if a value is needed.

    Paths are dotted and start with `facts`, `report`, `portfolio` or `champion`, or at `root`.
    """

    page: str
    content: Mapping[str, Any]
    root: Path = ()
    asked: dict[Path, bool] = field(default_factory=dict)

    def need(self, path: str | Path) -> Any:
        """Return what is there; raise BlankField where it is absent, null or empty."""
        return self._look_up(path, is_needed=True)

    def find(self, path: str | Path) -> Any:
        """Return what is there, be it null or empty; raise BlankField where the key is absent."""
        return self._look_up(path, is_needed=False)

    def each(self, path: str) -> list[Facts]:
        """Return the facts of each item of a list that must not be empty."""
        return [self._below(path, place) for place in range(len(self.need(path)))]

    def each_found(self, path: str) -> list[Facts]:
        """Return the facts of each item of a list that may be null or empty."""
        return [self._below(path, place) for place in range(len(self.find(path) or ()))]

    def named(self, path: str) -> dict[str, Facts]:
        """Return the facts below each key of a mapping that may be null or empty."""
        return {key: self._below(path, key) for key in self.find(path) or {}}

    def text(self, path: str | Path) -> str:
        """Return one fact as text; a list joined by commas."""
        return _to_text(self.need(path))

    def count(self, path: str | Path) -> str:
        """Return a whole number, its thousands parted."""
        return f"{self.need(path):,}"

    def number(self, path: str | Path, digits: int = 3) -> str:
        """Return a number."""
        return number(self.need(path), digits)

    def share(self, path: str | Path, digits: int = 1) -> str:
        """Return a share as percent."""
        return share(self.need(path), digits)

    def between(self, low: str, high: str, digits: int = 3) -> str:
        """Return an interval."""
        return f"{self.number(low, digits)} to {self.number(high, digits)}"

    def whole(self, path: str) -> Mapping[str, Any]:
        """Return a mapping that raises BlankField for a key that it lacks, at any depth."""
        return _Strict(self, _parse(path), self.need(path))

    def _below(self, path: str, key: str | int) -> Facts:
        return dataclasses.replace(self, root=(*self.root, *_parse(path), key))

    def _look_up(self, path: str | Path, is_needed: bool) -> Any:
        parts = _parse(path) if isinstance(path, str) else path
        whole = (*self.root, *parts)
        self.asked[whole] = self.asked.get(whole, True) and is_needed
        value: Any = self.content
        for part in whole:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError) as error:
                raise BlankField(self.page, spell(whole)) from error
        if is_needed and _is_blank(value):
            raise BlankField(self.page, spell(whole))
        return value


class _Strict(Mapping[str, Any]):
    """A mapping of facts whose missing keys are blank fields; lists hold such mappings, too."""

    def __init__(self, facts: Facts, path: Path, values: Mapping[str, Any]) -> None:
        self._facts, self._path, self._values = facts, path, values

    def __getitem__(self, key: str) -> Any:
        return self._wrap((*self._path, key), self._facts.find((*self._path, key)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is there, or the default."""
        return self[key] if key in self._values else default

    def _wrap(self, path: Path, value: Any) -> Any:
        if isinstance(value, Mapping):
            return _Strict(self._facts, path, value)
        if isinstance(value, list):
            return [self._wrap((*path, place), each) for place, each in enumerate(value)]
        return value


def spell(path: Path) -> str:
    """Return a path as text, such as `report.months.0.auc`."""
    return ".".join(map(str, path))


def describe(portfolio: Portfolio) -> dict[str, Any]:
    """Return a portfolio as plain values, as the other facts are."""
    described: dict[str, Any] = json.loads(
        json.dumps(dataclasses.asdict(portfolio), default=lambda each: each.isoformat())
    )
    return described


def _parse(path: str) -> Path:
    return tuple(int(each) if each.isdigit() else each for each in path.split("."))


def _is_blank(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, Sequence | Mapping) and not value)


def _to_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_to_text, value))
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
