from __future__ import annotations

import json

import numpy as np
import pytest

from solvencia import features, model, training
from solvencia.evaluate import measure
from solvencia.model import UnusableModel

QUICK = {"rounds_max": 40, "learning_rate": 0.1}


def fit(consumer_credit, splits, **overrides):
    return training.train(
        consumer_credit, "2026-10", splits["train"], splits["validation"], QUICK | overrides
    )


def test_the_same_data_give_the_same_model(consumer_credit, splits, tmp_path):
    """Training again with other threads and folders gives the same digest and bytes."""
    first = fit(consumer_credit, splits, num_threads=1)
    second = fit(consumer_credit, splits, num_threads=2)
    for name, each in (("a", first), ("b", second)):
        (tmp_path / name).mkdir()
        each.save(tmp_path / name)

    assert first.digest == second.digest
    for name in ("booster.txt", "model.json"):
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


@pytest.mark.parametrize("name", ["booster.txt", "model.json"])
def test_an_altered_artefact_is_refused(small_model, tmp_path, name):
    """A changed or missing file of the model folder does not load."""
    small_model.save(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text().replace("debt_ratio", "debt_ratii", 1))

    with pytest.raises(UnusableModel, match="do not match the digest"):
        model.load(tmp_path)
    path.unlink()
    with pytest.raises(UnusableModel, match=r"needs booster\.txt and model\.json"):
        model.load(tmp_path)


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

    assert len(monotone) == 4


def test_calibration_fits_the_level(consumer_credit, splits):
    """On validation the mean PD is the bad rate, as an unpenalised Platt fit implies."""
    trained = fit(consumer_credit, splits)
    matrix = features.build(consumer_credit, splits["validation"])
    outcome = splits["validation"]["is_seriously_delinquent"]

    pd = trained.predict(matrix)

    assert pd.mean() == pytest.approx(outcome.mean(), abs=1e-5)
    assert measure(outcome, pd).auc > 0.65


def test_one_outcome_cannot_train(consumer_credit, splits):
    """Data without a bad application stop with what to do."""
    only_good = splits["validation"] | {
        "is_seriously_delinquent": np.zeros(len(splits["validation"]["application_id"]))
    }

    with pytest.raises(training.UntrainableData, match=r"validation has \d+ rows and 0 bad"):
        training.train(consumer_credit, "2026-10", splits["train"], only_good)


def test_a_refused_hyperparameter_is_named(consumer_credit, splits):
    """LightGBM's objection reaches the operator."""
    with pytest.raises(training.UntrainableData, match="learning_rate"):
        fit(consumer_credit, splits, learning_rate=-1.0)
