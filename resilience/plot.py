"""`python -m resilience.plot IN.json OUT.png`: latency over a storm's time, its faults marked."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

COLOURS = {"answered (2xx)": "#1a7f5a", "refused (4xx)": "#b7791f", "failed (5xx)": "#b3261e"}
SHADES = ("#ffffff", "#eef1f6")


def main(source: Path, target: Path) -> None:
    """Draw each try as a point."""
    storm = json.loads(source.read_text())
    figure, axes = plt.subplots(figsize=(11, 4.6), layout="constrained")
    ends = [each[0] for each in storm["phases"][1:]] + [storm["seconds"]]
    for place, ((since, name, _), until) in enumerate(zip(storm["phases"], ends, strict=True)):
        axes.axvspan(since, until, color=SHADES[place % 2], zorder=0)
        axes.annotate(
            name, ((since + until) / 2, 1.02), xycoords=("data", "axes fraction"),
            ha="left", va="bottom", rotation=20, fontsize=8,
        )  # fmt: skip
    for digit, (label, colour) in zip("245", COLOURS.items(), strict=True):
        tries = [each for each in storm["tries"] if str(each["status"])[0] == digit]
        axes.scatter(
            [each["at"] for each in tries], [each["seconds"] for each in tries],
            s=5, color=colour, alpha=0.5, linewidths=0, label=f"{label}: {len(tries):,}",
        )  # fmt: skip
    axes.set(yscale="log", xlabel="seconds since the storm began", ylabel="seconds to the answer")
    axes.set_xlim(0, storm["seconds"])
    axes.legend(loc="lower right", markerscale=3, framealpha=1)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
