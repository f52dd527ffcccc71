"""The notebooks, as they are committed: nothing that a run left, nothing of one deployment."""

from __future__ import annotations

import copy
import json
from pathlib import Path

from notebooks import outputs

ROOT = Path(__file__).resolve().parents[2]
CELL = {
    "cell_type": "code",
    "id": "cell-01",
    "metadata": {},
    "source": ["1 + 1"],
    "execution_count": None,
    "outputs": [],
}
NOTEBOOK = {
    "cells": [CELL],
    "metadata": {"language_info": {"name": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_the_notebooks_hold_nothing_that_a_run_left() -> None:
    """No committed notebook has outputs, execution counts or a machine's versions."""
    found = sorted((ROOT / "notebooks").glob("*.ipynb"))

    left = {
        path.name: list(outputs.find_left(json.loads(path.read_text(encoding="utf-8"))))
        for path in found
    }

    assert len(found) == 4
    assert left == {path.name: [] for path in found}


def test_what_a_run_left_is_named_and_stripped() -> None:
    """An executed notebook is reported part by part; stripped, it equals the one before."""
    executed = copy.deepcopy(NOTEBOOK)
    executed["cells"][0] |= {"execution_count": 3, "outputs": [{"data": {"text/plain": "2"}}]}
    executed["cells"][0]["metadata"] = {"execution": {"iopub.execute_input": "now"}}
    executed["metadata"]["language_info"]["version"] = "3.12.1"

    found = list(outputs.find_left(executed))

    assert found == [
        "cell 1 has outputs",
        "cell 1 has an execution count",
        "cell 1 has metadata",
        "the notebook names the machine's version",
    ]
    assert outputs.strip(executed) == NOTEBOOK
    assert list(outputs.find_left(NOTEBOOK)) == []


def test_no_cell_names_a_deployment() -> None:
    """No notebook holds an address, an account, a bucket or credentials of a deployment."""
    forbidden = ("http://", "https://", "endpoint_url", "000000000000", "us-east-1", "aws_access")

    held = {
        path.name: [each for each in forbidden if each in path.read_text(encoding="utf-8")]
        for path in (ROOT / "notebooks").glob("*.ipynb")
    }

    assert not any(held.values()), held
