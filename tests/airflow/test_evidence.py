"""The evidence pack in Airflow's environment, where a version's task builds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_pack_needs_nothing_that_only_the_model_image_has():
    """No plotting and no model library is imported: the pictures are drawn already."""
    code = "import json, sys, solvencia.evidence; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "include")},
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert not {"matplotlib", "lightgbm", "sklearn", "boto3"} & set(json.loads(done.stdout))
