"""The model that is served, and its figures in process: `python -m benchmarks.serving_model`.

Runs in the model's environment, on one thread. Writes below a folder what the server reads, and
`rows.csv`, the requests with their outcomes, for the peer. Prints figures as JSON.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import folds
from benchmarks.free_boosting import as_published
from solvencia import features, model, portfolio, training
from solvencia.container import serve_formats
from solvencia.container.serve_scores import Scores

EXPLAINED_ROWS = 3000
SCORED_ROWS = 20_000


def main(wheel: Path, folder: Path) -> None:
    """Train once, then measure."""
    product = portfolio.load("consumer_credit")
    columns = folds.read(product, wheel)
    names = [each.name for each in product.request_fields]
    rows = np.column_stack([columns[as_published(name)] for name in names])
    if not (folder / "model" / "model.json").exists():
        is_held = folds.part(columns[product.label.field], 5, 0)[0]
        older, newer = (
            {k: v[chosen] for k, v in columns.items()} for chosen in (~is_held, is_held)
        )
        trained = training.train(product, "2026-10", older, newer)
        (folder / "model").mkdir(parents=True, exist_ok=True)
        trained.save(folder / "model")
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, product.label.field])
        for row, bad in zip(rows.tolist(), columns[product.label.field].tolist(), strict=True):
            writer.writerow([*("" if value != value else value for value in row), bad])
    loaded = model.load(folder / "model")
    matrix = features.build(product, columns, loaded.features)
    scores = Scores(loaded, product)
    lines = [
        {k: None if v != v else v for k, v in zip(names, row, strict=True)}
        for row in rows[:SCORED_ROWS].tolist()
    ]
    body = b"".join(json.dumps(each).encode() + b"\n" for each in lines[:EXPLAINED_ROWS])
    alone, reasoned = [], []
    for row in matrix[:EXPLAINED_ROWS]:
        before = time.perf_counter()
        loaded.predict(row[None, :])
        middle = time.perf_counter()
        loaded.explainer.score(row.tolist())
        alone.append(middle - before)
        reasoned.append(time.perf_counter() - middle)
    before = time.perf_counter()
    loaded.predict(matrix[:SCORED_ROWS])
    middle = time.perf_counter()
    for _ in serve_formats.answer(scores, serve_formats.JSON_LINES, body):
        pass
    after = time.perf_counter()
    print(
        json.dumps(
            {
                "kind": loaded.kind,
                "fingerprint": loaded.fingerprint,
                "alone_us": float(np.median(alone)) * 1e6,
                "reasoned_us": float(np.median(reasoned)) * 1e6,
                "pd_rows_per_second": SCORED_ROWS / (middle - before),
                "batch_rows_per_second": EXPLAINED_ROWS / (after - middle),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
