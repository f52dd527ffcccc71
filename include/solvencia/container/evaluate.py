"""`evaluate`: a model artefact and the out-of-time test in, metrics and plots out."""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

from solvencia import evaluate, explain, features, model, plots, portfolio
from solvencia.container import cleaned_data
from solvencia.container.folders import Folders

EXPLAINED_ROWS_MAX = 5000  # evenly spaced; TreeSHAP costs hundreds of times a prediction


def run(folders: Folders) -> None:
    """Measure one artefact, as a SageMaker processing job; metrics.json is written last."""
    with tempfile.TemporaryDirectory() as name:
        with tarfile.open(folders.processing_model) as archive:
            archive.extractall(name, filter="data")
        trained = model.load(Path(name))
    product = portfolio.load(trained.portfolio)
    model.check_rules(trained, product)
    columns = cleaned_data.read(product, folders.processing_test)
    matrix = features.build(product, columns, trained.features)
    outcome, pd = columns[product.label.field], trained.predict(matrix)
    measured = evaluate.measure(outcome, pd)
    step = -(-len(matrix) // EXPLAINED_ROWS_MAX)
    contributions, _ = explain.contributions(trained, matrix[::step])
    output = folders.processing_output
    output.mkdir(parents=True, exist_ok=True)
    drawn = plots.draw(
        output,
        title=f"{product.title['en']}, period {trained.period}, out of time",
        metrics=measured,
        outcome=outcome,
        pd=pd,
        scaling=trained.scaling,
        names=trained.features,
        contributions=contributions,
    )
    body = {
        **measured.as_dict(),
        "model": {
            "digest": trained.digest,
            "period": trained.period,
            "portfolio": trained.portfolio,
            "fingerprint": trained.fingerprint,
        },
        "plots": drawn,
    }
    (output / "metrics.json").write_text(json.dumps(body, indent=2, sort_keys=True) + "\n")
    for metric in ("auc", "ks", "brier", "ece", "rows"):
        print(f"test:{metric}={getattr(measured, metric):.6f};", flush=True)
