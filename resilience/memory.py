"""The peak resident memory of processes of an embedded AWS, by what they serve (Linux)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROCESSES = Path("/proc")


@dataclass
class Peaks:
    """Peaks in MB of each process of `places`, by what it serves and by its number.

    A place is what a process's folder begins with, and a `NAME=value` of its environment, or "".
    The kernel keeps each process's peak: what lies between two samples is not missed, but for
    the last one before an end. A process that has not yet become its command, and still shows its
    parent's memory, is read anew.
    """

    places: Mapping[str, tuple[str, str]]
    found: dict[str, dict[int, float]] = field(default_factory=dict)

    def sample(self) -> None:
        """Read all processes once."""
        for process in PROCESSES.glob("[0-9]*"):
            try:
                served = self._name(process)
                lines = (process / "status").read_text().splitlines() if served else []
            except OSError:  # it has ended, or is another user's
                continue
            for line in lines:
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1]) * 1024 / 1e6
                    self.found.setdefault(served, {})[int(process.name)] = peak

    def _name(self, process: Path) -> str:
        """Return what a process serves; nothing for any that is none of these."""
        place = str((process / "cwd").readlink())
        for served, (folder, variable) in self.places.items():
            if place.startswith(folder):
                variables = (process / "environ").read_bytes().split(b"\0")
                return served if not variable or variable.encode() in variables else ""
        return ""

    @property
    def largest(self) -> dict[str, float]:
        """The peak in MB of the largest process of each kind."""
        return {served: max(each.values()) for served, each in sorted(self.found.items())}


def is_measurable() -> bool:
    """Whether this machine tells of its processes so."""
    return (PROCESSES / "self" / "status").is_file()
