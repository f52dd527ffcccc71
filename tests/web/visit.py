"""A person visits a deployed form: `python -m tests.web.visit ADDRESS FOLDER`.

Fills it in English on a desktop and in Spanish on a phone, saves screenshots and the letter into
the folder, and prints what was seen as JSON: decision, points, reasons, ids.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.web.browser import fill, launch, send

VISITS = (
    ("en", {"locale": "en-GB", "viewport": {"width": 1100, "height": 900}}, {}),
    (
        "es",
        {
            "locale": "es-MX",
            "viewport": {"width": 390, "height": 844},
            "is_mobile": True,
            "has_touch": True,
            "device_scale_factor": 2,
        },
        {"revolving_utilisation_ratio": "0,42"},
    ),
)


def visit(address: str, folder: Path) -> list[dict[str, object]]:
    """Return for each language what the person saw."""
    seen = []
    with sync_playwright() as playwright, launch(playwright) as chromium:
        for language, device, answers in VISITS:
            page = chromium.new_context(**device).new_page()
            page.goto(address)
            page.screenshot(path=folder / f"form_{language}.png")
            fill(page, **answers)
            send(page)
            page.wait_for_selector("#verdict", timeout=30_000)
            page.wait_for_timeout(400)
            page.screenshot(path=folder / f"decision_{language}.png")
            page.locator(".letter").screenshot(path=folder / f"letter_{language}.png")
            seen.append(
                {
                    "language": page.locator("html").get_attribute("lang"),
                    "verdict": page.locator("#verdict").inner_text(),
                    "points": page.locator(".figures dd").first.inner_text(),
                    "reasons": page.locator(".effects li").all_inner_texts(),
                    "decision_id": page.locator(".letter dd").nth(1).inner_text(),
                }
            )
    return seen


if __name__ == "__main__":
    print(json.dumps(visit(sys.argv[1], Path(sys.argv[2]))))
