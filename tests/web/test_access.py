"""The form for everybody: axe, keyboard, small screens, no JavaScript, nothing from elsewhere."""

import json

import pytest

from solvencia import portfolio
from solvencia.site import assets, reply
from tests.web.browser import send

NAMES = portfolio.names()
PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}
SPANISH = {"locale": "es-MX"}


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
