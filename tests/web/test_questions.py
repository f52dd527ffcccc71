"""The form's questions in a real Chromium: what a person types is read, checked and kept."""

import re

import pytest

from solvencia import portfolio, request
from solvencia.site import assets
from tests.web.browser import answered, fill, problem, send

NAMES = portfolio.names()
FIRST = "revolving_utilisation_ratio"


def test_answers_are_checked_while_they_are_typed(open_page):
    """A pause is enough to be told, a correction clears it, and nobody is told off in passing."""
    page = open_page()
    entry = page.locator(f"#f-{FIRST}")
    entry.focus()
    page.keyboard.press("Tab")
    untouched = problem(page, FIRST)
    entry.press_sequentially("120")
    page.wait_for_selector(f"#q-{FIRST}.wrong", timeout=3000)
    told = problem(page, FIRST)
    entry.press("Backspace")

    assert untouched == ""
    assert told == "Enter 100 or less"
    assert problem(page, FIRST) == ""
    assert entry.get_attribute("aria-invalid") is None


def test_an_error_summary_leads_to_each_field(open_page, gateway):
    """It takes the focus, the title says so, each link goes to its field, nothing is sent."""
    page = open_page()
    send(page)

    assert page.evaluate("document.activeElement.id") == "summary"
    assert page.title().startswith("Error: ")
    assert page.locator("#summary li").count() == 6
    page.locator("#summary a").first.click()
    assert page.evaluate("document.activeElement.id") == f"f-{FIRST}"
    assert gateway.posts == []


def test_a_code_is_a_box_and_the_number_comes_back(open_page, gateway):
    """Ticking sends the portfolio's code, one box at a time; unticking restores what was typed."""
    page = open_page()
    fill(page)
    boxes = page.locator(f"#q-{FIRST} [data-code]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    disabled = page.locator(f"#f-{FIRST}").is_disabled()
    page.locator("#q-past_due_90_days_count [data-code]").check()
    answered(page)
    sent = gateway.posts[0][0]
    page.get_by_role("button", name="Change my answers").click()
    boxes.nth(1).uncheck()

    assert disabled
    assert not boxes.nth(0).is_checked()
    assert (sent[FIRST], sent["past_due_90_days_count"]) == (0.9999999, 96)
    assert page.locator(f"#f-{FIRST}").input_value() == "0.42"


def test_a_code_typed_as_a_number_is_no_answer(open_page):
    """Nobody who types 96 late payments is taken for somebody who does not know."""
    page = open_page()
    page.locator("#f-past_due_90_days_count").fill("96")
    page.keyboard.press("Tab")

    assert problem(page, "past_due_90_days_count") == "Enter 60 or less"


def test_a_code_within_the_bounds_is_no_number_either(open_page):
    """Who types what stands for "not known" is led to its box; none is none, typed or ticked."""
    page = open_page()
    page.locator("#f-revolving_utilisation_ratio").fill("0.9999999")
    page.keyboard.press("Tab")

    assert problem(page, "revolving_utilisation_ratio").startswith(
        "Here this number means “I do not know the limits”"
    )
    page.locator("#f-revolving_utilisation_ratio").fill("0")
    page.keyboard.press("Tab")
    assert problem(page, "revolving_utilisation_ratio") == ""


def test_the_other_language_keeps_every_answer(open_page, gateway):
    """Numbers, choices, boxes and errors stay, in the marks of the other language; no reload."""
    page = open_page("german_loans")
    page.locator("#f-amount_dm").fill("12500")
    page.locator("#f-duration_months").fill("500")
    page.keyboard.press("Tab")
    page.locator("#f-purpose").select_option("used_car")
    page.get_by_role("radio", name="Rented").check()
    page.evaluate("window.mark = 1")
    page.locator("#language").click()
    page.wait_for_selector("html[lang=es]")

    assert page.evaluate("window.mark") == 1
    assert page.url.endswith("?language=es")
    assert page.locator("#f-amount_dm").input_value() == "12.500"
    assert page.locator("#f-purpose").input_value() == "used_car"
    assert page.locator("#f-purpose option:checked").inner_text() == "Coche usado"
    assert page.get_by_role("radio", name="Alquilada").is_checked()
    assert problem(page, "duration_months") == "Escriba 120 o menos"
    assert page.evaluate("document.activeElement.id") == "language"


def test_the_page_takes_what_the_service_takes(open_page):
    """For every number field of every portfolio, around its bounds, both say yes or both say no."""
    disagreements = []
    for name in NAMES:
        product = portfolio.load(name)
        page = open_page(name)
        for field in (each for each in product.request_fields if each.is_numeric):
            for value in values_around(field):
                text = "" if value is None else f"{value:.17g}"
                says = page.evaluate(
                    "([name, text]) => { const field = setup.fields.find(e => e.name === name);"
                    " return checkNumber(field, text); }",
                    [field.name, text],
                )
                try:
                    accepted = request.parse(product, {field.name: value}) is None
                except request.InvalidRequest as error:
                    accepted = field.name not in error.problems
                if accepted != ("problem" not in says) and not is_code(field, value):
                    disagreements.append((name, field.name, value, says))
                if "value" in says and value is not None and says["value"] != value:
                    disagreements.append((name, field.name, value, says))

    assert disagreements == []


def values_around(field):
    """Yield numbers on, just inside and just outside of a field's bounds, and none at all."""
    yield None
    for bound in (field.minimum, field.maximum):
        for step in (-1, -0.5, 0, 0.5, 1):
            if bound is not None:
                yield bound + step


def is_code(field, value):
    """Tell whether a value is a code: the page offers it as a box."""
    return value in [float(each) for each in field.sentinels]


@pytest.mark.parametrize(
    ("text", "language", "number"),
    [
        ("5,400", "en", 5400),
        ("5.400", "es", 5400),
        ("0,42", "es", 0.42),
        ("0.42", "es", 0.42),
        ("0,42", "en", 0.42),
        ("1 250 000", "es", 1250000),
        ("1,234.5", "en", 1234.5),
        ("\u22123", "en", -3),
        ("1.2.3", "en", None),
        ("1e5", "en", None),
        ("12 %", "en", None),
        ("Infinity", "en", None),
    ],
)
def test_numbers_are_read_as_they_are_written(open_page, text, language, number):
    """Decimal mark and groups follow the language; what is no number is refused."""
    page = open_page()

    read = page.evaluate(
        "([a, b]) => { const n = readNumber(a, b); return isNaN(n) ? null : n }", [text, language]
    )
    assert read == number


def test_both_languages_say_the_same_things():
    """No text is missing in one of them, and every placeholder stands in both."""

    def shape(value):
        if isinstance(value, dict):
            return {key: shape(each) for key, each in value.items()}
        return sorted(re.findall(r"\{\w+\}", value))

    assert shape(assets.texts("en")) == shape(assets.texts("es"))
