from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pytest
from conftest import make_prepared

from solvencia import boosting, card, features, model, training
from solvencia.clean import clean
from solvencia.model import UnusableModel

QUICK = {"rounds_max": 40, "learning_rate": 0.1, "members": 2, "networks": 1}


def fit(consumer_credit, splits, **overrides):
    return training.train(
        consumer_credit, "2026-10", splits["train"], splits["validation"], QUICK | overrides
    )


def make_cards(rows: int) -> dict[str, np.ndarray]:
    """Applications whose risk hangs on housing and years together, on neither alone."""
    rng = np.random.default_rng(5)
    housing, years = rng.integers(0, 3, rows).astype(float), rng.uniform(0, 10, rows)
    log_odds = np.where((housing == 1) == (years > 5), 0.8, -2.2)
    years[rng.random(rows) < 0.1] = np.nan
    return {
        "card_no": np.arange(rows),
        "asked_on": np.datetime64("2024-01-01") + rng.integers(0, 500, rows),
        "is_bad": (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(float),
        "housing": housing,
        "years_at_address": years,
    }


def test_the_same_data_give_the_same_model(consumer_credit, splits, tmp_path):
    """Training again with other threads and folders gives the same digest and bytes."""
    first = fit(consumer_credit, splits, num_threads=1)
    second = fit(consumer_credit, splits, num_threads=2)
    for name, each in (("a", first), ("b", second)):
        (tmp_path / name).mkdir()
        each.save(tmp_path / name)

    assert first.digest == second.digest
    assert {"model.json", "challengers/scorecard/scorecard.json"} < set(first.files())
    for name in first.files():
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_changed_row_changes_the_digest(consumer_credit, splits, split):
    """One flipped outcome in either split is another model."""
    changed = {name: dict(columns) for name, columns in splits.items()}
    outcome = changed[split]["is_seriously_delinquent"].copy()
    outcome[7] = 1 - outcome[7]
    changed[split]["is_seriously_delinquent"] = outcome

    assert fit(consumer_credit, changed).digest != fit(consumer_credit, splits).digest


def test_a_saved_model_scores_as_before(consumer_credit, splits, small_model, tmp_path):
    """Predictions of the loaded artefact are those of the trained one, bit for bit."""
    small_model.save(tmp_path)

    loaded = model.load(tmp_path)

    matrix = features.build(consumer_credit, splits["test"])
    assert loaded.predict(matrix).tobytes() == small_model.predict(matrix).tobytes()
    assert loaded == small_model
    assert json.loads((tmp_path / "model.json").read_text())["digest"] == small_model.digest


@pytest.mark.parametrize("kind", ["scorecard", "boosting", "blend"])
def test_an_altered_artefact_is_refused(kinds, tmp_path, kind):
    """A changed or missing file of the model folder does not load, nor does a challenger's."""
    kinds[kind].save(tmp_path)
    assert model.load(tmp_path) == kinds[kind]

    for name, text in kinds[kind].files().items():
        path = tmp_path / name
        path.write_text(text.replace("debt_ratio", "debt_ratii", 1))
        with pytest.raises(UnusableModel, match="do not match the digest"):
            model.load(tmp_path)
        path.unlink()
        with pytest.raises(UnusableModel, match="the model folder needs"):
            model.load(tmp_path)
        path.write_text(text)


def test_an_older_artefact_is_refused(tmp_path):
    """A model.json of another layout is named as such."""
    (tmp_path / "model.json").write_text("{}")

    with pytest.raises(UnusableModel, match="of an older release: train the model again"):
        model.load(tmp_path)


def test_another_library_or_rule_is_another_model(
    consumer_credit, splits, small_model, monkeypatch
):
    """A new version of a library, other rules or another choice of kinds change the digest."""
    first = fit(consumer_credit, splits)
    ruled = dataclasses.replace(consumer_credit, fingerprint="other")
    lone = dataclasses.replace(
        consumer_credit,
        modelling=dataclasses.replace(consumer_credit.modelling, challengers=("scorecard",)),
    )
    digests = {first.digest, fit(ruled, splits).digest, fit(lone, splits).digest}
    monkeypatch.setattr(training, "version", lambda name: "9.9")
    digests.add(fit(consumer_credit, splits).digest)

    assert len(digests) == 4


def test_other_rules_are_refused(consumer_credit, cards, small_model, monkeypatch):
    """A model of another portfolio text or other cleaning code is not for this server."""
    model.check_rules(small_model, consumer_credit)
    with pytest.raises(UnusableModel, match="other rules of portfolio"):
        model.check_rules(small_model, cards)
    monkeypatch.setattr(model, "rules_digest", lambda: "other")
    with pytest.raises(UnusableModel, match="other cleaning code"):
        model.check_rules(small_model, consumer_credit)


def test_more_arrears_never_help(consumer_credit, splits):
    """The PD never falls when a monotone feature rises and all else stays."""
    trained = fit(consumer_credit, splits)
    rows = features.build(consumer_credit, splits["test"])[:200]
    monotone = [place for place, each in enumerate(consumer_credit.features) if each.monotone]

    for place in monotone:
        steps = []
        for value in (0, 0.2, 0.5, 0.9, 1, 2, 3, 6, 20):
            moved = rows.copy()
            moved[:, place] = value
            steps.append(trained.predict(moved))
        assert (np.diff(np.array(steps), axis=0) >= 0).all()

    assert len(monotone) == 6


def test_every_challenger_is_calibrated(consumer_credit, splits, kinds):
    """On rows that no model has seen the mean PD is about the bad rate, whatever the kind."""
    matrix = features.build(consumer_credit, splits["test"])
    outcome = splits["test"]["is_seriously_delinquent"]

    for each in kinds.values():
        assert each.predict(matrix).mean() == pytest.approx(outcome.mean(), abs=0.03)
        assert all(part.slope > 0 for part in each.parts)


def test_the_choice_is_on_record(consumer_credit, splits, small_model):
    """The selection names each challenger's validation figures, the chosen one and the reason.

    Synthetic risk is additive and smooth: a blend with a network gains on the steps of a card.
    """
    selection = json.loads(small_model.files()["model.json"])["selection"]

    kinds = [each["kind"] for each in selection["challengers"]]
    assert kinds == ["scorecard", "boosting", "blend"]
    assert [each["is_chosen"] for each in selection["challengers"]] == [False, False, True]
    assert all(0.65 < each["auc"] < 0.85 for each in selection["challengers"])
    assert all(0.3 < each["log_loss"] < 0.5 for each in selection["challengers"])
    assert small_model.kind == "blend"
    assert "blend against scorecard: AUC +0." in selection["reason"]
    assert selection["validation"]["auc"] == selection["challengers"][2]["auc"]


def test_trees_are_chosen_where_they_earn_it(cards):
    """Risk that only two fields together show makes the boosting win."""
    columns = make_cards(4000)
    part = np.arange(4000) % 4 == 0
    train, held = ({k: v[mask] for k, v in columns.items()} for mask in (~part, part))

    trained = training.train(cards, "2026-10", train, held, QUICK | {"feature_fraction": 1.0})

    assert trained.kind == "boosting"
    assert "boosting against scorecard: AUC +0." in trained.selection["reason"]
    assert "scorecard" in trained.challengers


def test_the_neutral_applicant_is_the_training_median(consumer_credit, splits, small_model):
    """The reference holds each feature's median, missing where most applicants lack it."""
    known = np.sort(splits["train"]["debt_ratio"][~np.isnan(splits["train"]["debt_ratio"])])

    assert small_model.reference["debt_ratio"] == known[(len(known) - 1) // 2]
    assert small_model.reference["real_estate_loans_count"] == 1


def test_one_outcome_cannot_train(consumer_credit, splits):
    """Data without a bad application stop with what to do."""
    only_good = splits["validation"] | {
        "is_seriously_delinquent": np.zeros(len(splits["validation"]["application_id"]))
    }

    with pytest.raises(training.UntrainableData, match=r"validation has \d+ rows and 0 bad"):
        training.train(consumer_credit, "2026-10", splits["train"], only_good)


def test_a_refused_hyperparameter_is_named(consumer_credit, splits):
    """LightGBM's objection reaches the operator."""
    with pytest.raises(boosting.RefusedHyperparameter, match="learning_rate"):
        fit(consumer_credit, splits, learning_rate=-1.0)


def fit_card(portfolio, columns, key, **given):
    modelling = dataclasses.replace(portfolio.modelling, challengers=("scorecard",))
    part = columns[key] % 4 == 0
    train, held = ({k: v[mask] for k, v in columns.items()} for mask in (~part, part))
    plain = dataclasses.replace(portfolio, modelling=modelling)
    return training.train(plain, "2026-10", train, held, given)


def test_a_card_of_few_rows_is_as_firm_as_newer_rows_ask(consumer_credit, cards):
    """Many weak fields on few rows are believed less; two fields that say much, as ever.

    Beyond 5,000 rows nothing but the usual card is tried.
    """
    few, many = (clean(consumer_credit, make_prepared(rows)).columns for rows in (600, 9000))
    plain = make_cards(800)
    plain["is_bad"] = (plain["housing"] + np.nan_to_num(plain["years_at_address"]) / 5 > 2) * 1.0

    weak, strong = (
        fit_card(consumer_credit, few, "application_id"),
        fit_card(cards, plain, "card_no"),
    )
    large = fit_card(consumer_credit, many, "application_id")

    assert {k: weak.hyperparameters[k] for k in card.FIRM} == dict(card.FIRM)
    for each in (strong, large):
        assert {k: each.hyperparameters[k] for k in card.SETTINGS} == dict(card.SETTINGS)


def test_a_given_shrinkage_is_not_tuned(consumer_credit):
    """What the caller gave of the card stays, and makes another model."""
    few = clean(consumer_credit, make_prepared(600)).columns

    tuned, given = (
        fit_card(consumer_credit, few, "application_id", **more)
        for more in ({}, {"card_prior": 200.0})
    )

    assert given.hyperparameters["card_prior"] == 200.0
    assert given.digest != tuned.digest


def test_trees_are_judged_with_the_rounds_that_other_spans_ask_for(consumer_credit, splits):
    """Noise makes a span's own best round look good; what is judged was not stopped on it."""
    rows = features.build(consumer_credit, splits["train"])
    outcome = splits["train"]["is_seriously_delinquent"].astype(float)
    names = tuple(each.name for each in consumer_credit.features)
    thirds = [slice(0, 700), slice(700, 1400), slice(1400, 2100)]
    spans = [((rows[a], outcome[a]), (rows[b], outcome[b])) for a, b in pairwise(thirds)]

    def prepare(older, asked):
        return boosting.encode(consumer_credit, names, older, names, (), asked)

    asked = {"num_leaves": 6, "feature_fraction": 0.4, "members": 3, "extra_trees": 0, "one_hot": 0}
    found = []
    for count in (2, 1):
        settings, raw = boosting.tune(consumer_credit, prepare, spans[:count], QUICK | asked)
        found.append((settings["rounds"], raw))

    assert len(found[0][1]) == 1400
    assert len(found[1][1]) == 700
    assert not np.array_equal(found[0][1][:700], found[1][1])
