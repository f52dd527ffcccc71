"""The portfolio's contracts with other systems, generated from portfolio.toml and committed.

`contracts/<portfolio>/` holds what Glue must show (`glue.json`), what a score request may be
(`request.schema.json`), the route that answers it (`openapi.json`) and the form that asks for it
(`form.json`); `expectations/<portfolio>/` the suite of the prepared data. A test holds the
committed files against the portfolio; `python -m solvencia.contracts` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from solvencia import contracts_api, contracts_form, expectations
from solvencia import portfolio as portfolios
from solvencia.catalogue import GLUE_TYPES, PARTITION_KEY
from solvencia.portfolio import Portfolio

EXPECTATIONS = "expectations"
CONTRACTS = "contracts"


def glue(portfolio: Portfolio) -> dict[str, Any]:
    """Return the raw tables as the Glue catalogue must describe them once they are crawled."""
    return {
        "portfolio": portfolio.name,
        "tables": [
            {
                "Name": table.name,
                "Columns": [
                    {"Name": name, "Type": GLUE_TYPES[kind]} for name, kind in table.columns.items()
                ],
                "PartitionKeys": [{"Name": PARTITION_KEY, "Type": "string"}],
            }
            for table in portfolio.tables.values()
        ],
    }


def files(portfolio: Portfolio) -> dict[str, str]:
    """Return the text of every generated file of a portfolio, by its path in the repository."""
    documents = {
        "glue.json": glue(portfolio),
        "request.schema.json": contracts_api.request_schema(portfolio),
        "openapi.json": contracts_api.openapi(portfolio),
        "form.json": contracts_form.form(portfolio),
    }
    return {
        f"{EXPECTATIONS}/{portfolio.name}/prepared.json": expectations.to_json(portfolio),
        **{
            f"{CONTRACTS}/{portfolio.name}/{name}": _to_json(each)
            for name, each in documents.items()
        },
    }


def write(portfolio: Portfolio, root: Path) -> list[Path]:
    """Write a portfolio's generated files below the repository's root; return their paths."""
    written = []
    for name, text in files(portfolio).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _to_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for _name in portfolios.names():
        for _path in write(portfolios.load(_name), Path()):
            print(_path)
