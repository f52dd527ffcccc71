"""The notebooks as an analyst runs them: top to bottom, in their own environment and role."""

import json
import subprocess
from urllib.parse import urlencode

from local.stack import ROOT_KEY
from local.variables import REGION

from .conftest import NAME


def run(trial, notebook, expression):
    """Execute one notebook under the analyst's role; return what an expression gives at its end."""
    done = subprocess.run(
        [
            *(trial.place.python("notebooks"), "-m", "notebooks.execute", notebook),
            *("--output", trial.place.build / "notebooks", "--ask", expression),
        ],
        cwd=trial.place.root,
        env={**as_analyst(trial), "SOLVENCIA_PORTFOLIO": NAME},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_analyst(trial):
    """Return the environment of a notebook instance: its role's credentials, and no key."""
    account, stack = trial.settings.account, trial.settings.stack
    asked = {
        "role": f"arn:aws:iam::{account}:role/{stack}-notebook",
        "service": "sagemaker.amazonaws.com",
        "source": f"arn:aws:sagemaker:{REGION}:{account}:notebook-instance/{stack}-notebook",
    }
    address = f"{trial.place.aws_address}/_credentials?{urlencode(asked)}"
    kept = {key: text for key, text in trial.stack.environment().items() if key not in ROOT_KEY}
    return {**kept, "AWS_CONTAINER_CREDENTIALS_FULL_URI": address}


def plots(trial, notebook):
    """Return how many plots the executed copy of a notebook holds."""
    executed = json.loads((trial.place.build / "notebooks" / f"{notebook}.ipynb").read_text())
    outputs = [each for cell in executed["cells"] for each in cell.get("outputs", ())]
    return sum("image/png" in each.get("data", {}) for each in outputs)
