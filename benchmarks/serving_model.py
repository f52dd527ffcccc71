"""The model that is served, and its figures in process: `python -m benchmarks.serving_model`.

Runs in the model's environment, on one thread. The model is the one that the portfolio ships:
trained and chosen as the DAG does. Writes below a folder what the server reads, and `rows.csv`,
the requests with their outcomes, for the peer. Prints figures as JSON; rows a second are of
processor time, so that what else runs on the machine counts for little.
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import explained, folds
from benchmarks.free_boosting import as_published
from solvencia import features, model, portfolio
from solvencia.container import serve_formats
from solvencia.container.serve_scores import Scores
from solvencia.model import Model
from solvencia.portfolio import Portfolio
from solvencia.trees import Trees

EXPLAINED_ROWS = 3000
SCORED_ROWS = 20_000
TURNS = 3
REASONS = 4


def main(wheel: Path, folder: Path) -> None:
    """Train unless the folder has a model of today's rules, then measure."""
    product = portfolio.load("consumer_credit")
    columns = folds.read(product, wheel)
    names = [each.name for each in product.request_fields]
    rows = np.column_stack([columns[as_published(name)] for name in names])
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, product.label.field])
        for row, bad in zip(rows.tolist(), columns[product.label.field].tolist(), strict=True):
            writer.writerow([*("" if value != value else value for value in row), bad])
    loaded = take(product, wheel, folder)
    matrix = features.build(product, columns, loaded.features)[:SCORED_ROWS]
    scores = Scores(loaded, product)
    lines = [
        {k: None if v != v else v for k, v in zip(names, row, strict=True)}
        for row in rows[:SCORED_ROWS].tolist()
    ]
    body = b"".join(json.dumps(each).encode() + b"\n" for each in lines)
    alone, reasoned = [], []
    for row in matrix[:EXPLAINED_ROWS]:
        before = time.perf_counter()
        loaded.predict(row[None, :])
        middle = time.perf_counter()
        loaded.explainer.score(row.tolist())
        alone.append(middle - before)
        reasoned.append(time.perf_counter() - middle)
    trees = [each.scorer for each in loaded.parts if isinstance(each.scorer, Trees)]
    found: dict[str, Any] = {
        "kind": loaded.kind,
        "trees": sum(each.booster.num_trees() for each in trees),
        "fingerprint": loaded.fingerprint,
        "alone_us": float(np.median(alone)) * 1e6,
        "reasoned_us": float(np.median(reasoned)) * 1e6,
        "pd_rows_per_second": rate(SCORED_ROWS, lambda: loaded.predict(matrix)),
        "batch_rows_per_second": rate(
            SCORED_ROWS, lambda: [*serve_formats.answer(scores, serve_formats.JSON_LINES, body)]
        ),
    }
    if trees:
        few = b"".join(body.splitlines(keepends=True)[:EXPLAINED_ROWS])
        made = trees[0].encoding.apply(matrix[:EXPLAINED_ROWS])
        found["treeshap_rows_per_second"] = rate(
            EXPLAINED_ROWS, lambda: treeshap(trees[0], few, made)
        )
    print(json.dumps(found))


def take(product: Portfolio, wheel: Path, folder: Path) -> Model:
    """Return the folder's model where it is of today's rules, else train one as the DAG does."""
    target = folder / "model"
    try:
        kept = model.load(target)
        model.check_rules(kept, product)
    except model.UnusableModel:
        trained, _ = explained.train(product, wheel)
        target.mkdir(parents=True, exist_ok=True)
        trained.save(target)
        return model.load(target)
    return kept


def rate(rows: int, work: Callable[[], object]) -> float:
    """Return rows a second of processor time, the best of some turns."""
    best = 0.0
    for _ in range(TURNS):
        before = time.process_time()
        work()
        best = max(best, rows / (time.process_time() - before))
    return best


def treeshap(scorer: Trees, body: bytes, made: npt.NDArray[np.float64]) -> str:
    """Answer JSON lines with LightGBM's own reasons, on pandas; `made` are its columns, for free.

    They are TreeSHAP's, against the training rows' paths instead of one neutral applicant.
    """
    import pandas as pd

    frame = pd.read_json(io.BytesIO(body), lines=True)
    raw = scorer.booster.predict(made, pred_contrib=True, num_threads=1)
    shares = np.asarray(raw)[:, :-1]
    frame = pd.DataFrame({"pd": 1 / (1 + np.exp(-np.asarray(raw).sum(axis=1)))})
    ordered = np.argsort(-shares, axis=1)[:, :REASONS]
    for place in range(REASONS):
        frame[f"field_{place}"] = np.array(scorer.encoding.names)[ordered[:, place]]
        frame[f"contribution_{place}"] = np.take_along_axis(
            shares, ordered[:, place : place + 1], axis=1
        )[:, 0]
    return str(frame.to_json(orient="records", lines=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
