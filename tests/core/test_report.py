from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from solvencia import (
    comparison,
    comparison_plots,
    evaluate,
    features,
    page,
    report,
    report_page,
    report_plots,
)

PICTURES = (
    "roc.png",
    "calibration.png",
    "scores.png",
    "contributions.png",
    "stability.png",
    "score_bands.png",
    "fairness_age_years.png",
)
VOID = {"meta", "img"}


class Page(HTMLParser):
    """Collects a page's texts and attributes; refuses a tag that does not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def built(consumer_credit, splits, small_model):
    """Builds the report of the small model, with the training rows or without."""

    def build(with_train: bool = True, test=splits["test"], champion=None):
        pd = small_model.predict(features.build(consumer_credit, test))
        measured = evaluate.measure(test["is_seriously_delinquent"], pd)
        train = splits["train"] if with_train else None
        compared = comparison.compare(consumer_credit, test, small_model, pd, champion)
        return report.build(consumer_credit, small_model, measured, pd, test, compared, train)

    return build


@pytest.fixture(scope="module")
def pictures():
    return dict.fromkeys(PICTURES, b"\x89PNG")


def test_the_tables_add_up(built, splits):
    """Months, tenths, bands and groups each hold every application of the test once."""
    found = built()
    rows = len(splits["test"]["application_id"])

    for table in ("months", "calibration", "score_bands"):
        assert sum(each["rows"] for each in found[table]) == rows
    (age,) = found["fairness"]["audits"]
    assert sum(each["rows"] for each in age["groups"]) == rows
    assert [each["name"] for each in age["groups"]] == [
        "under 25",
        "25-34",
        "35-44",
        "45-61",
        "62+",
    ]
    assert len(found["drift"]["features"]) == len(found["sensitivity"]["effects"]) == 13
    assert found["lift_10"] == found["gains"][0]["lift"] > 1
    assert report.summarise(found)["psi"] == found["drift"]["score"]["index"]


def test_the_report_repeats(built, pictures):
    """The same data give the same JSON and the same page, byte for byte."""
    first, second = built(), built()

    text = json.dumps(first, sort_keys=True, allow_nan=False)
    assert text == json.dumps(second, sort_keys=True, allow_nan=False)
    assert report_page.render(first, pictures) == report_page.render(second, pictures)


def test_the_page_is_whole_and_fetches_nothing(built, pictures):
    """Tags close in order, the one kind of source is a data URI, and no address is named."""
    text = report_page.render(built(), pictures)
    parsed = Page(text)

    sources = [value for _, name, value in parsed.attributes if name in ("src", "href", "srcset")]
    assert len(sources) == len(PICTURES)
    assert all(each.startswith("data:image/png;base64,") for each in sources)
    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert {tag for tag, _, _ in parsed.attributes}.isdisjoint({"script", "link", "iframe"})
    assert "The portfolio's gate refuses this model" in parsed.text
    for part in ("H-measure", "Lift at 10 %", "PSI", "four fifths", "under 25", "95 % interval"):
        assert part in parsed.text


def test_without_training_rows_the_page_says_so(built, pictures):
    """Drift that was not measured is named as such, and metrics hold null."""
    found = built(with_train=False)

    assert report.summarise(found)["psi"] is None
    assert "run without the training rows" in report_page.render(found, pictures)


def test_texts_are_escaped(built, pictures):
    """A portfolio's title or a group's name never becomes a tag."""
    found = built()
    found["title"] = "<script>alert(1)</script> & more"
    found["fairness"]["audits"][0]["groups"][0]["name"] = '"><img src=x>'

    text = report_page.render(found, pictures)

    assert "<script" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert '"><img src=x> ' not in page.table("a", ["b"], [['"><img src=x> ']])


def test_the_tables_pictures_repeat(built, tmp_path):
    """Stability, bands and each attribute are drawn; drawing again gives the same bytes."""
    found = built()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        drawn = report_plots.draw(tmp_path / name, title="Cards", report=found)

        assert drawn == ["stability.png", "score_bands.png", "fairness_age_years.png"]

    for each in drawn:
        body = (tmp_path / "a" / each).read_bytes()
        assert body.startswith(b"\x89PNG")
        assert body == (tmp_path / "b" / each).read_bytes()


def test_protected_values_change_no_figure_but_fairness(splits, built):
    """With every age replaced, all but the audit and its bounds stays as it was."""
    test = splits["test"]

    found = built(test=test | {"age_years": np.full(len(test["age_years"]), 30.0)})

    expected = built()
    for each in (found, expected):
        each["gate"] = [rule for rule in each["gate"] if "age_years" not in rule["subject"]]
    assert found.pop("fairness") != expected.pop("fairness")
    assert found.pop("refusals") != expected.pop("refusals")
    assert {**found, "gate": []} == {**expected, "gate": []}


def test_the_page_shows_why_this_model(built, pictures):
    """Every rule of the gate, the champion, directions and single features are shown in words."""
    text = Page(report_page.render(built(), pictures)).text

    for part in (
        "What the gate asks",
        "Impact ratio of a group",
        "refused",
        "There is no other model to compare with",
        "holds everywhere",
        "AUC alone",
        "Balance on cards and credit lines, divided by their limits",
        "The calibration line has slope",
        "ECE by chance",
    ):
        assert part in text


def test_a_champion_stands_in_page_and_picture(built, pictures, small_model, splits, tmp_path):
    """Both models' ROC curves are drawn, and the page gives the difference with its interval."""
    champion = replace(small_model, period="2026-09")
    found = built(champion=champion)
    test = splits["test"]
    outcome = test["is_seriously_delinquent"]
    pd = np.linspace(0.1, 0.9, len(outcome))
    compared = comparison.Comparison(found["champion"], pd, [], {"a": pd, "b": pd**2}, None)
    drawn = comparison_plots.draw(
        tmp_path,
        title="Cards",
        outcome=outcome,
        pd=pd,
        compared=compared,
        metrics=evaluate.measure(outcome, pd),
    )

    text = Page(report_page.render(found, pictures | {"champion.png": b"PNG"})).text
    assert drawn == ["champion.png", "challengers.png"]
    assert "+0.0000, with a 95 % interval of +0.0000 to +0.0000 (paired bootstrap): within" in text


def test_challengers_and_reduction_stand_in_the_page(built, pictures):
    """Each kind's figures, why one was chosen, and what reduction dropped and cost."""
    found = built()
    found["choice"] = "boosting against scorecard: AUC +0.0082 on validation: taken"
    found["challengers"] = [
        {
            "kind": kind,
            "validation_auc": auc,
            "validation_log_loss": 0.18,
            "validation_gini": 2 * auc - 1,
            "validation_ks": 0.5,
            "validation_brier": 0.05,
            "validation_ece": 0.004,
            "validation_h_measure": None,
            "test_auc": None,
            "test_ece": None,
            "is_chosen": kind == "boosting",
        }
        for kind, auc in (("scorecard", 0.8584), ("boosting", 0.8666))
    ]
    found["reduction"] = {
        "method": "selection",
        "features_before": 10,
        "features_after": 9,
        "auc_before": 0.8666,
        "auc_after": 0.8661,
        "dropped": {"debt_ratio": "information value 0.01 is below 0.02"},
    }

    text = Page(report_page.render(found, pictures)).text

    for part in (
        "Boosting against scorecard: AUC +0.0082 on validation: taken.",
        "monotone boosting (chosen)",
        "0.8584",
        "0.7168",
        "10 features became 9; the validation AUC went from 0.8666 to 0.8661 (-0.0005)",
        "information value 0.01 is below 0.02",
    ):
        assert part in text


def test_breaks_and_leaks_are_flagged(built, pictures, consumer_credit):
    """A broken direction is told in the model's words, and each refusal is an item of a list."""
    found = built()
    text = "tree 3: past 0.5 the log-odds move down"
    found["monotone"]["broken"] = {"revolving_utilisation_ratio": text}

    page_text = report_page.render(found, pictures)

    assert text in Page(page_text).text
    assert page_text.count("<li>") == len(found["refusals"]) > 0
