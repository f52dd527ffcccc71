"""The notebooks as an analyst runs them on a stack, top to bottom, in their own environment."""

import json
import subprocess

from .conftest import NAME


def run(trial, notebook, expression):
    """Execute one notebook; return what a Python expression gives at its end."""
    done = subprocess.run(
        [
            *(trial.place.python("notebooks"), "-m", "notebooks.execute", notebook),
            *("--output", trial.place.build / "notebooks", "--ask", expression),
        ],
        cwd=trial.place.root,
        env={**trial.stack.environment(), "SOLVENCIA_PORTFOLIO": NAME},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plots(trial, notebook):
    """Return how many plots the executed copy of a notebook holds."""
    executed = json.loads((trial.place.build / "notebooks" / f"{notebook}.ipynb").read_text())
    outputs = [each for cell in executed["cells"] for each in cell.get("outputs", ())]
    return sum("image/png" in each.get("data", {}) for each in outputs)
