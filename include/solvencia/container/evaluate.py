"""`evaluate`: a model artefact and the out-of-time test in, metrics, report and plots out."""

from __future__ import annotations

import json
from pathlib import Path

from solvencia import (
    comparison,
    comparison_plots,
    evaluate,
    explain,
    features,
    lineage,
    model,
    plots,
    portfolio,
    reject_inference,
    report,
    report_page,
    report_plots,
)
from solvencia.container import artefact, cleaned_data
from solvencia.container.folders import Folders
from solvencia.model import Model, UnusableModel

EXPLAINED_ROWS_MAX = 5000  # evenly spaced; TreeSHAP costs hundreds of times a prediction


def run(folders: Folders) -> None:
    """Measure one artefact, as a SageMaker processing job; metrics.json is written last.

    Run by hand without the input `train`, the report leaves drift out and says so; without
    `champion` the gate refuses, as nobody knows what the model would replace; without `declined`
    the effect of reject inference stays unmeasured.
    """
    trained = artefact.read(folders.processing_model)
    product = portfolio.load(trained.portfolio)
    model.check_rules(trained, product)
    columns = cleaned_data.read(product, folders.processing_test, with_protected=True)
    has_train = folders.processing_train.is_dir()
    train = cleaned_data.read(product, folders.processing_train) if has_train else None
    matrix = features.build(product, columns, trained.features)
    outcome, pd = columns[product.label.field], trained.predict(matrix)
    measured = evaluate.measure(outcome, pd)
    compared = comparison.compare(product, columns, trained, pd, _champion(folders))
    has_declined = folders.processing_declined.is_dir()
    declined = cleaned_data.read(product, folders.processing_declined) if has_declined else None
    inferred = reject_inference.describe_effect(product, trained, columns, pd, declined)
    found = report.build(product, trained, measured, pd, columns, compared, train, inferred)
    output = folders.processing_output
    output.mkdir(parents=True, exist_ok=True)
    title = f"{product.title['en']}, period {trained.period}, out of time"
    step = -(-len(matrix) // EXPLAINED_ROWS_MAX)
    contributions, _ = explain.contributions(trained, matrix[::step])
    drawn = plots.draw(
        output,
        title=title,
        metrics=measured,
        outcome=outcome,
        pd=pd,
        scaling=trained.scaling,
        names=[found["labels"][name] for name in trained.features],
        contributions=contributions,
    )
    drawn += comparison_plots.draw(
        output, title=title, outcome=outcome, pd=pd, compared=compared, metrics=measured
    )
    drawn += report_plots.draw(output, title=title, report=found)
    _write(output / "report.json", found)
    pictures = {name: (output / name).read_bytes() for name in drawn}
    page = report_page.render(found, pictures)
    (output / "report.html").write_text(page, encoding="utf-8")
    body = {
        **report.summarise(found),
        "plots": drawn,
        "report": "report.html",
        "code_digest": lineage.code_digest(product.name),
    }
    _write(output / "metrics.json", body)
    for metric in ("auc", "ks", "brier", "ece", "rows"):
        print(f"test:{metric}={getattr(measured, metric):.6f};", flush=True)
    for text in found["refusals"]:
        print(f"test:refused={text};", flush=True)


def _champion(folders: Folders) -> Model | str:
    """Return the live model, or a text that says why there is nothing to read."""
    if not folders.processing_champion.is_file():
        return (
            "the job had no input champion: give it the live model's artefact, or the model's own"
        )
    try:
        return artefact.read(folders.processing_champion)
    except UnusableModel as error:
        return f"its artefact cannot be read by this image: {error}"


def _write(path: Path, body: object) -> None:
    text = json.dumps(body, indent=2, sort_keys=True, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
