"""The file `portfolio.toml`, read into the classes of `portfolio`, each fault with its cure."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import operator
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from solvencia.portfolio import (
    CHALLENGERS,
    REDUCTIONS,
    ROLES,
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

PREPARE_SQL = "prepare.sql"

_UNRULED = ("help", "reason", "citable", "bands")  # change no model and no score
_CODED = ("label", "protected", "feature", "derived")  # cleaned to a number


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
        sections["modelling"] = self._read_modelling(raw)
        sections["fairness"] = self._read_fairness(raw, sections["scaling"])
        self._check_gate(sections["gate"])
        self._check_tables(tables)
        self._check_fields(fields, sections["label"])
        if not (self.source.parent / PREPARE_SQL).is_file():
            self._fault(PREPARE_SQL, "missing: add the query that prepares the applications")
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

    def _read_modelling(self, raw: Mapping[str, Any]) -> Modelling | None:
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
            if not (_is_finite(getattr(found, name)) and 0 <= getattr(found, name) <= 1):
                self._fault(f"model.{name}", "give a number from 0 to 1")
        return found

    def _check_gate(self, gate: Gate | None) -> None:
        for each in dataclasses.fields(Gate) if gate else ():
            value = getattr(gate, each.name)
            if not (_is_finite(value) or (value is None and each.default is None)):
                self._fault(f"gate.{each.name}", f"{value!r}: give a number")

    def _read_fairness(self, raw: Mapping[str, Any], scaling: Scaling | None) -> Fairness | None:
        """Return the section; without one, what the scale calls its target odds is approved."""
        if "fairness" not in raw and scaling:
            return Fairness(scaling.points)
        found = self._build("fairness", Fairness, self._mapping(raw, "fairness"))
        if found and not _is_finite(found.approve_points):
            self._fault("fairness.approve_points", "not a number: give points of the scale")
        return found

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

    def _check_fields(self, fields: Mapping[str, Field], label: Label | None) -> None:
        amounts = [each.amount_when_missing.get("amount") for each in fields.values()]
        for each in fields.values():
            key = f"fields.{each.name}"
            if each.type not in TYPES:
                self._fault(key, f"type {each.type!r}: use one of {TYPES}")
            if each.role not in ROLES:
                self._fault(key, f"role {each.role!r}: use one of {ROLES}")
            if each.monotone not in (-1, 0, 1):
                self._fault(key, "monotone: use -1, 0 or 1")
            if each.role in ("feature", "derived") and not {"code", "en", "es"} <= set(each.reason):
                self._fault(key, "reason: give code, en and es, as every feature can be cited")
            if each.role in _CODED and each.type == "text" and not each.categories:
                self._fault(key, "categories: list them, as a text is coded by its place there")
            if each.role in _CODED and each.type == "date":
                self._fault(key, f"type 'date': a field with role {each.role!r} must be a number")
            for value in each.sentinels:
                if not _is_number(value):
                    self._fault(f"{key}.sentinels", f"{value!r} is not a number")
            if each.role == "derived" and each.name not in amounts:
                self._fault(key, "no field's amount_when_missing makes it: drop it or name it")
            if each.bands and not (each.role == "protected" and each.is_numeric):
                self._fault(f"{key}.bands", "only a protected number is reported in bands")
            elif not _is_ascending(each.bands):
                self._fault(f"{key}.bands", "give numbers, each above the one before")
            if _is_crossed(each.minimum, each.maximum):
                self._fault(key, f"minimum {each.minimum} is above maximum {each.maximum}")
            if each.amount_when_missing:
                self._check_amount(f"{key}.amount_when_missing", each, fields)
        for role in ("id", "time", "label"):
            found = [each.name for each in fields.values() if each.role == role]
            if len(found) != 1:
                self._fault("fields", f"exactly one field has role {role!r}; found {found}")
        if label and (label.field not in fields or fields[label.field].role != "label"):
            self._fault("label.field", f"{label.field!r} is not the field with role 'label'")

    def _check_amount(self, key: str, ratio: Field, fields: Mapping[str, Field]) -> None:
        for part, role in (("field", "feature"), ("amount", "derived")):
            other = ratio.amount_when_missing.get(part, "")
            found = fields.get(other)
            if found is None:
                self._fault(key, f"{part}: no field {other!r}: declare it")
            elif found.role != role or not (found.is_numeric and ratio.is_numeric):
                self._fault(key, f"{part}: {other!r} must be a number with role {role!r}")

    def _fault(self, key: str, problem: str) -> None:
        self.problems.append(f"{self.source.name}: {key}: {problem}")


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


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_finite(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(float(str(value)))


def _is_ascending(values: object) -> bool:
    if not isinstance(values, tuple):
        return False
    return all(map(_is_finite, values)) and all(map(operator.lt, values, values[1:]))


def _is_crossed(minimum: float | None, maximum: float | None) -> bool:
    return minimum is not None and maximum is not None and minimum > maximum
