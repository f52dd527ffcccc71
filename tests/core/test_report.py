from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pytest

from solvencia import evaluate, features, page, report, report_page, report_plots

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

    def build(with_train: bool = True):
        test = splits["test"]
        pd = small_model.predict(features.build(consumer_credit, test))
        measured = evaluate.measure(test["is_seriously_delinquent"], pd)
        train = splits["train"] if with_train else None
        return report.build(consumer_credit, small_model, measured, pd, test, train)

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
    assert len(found["drift"]["features"]) == len(found["sensitivity"]["effects"]) == 10
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


def test_protected_values_change_no_figure_but_fairness(
    consumer_credit, splits, small_model, built
):
    """With every age replaced, all but the audit stays as it was."""
    test = splits["test"]
    other = test | {"age_years": np.full(len(test["age_years"]), 30.0)}
    pd = small_model.predict(features.build(consumer_credit, other))
    measured = evaluate.measure(other["is_seriously_delinquent"], pd)

    found = report.build(consumer_credit, small_model, measured, pd, other, splits["train"])

    expected = built()
    assert found.pop("fairness") != expected.pop("fairness")
    assert found == expected
