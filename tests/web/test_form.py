"""The form in a real Chromium: a person types, is helped, and gets a decision with reasons."""

import json
import re

import pytest

from solvencia import portfolio, request
from solvencia.site import assets, reply
from tests.web.browser import fill, send
from tests.web.conftest import DECLINED

NAMES = portfolio.names()
FIRST = "revolving_utilisation_ratio"
PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
SPANISH = {"locale": "es-MX"}


def problem(page, field):
    """Return what stands below a question."""
    return page.locator(f"#e-{field}").inner_text()


def answered(page):
    """Send, and wait for the verdict."""
    send(page)
    page.wait_for_selector("#verdict")


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_violation(open_page, gateway, violations, name, device, scheme):
    """WCAG 2.2 AA on the empty form, with errors, in trouble, and on the answer."""
    page = open_page(
        name, "?language=es", color_scheme=scheme, **(PHONE if device == "phone" else {})
    )
    found = [violations(page)]
    send(page)
    page.wait_for_selector("#summary:not([hidden])")
    found.append(violations(page))
    page.evaluate("trouble(setup.texts.busy, 'abc', 9)")
    found.append(violations(page))
    page.evaluate("decision => { window.given = decision }", gateway.decision)
    page.evaluate("() => { decision = window.given; showAnswer(true) }")
    found.append(violations(page))

    assert found == [[]] * 4


@pytest.mark.parametrize("name", NAMES)
def test_a_small_phone_shows_all_of_it(open_page, gateway, name):
    """At 320 px nothing is cut off sideways, and every target is 24 px or more."""
    page = open_page(name, **PHONE, **SPANISH)
    sizes = page.eval_on_selector_all(
        "#form input, #form select, #form button, #language",
        "all => all.map(each => (each.closest('.tick') ?? each).getBoundingClientRect())"
        ".map(box => Math.min(box.width, box.height))",
    )
    width = page.evaluate("document.documentElement.scrollWidth")
    page.evaluate("given => { decision = given; showAnswer(true) }", gateway.decision)

    assert width == 320
    assert min(sizes) >= 24
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_keyboard_alone_is_enough(open_page, gateway):
    """Tab, typing, Space and Enter fill the form and send it."""
    page = open_page()
    page.keyboard.press("Tab")
    skip = page.evaluate("document.activeElement.className")
    page.keyboard.press("Enter")
    for text in ("0.42", "1", "0", "0", "0.31", "5400", "7", "1", "2"):
        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.type") != "text":
            page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict")

    assert skip == "skip"
    assert gateway.posts[0][0]["dependents_count"] == 2


def test_without_javascript_the_page_says_so(open_page):
    """Both languages explain it, and there is no form that would lead nowhere."""
    page = open_page(java_script_enabled=False)

    said = page.locator("main").inner_text()
    assert "needs JavaScript" in said
    assert "necesita JavaScript" in said
    assert not page.locator("#form").is_visible()


def test_nothing_is_fetched_from_elsewhere_and_little_at_all(browser, gateway):
    """All requests go to the page's own folder; the first load is 100 KB or less, uncompressed."""
    page = browser.new_context().new_page()
    urls, sizes = [], []
    page.on("response", lambda each: (urls.append(each.url), sizes.append(len(each.body()))))
    page.goto(gateway.page("german_loans"), wait_until="networkidle")
    shift = page.evaluate(
        "() => new Promise(done => new PerformanceObserver(list => done("
        "list.getEntries().reduce((sum, each) => sum + each.value, 0)))"
        ".observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done(0), 500))"
    )
    page.context.close()

    assert len(set(urls)) == 4
    assert all(each.startswith(f"{gateway.origin}/live/apply/german_loans") for each in urls)
    assert sum(sizes) <= 100_000
    assert shift == 0


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


def test_replies_are_safe_to_frame_cache_and_sniff():
    """Every reply carries the policy; assets are kept for ever, the page is asked for again."""
    page = reply.answer("", "consumer_credit", "", {"accept-language": "es"})
    script = reply.answer(assets.address("form.js"), "consumer_credit", "", {})
    older = reply.answer("form.0123456789abcdef.js", "consumer_credit", "", {})
    again = reply.answer("", "consumer_credit", "es", {"If-None-Match": page["headers"]["ETag"]})

    for each in (page, script, older, again):
        policy = each["headers"]["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert each["headers"]["X-Content-Type-Options"] == "nosniff"
    assert page["headers"]["Content-Language"] == "es"
    assert page["headers"]["Cache-Control"] == "no-cache"
    assert script["headers"]["Cache-Control"] == "public, max-age=31536000, immutable"
    assert older["headers"]["Cache-Control"] == "no-cache"
    assert (again["statusCode"], again["body"]) == (304, "")


@pytest.mark.parametrize("asset", ["form.html", "en.json", "..", "form.js.map", "x/y", "form.py"])
def test_only_assets_are_served(asset):
    """No other file can be asked for."""
    assert reply.answer(asset, "consumer_credit", "", {})["statusCode"] == 404


def test_an_unknown_portfolio_is_named_as_such():
    """404 as for the API."""
    answer = reply.answer("", "nowhere", "", None)

    assert answer["statusCode"] == 404
    assert "consumer_credit" in json.loads(answer["body"])["detail"]


def test_both_languages_say_the_same_things():
    """No text is missing in one of them, and every placeholder stands in both."""

    def shape(value):
        if isinstance(value, dict):
            return {key: shape(each) for key, each in value.items()}
        return sorted(re.findall(r"\{\w+\}", value))

    assert shape(assets.texts("en")) == shape(assets.texts("es"))
