"""The model image's entry point: one verb, and a clear reason when it fails."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from solvencia.container.folders import Folders
from solvencia.faults import PermanentFault
from solvencia.portfolio import UnknownPortfolio

VERBS = ("train", "serve", "evaluate", "replay")
_REASON_CHARACTERS_MAX = 1000
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def main(argv: Sequence[str]) -> int:
    """Run one verb; return the exit status, 1 with the reason in output/failure."""
    if not argv or argv[0] not in VERBS or len(argv) != 1 + (argv[0] == "replay"):
        print(f"usage: python -m solvencia.container {'|'.join(VERBS)} DECISION", file=sys.stderr)
        return 2
    verb = argv[0]
    folders = Folders.from_env()
    if verb == "serve":
        os.environ.update(_ONE_THREAD)  # a process for each core: numpy must start no threads
    try:
        importlib.import_module(f"solvencia.container.{verb}").run(folders, *argv[1:])
    except Exception as error:
        reason = f"{verb} failed: {_describe(error)}"[:_REASON_CHARACTERS_MAX]
        for path in (folders.failure, folders.message):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(reason + "\n", encoding="utf-8")
        print("".join(traceback.format_tb(error.__traceback__)) + reason, file=sys.stderr)
        return 1
    return 0


def _describe(error: Exception) -> str:
    """Say what failed and what to do next, without a message that might hold applicants' values.

    Only our own faults and the operating system's carry texts that are safe to show.
    """
    if isinstance(error, PermanentFault | UnknownPortfolio):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"in {place.name} (line {place.lineno} of {place.filename.rsplit('/', 1)[-1]})"
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.strerror}: {error.filename} {where}; "
            "check the job's inputs and its storage, then run it again"
        )
    return f"{type(error).__name__} {where}; see this job's log for the calls that led there"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
