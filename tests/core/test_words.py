from __future__ import annotations

import pytest

from solvencia import contracts_form, portfolio, words
from solvencia.portfolio import InvalidPortfolio

NAME = "german_loans"


def write(root, text):
    """Write the words of the portfolio below a root of its own."""
    (root / NAME).mkdir()
    (root / NAME / words.FILE).write_text(text, encoding="utf-8")
    return portfolio.load(NAME)


def test_a_field_s_own_word_goes_before_the_common_one(tmp_path):
    """`none` may be nobody in one field and nothing in another."""
    product = write(tmp_path, '[es]\nnone = "nada"\n"other_parties.none" = "nadie"\n')

    found = words.load(product, tmp_path)

    assert found.say("es", "none", "other_parties") == "nadie"
    assert found.say("es", "none", "other_plans") == "nada"
    assert found.say("es", "used_car") == "used car"


def test_every_word_without_a_bearer_is_named(tmp_path):
    """A misspelled key, an unknown table and a number are all told at once."""
    product = write(tmp_path, '[es]\nusedcar = "coche"\nmonths = 3\n[fr]\n[lender]\nnamed = "x"\n')

    with pytest.raises(InvalidPortfolio) as fault:
        words.load(product, tmp_path)

    assert [each.split(":")[1].strip() for each in fault.value.problems] == [
        "es.usedcar",
        "es.months",
        "fr",
        "lender.named",
    ]


def test_without_words_the_texts_are_readable(tmp_path):
    """A portfolio without the file shows its categories without underscores."""
    form = contracts_form.form(portfolio.load(NAME), words.load(portfolio.load(NAME), tmp_path))

    purpose = next(each for each in form["fields"] if each["name"] == "purpose")
    assert purpose["options"][1] == {
        "value": "used_car",
        "label": {"en": "Used car", "es": "Used car"},
    }


@pytest.mark.parametrize("name", portfolio.names())
def test_the_shipped_forms_speak_spanish(name):
    """No unit, choice or box of a shipped portfolio shows the portfolio's own English code."""
    form = contracts_form.form(portfolio.load(name))
    untranslated = [
        (field["name"], text["es"])
        for field in form["fields"]
        for text in (
            field["unit"],
            *(each["label"] for each in field.get("options", ())),
            *(each["meaning"] for each in field.get("sentinels", ())),
        )
        if "_" in text["es"] or (text["es"] == text["en"] and text["es"].lower() not in SAME)
    ]

    assert untranslated == []


SAME = {"", "dm", "no", *map(str, range(100))}
