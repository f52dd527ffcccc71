"""The report of a portfolio with a text feature, few rows and no protected attribute."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from test_report import PICTURES, Page

from solvencia import (
    comparison,
    evaluate,
    features,
    report,
    report_page,
    report_plots,
    training,
)
from solvencia.split import assign

PERIOD = "2026-06"
ROWS = 1500


@pytest.fixture
def reported(cards):
    """Builds a report; housing predicts, and `moved` sends test applicants to parents' homes."""

    def build(moved: bool = False):
        rng = np.random.default_rng(51)
        housing = rng.integers(0, 3, ROWS)
        months = np.datetime64("2024-01") + rng.integers(0, 18, ROWS)
        columns = {
            "card_no": np.array([f"c{place}" for place in range(ROWS)]),
            "asked_on": months.astype("datetime64[D]"),
            "is_bad": (rng.random(ROWS) < np.array([0.5, 0.1, 0.3])[housing]).astype(int),
            "housing": housing,
            "years_at_address": np.where(rng.random(ROWS) < 0.1, np.nan, rng.gamma(2, 3, ROWS)),
        }
        split = assign(cards, PERIOD, columns["card_no"], columns["asked_on"])
        train, validation, test = (
            {name: values[split == part] for name, values in columns.items()}
            for part in ("train", "validation", "test")
        )
        few = {"num_leaves": 3, "rounds_max": 20, "learning_rate": 0.3, "min_data_in_leaf": 20}
        model = training.train(cards, PERIOD, train, validation, few)
        if moved:
            test["housing"] = np.where(rng.random(len(test["housing"])) < 0.6, 2, test["housing"])
        pd = model.predict(features.build(cards, test, model.features))
        measured = evaluate.measure(test["is_bad"], pd)
        compared = comparison.compare(cards, test, model, pd)
        return report.build(cards, model, measured, pd, test, compared, train)

    return build


def test_a_text_is_ranked_and_named(reported):
    """A category's drift carries its name; what a text knows alone follows its bad rates."""
    found = reported(moved=True)

    metrics = report.summarise(found)
    assert metrics["drift"]["features"]["housing"]["bin"] == "parents"
    assert metrics["csi"]["housing"] > 0.25
    assert reported()["leakage"]["housing"] > 0.6


def test_without_protected_attributes_the_page_says_so(reported):
    """No audit is no refusal, and the page tells that nothing was declared."""
    found = reported()

    text = Page(report_page.render(found, dict.fromkeys(PICTURES, b"PNG"))).text
    assert found["refusals"] == []
    assert "The portfolio declares no protected attribute." in text
    assert "The portfolio declares no direction" in text


@pytest.mark.parametrize(
    "names",
    [
        ["man_divorced_or_separated", "woman_not_single_or_man_single", "man_married_or_widowed",
         "woman_single", "not recorded"],
        ["under 25", "25-34", "35-44", "45-54", "55-64", "65+", "not recorded"],
        [f"state of residence {place}" for place in range(12)],
    ],
)  # fmt: skip
def test_names_of_groups_do_not_overlap(names):
    """However long or many, each stands clear of its neighbour below the bars."""
    figure = Figure(figsize=(7.5, 5.2), dpi=120, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    group = {"rows": 12_345, "approval_rate": 0.5, "opportunity": 0.6, "is_small": False}
    groups = [{"name": each, **group} for each in names]

    report_plots._draw_groups({"field": "status", "reference": names[0], "groups": groups}, axes)

    canvas.draw()
    boxes = [each.get_window_extent() for each in axes.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
