"""The form's answer in a real Chromium: the decision, its reasons, and the letter."""

import re

import pytest

from solvencia import portfolio
from tests.web.browser import answered, fill
from tests.web.conftest import DECLINED


@pytest.mark.parametrize(
    ("locale", "heading"), [("en-GB", "Not approved"), ("es-MX", "No aprobada")]
)
def test_a_person_gets_a_decision_with_its_reasons(open_page, gateway, locale, heading):
    """What was typed is sent as numbers with the language and a key; the answer takes the focus."""
    page = open_page(locale=locale)
    fill(page)
    answered(page)

    [(body, headers)] = gateway.posts
    assert body == {
        "revolving_utilisation_ratio": 0.42,
        "past_due_30_59_days_count": 1,
        "past_due_60_89_days_count": 0,
        "past_due_90_days_count": 0,
        "debt_ratio": 0.31,
        "monthly_income_usd": 5400,
        "open_credit_lines_count": 7,
        "real_estate_loans_count": 1,
        "dependents_count": None,
    }
    assert headers["Accept-Language"] == locale[:2]
    assert re.fullmatch(r"[0-9a-f]{32}", headers["Idempotency-Key"])
    assert page.evaluate("document.activeElement.id") == "verdict"
    assert page.locator("#verdict").inner_text() == heading
    assert page.title().startswith(heading)
    product = portfolio.load("consumer_credit")
    cited = product.fields["past_due_severity"].reason[locale[:2]]
    assert cited in page.locator(".raises").inner_text()


def test_the_bars_and_the_scale_show_what_the_answer_says(open_page):
    """Each bar is as long as its points, the marker stands at the score, texts say the same."""
    page = open_page()
    fill(page)
    answered(page)

    widths = page.eval_on_selector_all(".bar i", "all => all.map(each => each.style.width)")
    track, marker = (page.locator(each).bounding_box() for each in (".track", ".marker"))
    share = (marker["x"] - track["x"]) / track["width"]
    assert [round(float(each.rstrip("%")), 1) for each in widths] == [100, 53.9, 18.1, 11.7]
    assert "71 points fewer" in page.locator(".raises").inner_text()
    assert "8 points more" in page.locator(".lowers").inner_text()
    assert share == pytest.approx((426 - 420) / (720 - 420), abs=0.01)
    assert page.locator(".scale").get_attribute("aria-label").startswith("426 points, in band E")
    assert "Band D: 500 to 559 points, a person will decide" in page.locator(".bands").inner_text()


def test_the_letter_of_a_refusal_names_only_what_raises_the_risk(open_page):
    """Sender, date, number, reasons and rights are printed, and nothing else is."""
    page = open_page()
    fill(page)
    answered(page)
    page.emulate_media(media="print")

    letter = page.locator(".letter").inner_text()
    visible = page.locator("body").inner_text()
    for text in (
        "Consumer credit",
        "November 24, 2026",
        DECLINED["decision_id"],
        "How long payments were late",
        "Payments 90 days late or more",
        "Regulation B",
        "GDPR",
        "Equal Credit Opportunity Act",
    ):
        assert text in letter
    assert "Level of monthly income" not in letter
    assert visible.strip() == letter.strip()


@pytest.mark.parametrize("verdict", ["approve", "refer"])
def test_a_letter_without_a_refusal_gives_no_reason_against(open_page, gateway, verdict):
    """Who is approved or referred reads no adverse reason in the letter."""
    gateway.decision |= {"decision": verdict, "band": "C", "points": 590}
    page = open_page()
    fill(page)
    answered(page)

    letter = page.locator(".letter").inner_text()
    assert "late payments" not in letter
    assert ("Level of monthly income" in letter) == (verdict == "approve")


def test_the_decision_is_shown_in_the_other_language_too(open_page, gateway):
    """Reasons and letter change their language, and nothing is asked a second time."""
    page = open_page()
    fill(page)
    answered(page)
    page.locator("#language").click()
    page.wait_for_selector("html[lang=es]")

    letter = page.locator(".letter").inner_text()
    assert page.locator("#verdict").inner_text() == "No aprobada"
    assert "Cuánto se retrasaron los pagos" in letter
    assert "24 de noviembre de 2026" in letter
    assert len(gateway.posts) == 1
