"""Hold our lock against MWAA's: `python -m deployment.parity [folder of MWAA's files]`.

The folder holds MWAA's own `constraints.txt` and `not-overridable.txt`. Without the folder
there is nothing to compare with, and the check says so.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = ROOT.parent / "shared" / "mwaa-3.3.1"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    """Return the pinned version of each package, by its normalized name."""
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in PIN.findall(path.read_text(encoding="utf-8"))
    }


def disagreements(folder: Path) -> list[str]:
    """Return a line for each pin of ours that MWAA's image would not have."""
    theirs = pins(folder / "constraints.txt") | pins(folder / "not-overridable.txt")
    ours = {"constraints.txt": pins(ROOT / "constraints.txt")}
    ours["locks/airflow.txt"] = pins(ROOT / "locks" / "airflow.txt")
    ours["requirements.txt"] = pins(ROOT / "requirements.txt")
    return [
        f"{source}: {name}=={version}, but MWAA has {theirs[name]}: run make lock"
        for source, found in ours.items()
        for name, version in sorted(found.items())
        if name in theirs and theirs[name] != version
    ]


def main() -> int:
    """Print every disagreement; exit 1 when there is one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if not folder.is_dir():
        print("parity: MWAA's constraints are not beside this checkout; nothing compared")
        return 0
    found = disagreements(folder)
    print("\n".join(found) or "parity: our lock agrees with MWAA's constraints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
