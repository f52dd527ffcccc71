"""How a person's browser is started, and how a person fills the form."""

import os

CHROMIUM = os.environ.get("CHROMIUM", "chromium")
MISSING = (
    "no Chromium was found: install it (Debian: apt-get install chromium), or name another "
    "one by CHROMIUM=/path/to/chromium"
)
ANSWERS = {
    "consumer_credit": {
        "revolving_utilisation_ratio": "0.42",
        "past_due_30_59_days_count": "1",
        "past_due_60_89_days_count": "0",
        "past_due_90_days_count": "0",
        "debt_ratio": "0.31",
        "monthly_income_usd": "5400",
        "open_credit_lines_count": "7",
        "real_estate_loans_count": "1",
        "dependents_count": "",
    }
}


def launch(playwright):
    """Start Chromium; a root user, as in a container, has no sandbox for it."""
    import shutil

    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=shutil.which(CHROMIUM), args=options)


def fill(page, name="consumer_credit", **other):
    """Type the answers of a portfolio as a person does."""
    for field, text in {**ANSWERS[name], **other}.items():
        page.locator(f"#f-{field}").fill(text)


def send(page):
    """Press the button."""
    page.locator("#send").click()


def problem(page, field):
    """Return what stands below a question."""
    return page.locator(f"#e-{field}").inner_text()


def answered(page):
    """Send, and wait for the verdict."""
    send(page)
    page.wait_for_selector("#verdict")
