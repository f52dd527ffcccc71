"""Run notebooks top to bottom, as a person would: `python -m notebooks.execute [NAME …]`.

The executed copies, with their tables and plots, go below the output folder; the notebooks
themselves stay as they are. `--ask EXPRESSION` prints, as JSON, what an expression gives at the
end of each: how a test learns what a notebook found.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).parent
CELL_SECONDS = 1800  # a training job in an account takes minutes
ANSWER = "solvencia-answer:"
# What the SDK's own source warns of when it is compiled, at the first import.
WARNINGS = "ignore::SyntaxWarning"


def main() -> int:
    """Execute and write the copies; the first cell that fails is printed, with exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m notebooks.execute", description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks without .ipynb; default: all")
    parser.add_argument("--output", type=Path, default=HERE.parent / "build" / "notebooks")
    parser.add_argument("--ask", metavar="EXPRESSION", help="print its value after the last cell")
    options = parser.parse_args()
    names = options.names or sorted(each.stem for each in HERE.glob("*.ipynb"))
    os.environ.setdefault("PYTHONWARNINGS", WARNINGS)
    options.output.mkdir(parents=True, exist_ok=True)
    for name in names:
        started = time.monotonic()
        notebook: Any = nbformat.read(HERE / f"{name}.ipynb", as_version=4)
        if options.ask:
            asking = f"import json\nprint({ANSWER!r} + json.dumps({options.ask}, default=float))"
            notebook.cells.append(nbformat.v4.new_code_cell(asking, id="question"))
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": str(HERE)}},
        )
        try:
            client.execute()
        except CellExecutionError as fault:
            print(f"{name}: {fault}", file=sys.stderr)
            return 1
        finally:
            answer = notebook.cells.pop() if options.ask else None
            nbformat.write(notebook, options.output / f"{name}.ipynb")
        print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)
        for output in answer.outputs if answer else ():
            text = str(output.get("text", ""))
            if text.startswith(ANSWER):
                print(json.dumps(json.loads(text.removeprefix(ANSWER))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
