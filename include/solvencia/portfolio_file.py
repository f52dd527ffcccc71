"""The file `portfolio.toml`, read into the classes of `portfolio`, each fault with its cure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from solvencia import policy
from solvencia.policy import Band, Decisions
from solvencia.portfolio import (
    CHALLENGERS,
    REDUCTIONS,
    TYPES,
    Fairness,
    Field,
    Gate,
    InvalidPortfolio,
    Label,
    Modelling,
    Portfolio,
    Scaling,
    Schedule,
    Split,
    Table,
)
from solvencia.portfolio_checks import find_faults, find_inference_faults, is_finite

PREPARE_SQL = "prepare.sql"
RESERVED = ("decisions",)  # /v1/decisions/{id} stands beside /v1/{portfolio}/…

_UNRULED = ("help", "reason", "citable", "bands")  # change no model and no score


def read(source: Path, name: str) -> Portfolio:
    """Return the portfolio of one file; raise InvalidPortfolio with every fault at once."""
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidPortfolio(source, [str(error)]) from error
    reader = _Reader(source, name)
    portfolio = reader.portfolio(raw)
    if reader.problems or portfolio is None:
        raise InvalidPortfolio(source, reader.problems)
    return portfolio


class _Reader:
    """Collects every fault while it builds the dataclasses."""

    def __init__(self, source: Path, name: str) -> None:
        self.source = source
        self.name = name
        self.problems: list[str] = []

    def portfolio(self, raw: dict[str, Any]) -> Portfolio | None:
        tables = {
            name: table
            for name, body in self._mapping(raw, "tables").items()
            if (table := self._build(f"tables.{name}", Table, {"name": name, **body}))
        }
        fields = {
            name: each
            for name, body in self._mapping(raw, "fields").items()
            if (each := self._build(f"fields.{name}", Field, {"name": name, **body}))
        }
        fields = {name: _name_categories(each, fields) for name, each in fields.items()}
        sections: dict[str, Any] = {
            key: self._build(key, kind, self._mapping(raw, key))
            for key, kind in (
                ("schedule", Schedule),
                ("label", Label),
                ("split", Split),
                ("scaling", Scaling),
                ("gate", Gate),
            )
        }
        sections["modelling"] = self._read_modelling(raw, fields)
        sections["fairness"] = self._read_fairness(raw, sections["scaling"])
        sections["bands"] = self._read_bands(raw)
        sections["decisions"] = self._build(
            "decisions", Decisions, self._mapping(raw, "decisions") if "decisions" in raw else {}
        )
        for key, problem in policy.find_faults(sections["bands"], sections["decisions"]):
            self._fault(key, problem)
        self._check_gate(sections["gate"])
        self._check_tables(tables)
        for key, problem in find_faults(fields, sections["label"]):
            self._fault(key, problem)
        if not (self.source.parent / PREPARE_SQL).is_file():
            self._fault(PREPARE_SQL, "missing: add the query that prepares the applications")
        if self.name in RESERVED:
            self._fault("name", f"{self.name!r} is a route of the API: call the folder otherwise")
        if raw.get("name") != self.name:
            self._fault("name", f"must equal the folder's name, {self.name!r}")
        if self.problems:
            return None
        return self._build(
            "portfolio",
            Portfolio,
            {
                "name": self.name,
                "title": raw.get("title", {}),
                "owner": raw.get("owner", ""),
                "warehouse": raw.get("warehouse", Portfolio.warehouse),
                "tables": tables,
                "fields": fields,
                "fingerprint": _fingerprint(raw, self.source.parent),
                **sections,
            },
        )

    def _build[T](self, key: str, kind: Callable[..., T], body: Mapping[str, Any]) -> T | None:
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in body.items()}
        try:
            return kind(**values)
        except TypeError as error:
            text = str(error).split("() ")[-1].replace("__init__", "")
            self._fault(key, f"{text.strip()}: add or rename the key")
            return None

    def _mapping(self, raw: Mapping[str, Any], key: str) -> dict[str, Any]:
        body = raw.get(key)
        if not isinstance(body, dict):
            self._fault(key, f"missing: add a [{key}] table")
            return {}
        return body

    def _read_modelling(
        self, raw: Mapping[str, Any], fields: Mapping[str, Field]
    ) -> Modelling | None:
        """Return the section [model]; without one, every kind competes on every feature."""
        given = self._mapping(raw, "model") if "model" in raw else {}
        found = self._build("model", Modelling, given)
        if not found:
            return None
        ordered = tuple(each for each in CHALLENGERS if each in found.challengers)
        if not found.challengers or ordered != tuple(found.challengers):
            self._fault("model.challengers", f"list some of {CHALLENGERS}, in this order")
        if "blend" in ordered and len(ordered) < len(CHALLENGERS):
            self._fault("model.challengers", f"a blend needs the others: list {CHALLENGERS}")
        if found.reduction not in REDUCTIONS:
            self._fault("model.reduction", f"{found.reduction!r}: use one of {REDUCTIONS}")
        for name in ("iv_min", "correlation_max", "variance_share"):
            if not (is_finite(getattr(found, name)) and 0 <= getattr(found, name) <= 1):
                self._fault(f"model.{name}", "give a number from 0 to 1")
        for key, problem in find_inference_faults(found, fields):
            self._fault(key, problem)
        return found

    def _check_gate(self, gate: Gate | None) -> None:
        for each in dataclasses.fields(Gate) if gate else ():
            value = getattr(gate, each.name)
            if not (is_finite(value) or (value is None and each.default is None)):
                self._fault(f"gate.{each.name}", f"{value!r}: give a number")

    def _read_fairness(self, raw: Mapping[str, Any], scaling: Scaling | None) -> Fairness | None:
        """Return the section; without one, what the scale calls its target odds is approved."""
        if "fairness" not in raw and scaling:
            return Fairness(scaling.points)
        found = self._build("fairness", Fairness, self._mapping(raw, "fairness"))
        if found and not is_finite(found.approve_points):
            self._fault("fairness.approve_points", "not a number: give points of the scale")
        return found

    def _read_bands(self, raw: Mapping[str, Any]) -> tuple[Band, ...]:
        """Return the bands [[bands]]; without any, a person decides on every application."""
        given = raw.get("bands", [])
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            self._fault("bands", "write each band as a table of its own, below [[bands]]")
            return policy.UNDECIDED
        built = (self._build(f"bands[{n}]", Band, each) for n, each in enumerate(given))
        return tuple(each for each in built if each) or policy.UNDECIDED

    def _check_tables(self, tables: Mapping[str, Table]) -> None:
        for table in tables.values():
            for name in (*table.key, table.time):
                if name not in table.columns:
                    self._fault(f"tables.{table.name}", f"column {name!r} is not in its columns")
            for name, kind in table.columns.items():
                if kind not in TYPES:
                    self._fault(
                        f"tables.{table.name}.columns.{name}", f"type {kind!r}: use one of {TYPES}"
                    )

    def _fault(self, key: str, problem: str) -> None:
        self.problems.append(f"{self.source.name}: {key}: {problem}")


def _name_categories(each: Field, fields: Mapping[str, Field]) -> Field:
    """Return the field; a sentinel_of without categories has its source's meanings as such."""
    source = fields.get(each.sentinel_of)
    if each.categories or not source:
        return each
    return dataclasses.replace(each, categories=tuple(dict.fromkeys(source.sentinels.values())))


def _fingerprint(raw: Mapping[str, Any], folder: Path) -> str:
    """Digest of what decides a model's input and its points.

    Texts, bounds of gates and what only the evaluation report reads do not.
    """
    rules = {key: raw[key] for key in ("tables", "label", "split", "scaling")}
    rules["model"] = raw.get("model", {})
    rules["fields"] = {
        name: {key: value for key, value in body.items() if key not in _UNRULED}
        for name, body in raw["fields"].items()
    }
    text = json.dumps(rules, sort_keys=True, default=str)
    sql = (folder / PREPARE_SQL).read_bytes()
    return hashlib.sha256(text.encode() + b"\0" + sql).hexdigest()
