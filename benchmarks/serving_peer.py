"""What a user would serve instead: a scikit-learn pipeline on pandas behind Flask and gunicorn.

Runs in the peers' environment: `python -m benchmarks.serving_peer folder` fits the pipeline and
prints its figures as JSON; `gunicorn benchmarks.serving_peer:build()` serves it. BENCH_TREES says
how many trees it has. Rows a second are of processor time.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from flask import Flask, jsonify, request
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

BATCH_ROWS = 20_000
EXPLAINED_ROWS = 20


def fit(folder: Path) -> tuple[Any, pd.DataFrame]:
    """Return a pipeline of as many trees as ours has, and the requests."""
    rows = pd.read_csv(folder / "rows.csv")
    names = list(rows.columns[:-1])
    prepare = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    pipeline = make_pipeline(
        ColumnTransformer([("numbers", prepare, names)]),
        HistGradientBoostingClassifier(
            max_iter=int(os.environ["BENCH_TREES"]), max_leaf_nodes=12, learning_rate=0.04
        ),
    )
    return pipeline.fit(rows[names], rows.iloc[:, -1]), rows[names]


def build() -> Any:
    """Return the Flask application."""
    pipeline, _ = fit(Path(os.environ["BENCH_FOLDER"]))
    app = Flask(__name__)

    @app.get("/ping")  # type: ignore[untyped-decorator]
    def ping() -> Any:
        return jsonify(status="ok")

    @app.post("/invocations")  # type: ignore[untyped-decorator]
    def invoke() -> Any:
        frame = pd.DataFrame(request.get_json()["applications"], dtype="float64")
        return jsonify(scores=[{"pd": pd} for pd in pipeline.predict_proba(frame)[:, 1].tolist()])

    return app


def explain(pipeline: Any, rows: list[pd.DataFrame], neutral: pd.Series[float]) -> None:
    """Score each row's hybrids with the neutral applicant: what its exact reasons cost."""
    for row in rows:
        differs = [name for name in row.columns if row[name].iloc[0] != neutral[name]]
        chosen = np.array(list(itertools.product((False, True), repeat=len(differs))))
        hybrids = pd.DataFrame(np.tile(neutral.to_numpy(), (len(chosen), 1)), columns=row.columns)
        for place, name in enumerate(differs):
            hybrids[name] = np.where(chosen[:, place], row[name].iloc[0], neutral[name])
        pipeline.predict_proba(hybrids)


def score(pipeline: Any, names: Any, body: str) -> str:
    """Answer JSON lines with PDs."""
    frame = pd.read_json(io.StringIO(body), lines=True)[names]
    frame["pd"] = pipeline.predict_proba(frame.astype("float64"))[:, 1]
    return str(frame[["pd"]].to_json(orient="records", lines=True))


def _seconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def main(folder: Path) -> None:
    """Keep the pipeline; print the rows a second of JSON lines, with and without reasons."""
    pipeline, rows = fit(folder)
    joblib.dump(pipeline, folder / "pipeline.joblib")
    body = rows[:BATCH_ROWS].to_json(orient="records", lines=True)
    batch = max(BATCH_ROWS / _seconds(lambda: score(pipeline, rows.columns, body)) for _ in "123")
    neutral = rows.median()
    few = [rows[place : place + 1] for place in range(EXPLAINED_ROWS)]
    reasons = _seconds(lambda: explain(pipeline, few, neutral))
    print(
        json.dumps(
            {
                "batch_rows_per_second": batch,
                "reasoned_rows_per_second": EXPLAINED_ROWS / reasons,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
