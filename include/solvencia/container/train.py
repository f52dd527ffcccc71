"""`train`: cleaned channels in, a model folder out, as a SageMaker training job runs it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia import evaluate, features, layout, lineage, portfolio, training
from solvencia.container import cleaned_data
from solvencia.container.folders import Folders
from solvencia.faults import PermanentFault
from solvencia.layout import DECLINED
from solvencia.portfolio import Portfolio
from solvencia.split import first_test_vintage

type Columns = Mapping[str, npt.NDArray[Any]]

_CHANNELS = ("train", "validation")


class InvalidHyperparameters(PermanentFault):
    """The job's hyperparameters lack a name, or hold one that means nothing here."""


def run(folders: Folders) -> None:
    """Train the model of one portfolio and period; print progress and metrics."""
    name, period, overrides = _read_hyperparameters(folders)
    product = portfolio.load(name)
    channels = {each: cleaned_data.read(product, folders.channel(each)) for each in _CHANNELS}
    for channel, columns in channels.items():
        print(f"{channel}:rows={len(columns[product.key.name])};", flush=True)
        _refuse_test_vintages(product, period, channel, columns)
    model = training.train(
        product,
        period,
        channels["train"],
        channels["validation"],
        overrides,
        _print_progress,
        _read_declined(product, folders),
    )
    pd = model.predict(features.build(product, channels["train"]))
    trained = evaluate.measure(channels["train"][product.label.field], pd)
    # The shipped model has seen the validation rows; their metrics are those of its judgement.
    judged = model.selection["validation"]
    for metric in ("auc", "ks", "brier", "ece"):
        print(f"train:{metric}={getattr(trained, metric):.6f};", flush=True)
        print(f"validation:{metric}={judged[metric]:.6f};", flush=True)
    for each in model.selection["challengers"]:
        chosen = " chosen=1;" if each["is_chosen"] else ""
        figures = f"auc={each['auc']:.6f}; log_loss={each['log_loss']:.6f};"
        print(f"challenger:{each['kind']}: {figures}{chosen}", flush=True)
    print(f"choice: {model.selection['reason']}", flush=True)
    if assumed := model.selection.get("reject_inference"):
        told = "; ".join(f"{name}={value}" for name, value in assumed.items())
        print(f"reject_inference: {told};", flush=True)
    folders.model.mkdir(parents=True, exist_ok=True)
    model.save(folders.model)
    provenance = json.dumps(lineage.describe_image(name), indent=2) + "\n"
    (folders.model / lineage.PROVENANCE).write_text(provenance, encoding="utf-8")
    print(f"kind={model.kind}; digest={model.digest};", flush=True)


def _read_declined(product: Portfolio, folders: Folders) -> Columns | None:
    """Return the declined; None where the portfolio infers nothing, whatever lies there."""
    if product.modelling.reject_inference == "none":
        return None
    columns = cleaned_data.read(product, folders.channel(DECLINED))
    print(f"{DECLINED}:rows={len(columns[product.key.name])};", flush=True)
    return columns


def _print_progress(text: str) -> None:
    print(f"[{time.process_time():5.1f} s] {text}", flush=True)


def _read_hyperparameters(folders: Folders) -> tuple[str, str, dict[str, int | float]]:
    """Return portfolio, period and the model's overrides; SageMaker gives all as strings."""
    given = json.loads(folders.hyperparameters.read_text(encoding="utf-8"))
    absent = [each for each in ("portfolio", "period") if not given.get(each)]
    unknown = sorted(set(given) - {"portfolio", "period"} - set(training.HYPERPARAMETERS))
    problems = [f"{each} is missing" for each in absent]
    problems += [
        f"{each} is unknown: use {', '.join(training.HYPERPARAMETERS)}" for each in unknown
    ]
    overrides: dict[str, int | float] = {}
    for each in set(given) & set(training.HYPERPARAMETERS):
        try:
            overrides[each] = type(training.HYPERPARAMETERS[each])(given[each])
        except ValueError:
            problems.append(f"{each} must be a number like {training.HYPERPARAMETERS[each]}")
    if given.get("period"):
        try:
            layout.period_bounds(given["period"])
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise InvalidHyperparameters("hyperparameters: " + "; ".join(problems))
    return given["portfolio"], given["period"], overrides


def _refuse_test_vintages(
    product: Portfolio,
    period: str,
    channel: str,
    columns: Columns,
) -> None:
    """Keep the out-of-time test out of training, whatever the channel was filled with."""
    first = first_test_vintage(product, period)
    leaked = int(np.sum(columns[product.time.name].astype("datetime64[M]") >= first))
    if leaked:
        raise training.UntrainableData(
            f"channel {channel!r} has {leaked} applications of {first} or later, which period "
            f"{period} keeps for the test: give the job the cleaned data of its own period"
        )
