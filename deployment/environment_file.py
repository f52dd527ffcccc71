"""One environment to deploy to: `deployment/environments/<name>.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "environments"
TEXTS = ("account", "region", "replica_region", "stack")
KEYS = frozenset({*TEXTS, "portfolios", "parameters"})


class BadEnvironment(ValueError):
    """The environment's file is absent, or holds what means nothing."""


@dataclass(frozen=True)
class Environment:
    """Where and what to deploy; what is empty is decided elsewhere."""

    stack: str = ""
    region: str = ""
    replica_region: str = ""
    account: str = ""
    portfolios: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)


def load(name: str, folder: Path = FOLDER) -> Environment:
    """Read an environment's file; raise BadEnvironment, which names file, key and cure."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.toml"))) or "none"
        raise BadEnvironment(f"{path} is missing (there are: {known}): copy trial.toml to it")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadEnvironment(f"{path}: {error}") from error
    problems = [f"{key}: no such key" for key in sorted(found.keys() - KEYS)]
    for key in TEXTS:
        if not isinstance(found.get(key, ""), str):
            problems.append(f"{key}: write it in quotes")
    portfolios = found.get("portfolios", [])
    if not isinstance(portfolios, list) or not all(isinstance(each, str) for each in portfolios):
        problems.append('portfolios: a list of names, such as ["consumer_credit"]')
    parameters = found.get("parameters", {})
    if not isinstance(parameters, dict):
        problems.append("parameters: a section of NAME = value")
        parameters = {}
    if problems:
        raise BadEnvironment("\n".join(f"{path}: {each}" for each in problems))
    return Environment(
        stack=found.get("stack", ""),
        region=found.get("region", ""),
        replica_region=found.get("replica_region", ""),
        account=found.get("account", ""),
        portfolios=tuple(portfolios),
        parameters={key: _text(value) for key, value in parameters.items()},
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
