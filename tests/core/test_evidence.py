from __future__ import annotations

import copy
import json
import re
import shutil
import tarfile
from html.parser import HTMLParser

import pytest

from solvencia import evidence
from solvencia.container.__main__ import main
from solvencia.evidence.facts import Facts, describe, spell

VOID = {"meta", "img"}
FIELDS = [
    "revolving_utilisation_ratio", "past_due_30_59_days_count", "past_due_60_89_days_count",
    "past_due_90_days_count", "debt_ratio", "monthly_debt_usd", "monthly_income_usd",
    "open_credit_lines_count", "real_estate_loans_count", "dependents_count",
]  # fmt: skip
CHAMPION = {
    "digest": "b" * 64,
    "kind": "scorecard",
    "period": "2026-09",
    "auc": 0.81,
    "difference": 0.01,
    "low": -0.002,
    "high": 0.02,
    "note": "it is of a newer period",
}
COUNTS = {
    "prepare": {
        "declared_applications": 5000,
        "raw_applications": 5000,
        "immature": 900,
        "repeated_keys": 2,
        "prepared": 4098,
        "periods": 48,
    },
    "validate": {
        "expectations": [
            {
                "type": "expect_column_values_to_be_between",
                "column": "revolving_utilisation_ratio",
                "severity": "warning",
                "success": False,
                "unexpected": 98,
                "expected": "min_value 0, max_value 100",
                "observed": "98 of 4098 rows otherwise",
            }
        ],
        "successful": 23,
        "failed": 1,
        "data_docs": "s3://solvencia-data/data_docs/index.html",
    },
    "clean": {
        "prepared": 4098,
        "cleaned": {"train": 2200, "validation": 600, "test": 1200},
        "quarantined": 98,
        "quarantined_by": {"revolving_utilisation_ratio: above 100": 98},
        "parts": 4,
    },
}
LINEAGE = {
    "data_digest": "d" * 64,
    "code_digest": "c" * 64,
    "evaluation_code_digest": "c" * 64,
    "worker_code_digest": "f" * 64,
    "image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1",
    "image_digest": "sha256:" + "9" * 64,
    "artefact": "s3://solvencia-models/training/model.tar.gz",
    "training_job": "solvencia-consumer-credit-2026-10-1",
    "manifests": ["manifests/consumer_credit/raw/period=2026-10.json"],
}
APPROVAL = {
    "status": "Approved",
    "mode": "by a person",
    "by": "rita.risk",
    "at": "2026-11-03T09:00:00+00:00",
    "reason": "better calibrated than the last one",
    "triggered_by": "dan.data",
}
# Mappings whose keys are data: without one there is less to say, and nothing blank.
OPEN = {
    "facts.counts.clean.quarantined_by",
    "facts.metrics.csi",
    "portfolio.fields",
    "portfolio.tables",
    "report.fitted.hyperparameters",
    "report.fitted.libraries",
    "report.leakage",
    *(f"portfolio.fields.{name}.sentinels" for name in [*FIELDS, "age_years"]),
}
# What an evaluation measures beside its report, in case that this one did not.
COMPARED = {
    "challengers": [
        {
            "kind": "boosting",
            "validation_auc": 0.85,
            "validation_log_loss": 0.2,
            "test_auc": 0.84,
            "is_chosen": True,
        }
    ],
    "champion": None,
    "monotone": {"checked": ["revolving_utilisation_ratio"], "broken": {}},
    "leakage": dict.fromkeys(FIELDS, 0.6),
}


class Page(HTMLParser):
    """Collects texts, addresses and headings; refuses a tag that does not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def evaluated(trained, tmp_path_factory):
    """Output folder of the container's evaluation of a small model, drift included."""
    base = tmp_path_factory.mktemp("evaluated") / "base"
    shutil.copytree(trained[0], base)
    inputs = base / "processing" / "input"
    shutil.copytree(base / "input" / "data" / "train", inputs / "train")
    (inputs / "model").mkdir()
    with tarfile.open(inputs / "model" / "model.tar.gz", "w:gz") as archive:
        for each in (base / "model").iterdir():
            archive.add(each, each.name)
    shutil.copytree(inputs / "model", inputs / "champion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGEMAKER_BASE_DIR", str(base))
        assert main(["evaluate"]) == 0
    return base / "processing" / "output"


@pytest.fixture(scope="module")
def report(evaluated):
    found = json.loads((evaluated / "report.json").read_text())
    found["fitted"]["parts"] = ["boosting"]
    return found


@pytest.fixture(scope="module")
def pictures(evaluated):
    return {each.name: each.read_bytes() for each in evaluated.glob("*.png")}


@pytest.fixture(scope="module")
def facts(evaluated):
    """Facts of a version that a person approved, the first of its portfolio."""
    metrics = COMPARED | json.loads((evaluated / "metrics.json").read_text())
    metrics["model"] = metrics["model"] | {"kind": "boosting"}
    return {
        "version": "solvencia-consumer-credit-2026-10-0123456789ab",
        "portfolio": "consumer_credit",
        "period": "2026-10",
        "registered_at": "2026-11-02T08:00:00+00:00",
        "package_arn": "arn:aws:sagemaker:us-east-1:000000000000:model-package/solvencia/1",
        "status": "Approved",
        "refusals": [],
        "metrics": metrics,
        "counts": COUNTS,
        "lineage": LINEAGE,
        "approval": APPROVAL,
        "decisions": [{**APPROVAL, "run": "r1"}],
        "champion_before": "",
    }


@pytest.fixture(scope="module")
def successor(facts):
    """Facts of a version that was measured against a champion, and that champion's facts."""
    champion = {**facts, "version": "solvencia-consumer-credit-2026-09-ba9876543210"}
    measured = {**facts["metrics"], "champion": CHAMPION}
    return {**facts, "metrics": measured, "champion_before": champion["version"]}, champion


def build(facts, report, portfolio, pictures, champion=None):
    built = evidence.build(facts, report, portfolio, pictures, champion)
    return {name: Page(text) for name, text in built.items()}


def test_the_pack_is_whole_and_fetches_nothing(facts, report, consumer_credit, pictures):
    """Six pages whose tags close in order, which link each other and name no other address."""
    pages = build(facts, report, consumer_credit, pictures)

    assert set(pages) == {
        "index.html", "model_card.html", "validation_report.html", "data_sheet.html",
        "fairness_report.html", "champion_change.html",
    }  # fmt: skip
    for page in pages.values():
        links = [each for each in page.addresses if not each.startswith("data:image/png;base64,")]
        assert links == list(pages)
        assert page.tags.count("h1") == 1
        assert page.tags.count("table") == page.tags.count("caption")
        assert {"script", "link", "iframe", "object"}.isdisjoint(page.tags)


def test_the_pack_repeats(facts, report, consumer_credit, pictures):
    """The same facts give the same pages, byte for byte."""
    first = evidence.build(facts, report, consumer_credit, pictures)

    assert first == evidence.build(copy.deepcopy(facts), report, consumer_credit, pictures)


@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("index.html", ["passed every bound", "rita.risk", "monotone gradient boosting"]),
        (
            "model_card.html",
            [
                "90 days past due or worse within two years",
                "24 months after the application",
                "credit-data",
                "Balance on cards and credit lines",
                "more is riskier",
                "never reach the model: age years",
                "num_leaves",
                "600 points are odds of 20 good to one bad",
                "560 points",
                "better calibrated than the last one",
                "dan.data",
                "d" * 64,
                "1002.9",
                "C-634/21",
                "2027-12-02",
            ],
        ),
        ("validation_report.html", ["How the model was challenged", "Out of time", "SR 26-2"]),
        (
            "data_sheet.html",
            [
                "application_id, applicant_id, applied_on",
                "4,098",
                "revolving_utilisation_ratio: above 100",
                "98: not reported",
                "manifests/consumer_credit/raw/period=2026-10.json",
                "EBA/GL/2020/06",
            ],
        ),
        ("fairness_report.html", ["four fifths", "under 25", "PD less bad rate"]),
        ("champion_change.html", ["No champion before this version", "Score (PSI)"]),
    ],
)
def test_each_page_says_what_is_asked_of_it(facts, report, consumer_credit, pictures, page, texts):
    """The facts that a regulator looks for stand on their page."""
    text = build(facts, report, consumer_credit, pictures)[page].text

    assert [each for each in texts if each not in text] == []


def test_a_blend_names_its_parts_and_a_reduction_its_method(
    facts, report, consumer_credit, pictures
):
    """What the model is made of stands on the card, and that it was fitted on both splits."""
    fitted = {**report["fitted"], "parts": ["boosting", "network"]}
    reduction = {"method": "selection", "features_before": 10, "features_after": 7, "dropped": {}}
    reduction |= {"auc_before": 0.86, "auc_after": 0.85}
    blend = {**report, "fitted": fitted, "reduction": reduction}

    card = build(facts, blend, consumer_credit, pictures)["model_card.html"].text

    assert "blend, in log-odds, of monotone gradient boosting (trees) and monotone network" in card
    assert "selection, to 7 of them" in card
    assert "600 validation applications; then trained again on both together" in card


def test_what_was_assumed_of_the_declined_is_told(facts, report, consumer_credit, pictures):
    """The card, the data sheet and the validation report say what rests on no data."""
    effect = {
        "method": "parcelling", "odds_factor": 1.5, "declined_train": 700, "kind_before": "blend",
        "declined_validation": 200, "inferred_bads": 120, "approve_points": 560,
        "approved_rows": 1200, "declined_rows": 400, "auc_before": 0.861, "auc_after": 0.862,
        "approved_pd_before": 0.06, "approved_pd_after": 0.07, "declined_pd_before": 0.1,
        "declined_pd_after": 0.15, "swapped_in": 0.01, "swapped_out": 0.02,
    }  # fmt: skip
    counts = json.loads(json.dumps(facts["counts"]))
    counts["clean"]["cleaned"]["declined"] = 1300

    pages = evidence.build(
        {**facts, "counts": counts},
        {**report, "reject_inference": effect},
        consumer_credit,
        {**pictures, "reject_inference.png": b"\x89PNG"},
    )

    card, sheet, validation = (
        re.sub(r"[\s|]+", " ", re.sub(r"<[^>]+>", " ", pages[f"{name}.html"]))
        for name in ("model_card", "data_sheet", "validation_report")
    )
    assert "900 trained too, with outcomes inferred by parcelling: assumed, not known" in card
    assert "no data can prove it: every figure of performance is of granted credit." in card
    assert "Cleaned: declined, without outcome 1,300" in sheet
    for text in (
        "their odds of default are 1.5 times",
        "AUC on the approved 0.8610 0.8620 +0.0010",
        "Mean PD of the declined 10.00 % 15.00 % +5.00 pp",
        "1.0 % of the declined are swapped in",
        "2.0 % of the approved are swapped out",
    ):
        assert text in validation


def test_a_version_that_waits_says_so(facts, report, consumer_credit, pictures):
    """Before anybody decides, the card says that nobody has."""
    waiting = {**facts, "status": "PendingManualApproval", "approval": None, "decisions": []}

    card = build(waiting, report, consumer_credit, pictures)["model_card.html"]

    assert "Nobody has decided on this version yet" in card.text
    assert "PendingManualApproval" in card.text


def test_a_decision_that_no_longer_stands_is_not_denied(facts, report, consumer_credit, pictures):
    """A version that was evaluated anew waits, and the card still lists who approved it before."""
    lapsed = {**facts, "status": "PendingManualApproval", "approval": None}

    card = build(lapsed, report, consumer_credit, pictures)["model_card.html"]

    assert "No decision on this version stands" in card.text
    assert "Nobody has decided" not in card.text
    assert APPROVAL["by"] in card.text


def test_a_refused_version_says_why(facts, report, consumer_credit, pictures):
    """Every refusal stands on the overview and in the card's limits."""
    refused = {**facts, "status": "Rejected", "refusals": ["ks 0.2 is below ks_min 0.3", "psi <1>"]}

    pages = build(refused, report, consumer_credit, pictures)

    for name in ("index.html", "model_card.html"):
        assert "ks 0.2 is below ks_min 0.3" in pages[name].text
        assert "psi <1>" in pages[name].text


def test_a_change_of_champion_is_measured(successor, report, consumer_credit, pictures):
    """Difference, interval, features and origins stand beside each other."""
    facts, champion = successor
    older = copy.deepcopy(champion)
    older["lineage"]["data_digest"] = "e" * 64
    del older["metrics"]["leakage"]["debt_ratio"]
    report = {**report, "champion": CHAMPION}
    pictures = {**pictures, "champion.png": b"\x89PNG"}

    page = build(facts, report, consumer_credit, pictures, older)["champion_change.html"]

    assert "+0.0100" in page.text
    assert "-0.0020 to +0.0200" in page.text
    assert "no difference beyond noise" in page.text
    assert "To bear in mindit is of a newer period" in page.text.replace("\n", "")
    assert "Addeddebt ratio" in page.text.replace("\n", "")
    assert "e" * 12 in page.text


def test_a_champion_that_cannot_be_measured_is_named_with_why(
    successor, report, consumer_credit, pictures
):
    """Where no comparison was possible, the page says so and gives the reason."""
    facts, _ = successor
    unread = dict.fromkeys(CHAMPION) | {"note": "its artefact is of an older release"}
    facts = {**facts, "metrics": {**facts["metrics"], "champion": unread}}

    pages = build(facts, {**report, "champion": None}, consumer_credit, pictures)

    page = pages["champion_change.html"].text
    assert "its artefact is of an older release" in page
    assert facts["champion_before"] in page
    assert "not compared; the reason stands below" in pages["validation_report.html"].text


@pytest.mark.parametrize("page", evidence.PAGES)
@pytest.mark.parametrize("case", ["first", "successor"])
def test_a_blank_field_fails_the_build(
    facts, report, consumer_credit, pictures, successor, page, case
):
    """Any fact that a page uses, taken away or emptied, is named with the page and the field.

    Of alike items in a list the first stands for all.
    """
    chosen, champion = (facts, None) if case == "first" else successor
    content = json.loads(
        json.dumps(
            {
                "facts": chosen,
                "report": report if case == "first" else {**report, "champion": CHAMPION},
                "portfolio": describe(consumer_credit),
                "champion": champion,
            }
        )
    )
    pictures = dict.fromkeys([*pictures, "champion.png"], b"\x89PNG")
    whole = Facts(page, content)
    evidence.render(whole, pictures)
    used = {path: need for path, need in whole.asked.items() if not {*range(1, 999)} & {*path}}

    survivors = []
    for path, is_needed in used.items():
        changes = [*([None, "", " "] if is_needed else []), "removed"]
        if spell(path[:-1]) in OPEN:
            changes.remove("removed")
        survivors += [
            f"{spell(path)}: {change}"
            for change in changes
            if not fails(page, content, pictures, path, change)
        ]

    assert len(used) > 15
    assert survivors == []


def fails(page, content, pictures, path, change):
    """Whether the page is refused with one fact removed or replaced; restores the content."""
    *parents, last = path
    holder = content
    for part in parents:
        holder = holder[part]
    if isinstance(last, int):
        return True  # an item of a list: there are fewer of them, none is blank
    before = dict(holder)
    if change == "removed":
        del holder[last]
    else:
        holder[last] = change
    try:
        evidence.render(Facts(page, content), pictures)
    except evidence.BlankField as error:
        return error.page == page and error.field.startswith(spell(path)[: len(error.field)])
    finally:
        holder.clear()
        holder.update(before)
    return False


def test_the_error_names_page_file_key_and_cure(facts, report, consumer_credit, pictures):
    """Whoever meets a blank field knows what to write, and where."""
    blank = {**facts, "lineage": {**LINEAGE, "image": ""}}

    with pytest.raises(evidence.BlankField) as caught:
        evidence.build(blank, report, consumer_credit, pictures)

    assert str(caught.value) == (
        "model_card.html: facts.json has nothing at lineage.image, and evidence leaves nothing "
        "blank: register the version again, so that this fact is written"
    )
