"""Notebooks are committed without outputs: `python -m notebooks.outputs [--strip]`.

Outputs hold figures of applicants and change with every run. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def main() -> int:
    """Name every notebook that holds what a run left in it, or strip them; return 1 if any."""
    parser = argparse.ArgumentParser(prog="python -m notebooks.outputs", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    parser.add_argument("--strip", action="store_true", help="remove what a run left")
    options = parser.parse_args()
    problems = []
    for path in sorted(options.folder.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if options.strip:
            text = json.dumps(strip(notebook), indent=1, ensure_ascii=False) + "\n"
            path.write_text(text, encoding="utf-8")
        else:
            problems += [f"{path.name}: {each}" for each in find_left(notebook)]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        print("strip them: python -m notebooks.outputs --strip", file=sys.stderr)
    return 1 if problems else 0


def find_left(notebook: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a run, or the machine that it ran on, left in a notebook."""
    for number, cell in enumerate(notebook["cells"], 1):
        if cell.get("outputs"):
            yield f"cell {number} has outputs"
        if cell.get("execution_count") is not None:
            yield f"cell {number} has an execution count"
        if cell.get("metadata"):
            yield f"cell {number} has metadata"
    for name in sorted(notebook["metadata"].get("language_info", {}).keys() - {"name"}):
        yield f"the notebook names the machine's {name}"


def strip(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notebook without what `find_left` finds."""
    cells = [
        {**cell, "metadata": {}}
        | ({"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {})
        for cell in notebook["cells"]
    ]
    metadata = {**notebook["metadata"], "language_info": {"name": "python"}}
    return {**notebook, "cells": cells, "metadata": metadata}


if __name__ == "__main__":
    raise SystemExit(main())
