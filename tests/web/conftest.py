"""Debian's Chromium, driven by Playwright, before a form that runs on 127.0.0.1."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.web import browser as browsers
from tests.web.gateway_server import Gateway

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DECLINED = {
    "decision_id": "2f91fc21-9205-47a5-97fd-2e216ae7af28",
    "decision": "decline",
    "band": "E",
    "pd": 0.5064,
    "points": 426,
    "reasons": [
        {"code": "R12", "text": "as it was said", "effect": "raises", "points": -71.2},
        {"code": "R01", "text": "as it was said", "effect": "raises", "points": -38.4},
        {"code": "R04", "text": "as it was said", "effect": "raises", "points": -12.9},
        {"code": "R07", "text": "as it was said", "effect": "lowers", "points": 8.3},
    ],
    "model": {"digest": "7b7743137986", "period": "2026-10"},
    "decided_at": "2026-11-24T15:00:00.000+00:00",
}


@pytest.fixture(scope="session")
def browser():
    """One Chromium for the session."""
    if not shutil.which(browsers.CHROMIUM):
        pytest.fail(browsers.MISSING)
    with sync_playwright() as playwright, browsers.launch(playwright) as chromium:
        yield chromium


@pytest.fixture
def gateway():
    """The form's server; it declines unless the test says otherwise."""
    served = Gateway(dict(DECLINED))
    yield served
    served.close()


@pytest.fixture
def open_page(browser, gateway):
    """Opens pages, each in a context of its own; fails the test on any error of a script."""
    contexts, faults = [], []

    def open_it(name="consumer_credit", query="", **options):
        context = browser.new_context(**{"locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if "Policy" in line.text else None)
        page.goto(gateway.page(name, query))
        return page

    yield open_it
    for each in contexts:
        each.close()
    assert faults == []


@pytest.fixture
def violations():
    """Returns what axe finds on a page by the rules of WCAG 2.2 A and AA."""

    def look(page):
        page.wait_for_timeout(350)  # until the answer has faded in
        found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
        return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]

    return look
