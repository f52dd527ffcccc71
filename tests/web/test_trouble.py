"""The form when the service is busy, gone, or refuses: nothing typed is lost, none asks twice."""

import pytest

from tests.web.browser import answered, fill, problem, send


@pytest.mark.parametrize(
    ("status", "text"), [(429, "Too many people"), (503, "The service is paused")]
)
def test_a_busy_service_is_asked_again_with_the_same_key(open_page, gateway, status, text):
    """Retry-After holds the button back; the retry is the same application, nothing is lost."""
    gateway.replies.append((status, {"Retry-After": "2"}, {"message": "later"}))
    page = open_page()
    fill(page)
    send(page)
    page.wait_for_selector("#trouble button")
    again = page.locator("#trouble button")
    said, held = page.locator("#trouble").inner_text(), again.get_attribute("aria-disabled")
    focused = page.evaluate("document.activeElement.id")
    page.wait_for_selector("#trouble button:not([aria-disabled])", timeout=5000)
    again.click()
    page.wait_for_selector("#verdict")

    assert text in said
    assert (held, focused) == ("true", "trouble")
    (first, one), (second, other) = gateway.posts
    assert first == second
    assert one["Idempotency-Key"] == other["Idempotency-Key"]


def test_a_cut_connection_is_said_and_the_answers_stay(open_page, gateway):
    """The network's fault is told from the service's; the same button sends again."""
    gateway.replies += [None] * 20  # Chromium tries again by itself
    page = open_page()
    fill(page)
    send(page)
    page.wait_for_selector("#trouble button")
    said = page.locator("#trouble").inner_text()
    kept = page.locator("#f-monthly_income_usd").input_value()
    gateway.replies.clear()
    answered(page)

    assert "no connection" in said
    assert kept == "5,400"
    assert len({headers["Idempotency-Key"] for _, headers in gateway.posts}) == 1


def test_another_body_has_another_key(open_page, gateway):
    """A changed answer is a new application."""
    page = open_page()
    fill(page)
    answered(page)
    page.get_by_role("button", name="Change my answers").click()
    fill(page, open_credit_lines_count="8")
    answered(page)

    assert len({headers["Idempotency-Key"] for _, headers in gateway.posts}) == 2


def test_what_the_service_refuses_is_shown_at_its_field(open_page, gateway):
    """A rule that only the service knows marks its field and leads there from the summary."""
    problems = {"debt_ratio": "must be below 9", "body": "too odd"}
    gateway.replies.append((422, {}, {"title": "Invalid application", "problems": problems}))
    page = open_page()
    fill(page)
    send(page)
    page.wait_for_selector("#summary:not([hidden])")

    assert problem(page, "debt_ratio").endswith("must be below 9")
    assert "too odd" in page.locator("#summary").inner_text()
    page.locator("#f-debt_ratio").fill("0.3")
    assert problem(page, "debt_ratio") == ""


def test_a_text_of_the_service_is_never_markup(open_page, gateway):
    """What the answer holds is shown as text, and the policy forbids anything that runs."""
    evil = "<img src=x onerror=alert(1)>"
    reasons = [{"code": "R99", "text": evil, "effect": "raises", "points": -1}]
    gateway.decision |= {"reasons": reasons, "band": evil}
    page = open_page()
    fill(page)
    answered(page)

    assert page.locator("#answer img").count() == 0
    assert evil in page.locator(".letter").inner_text()
