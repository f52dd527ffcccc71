"""A lender that declined applications, as a CSV file, and what its portfolio must say of them."""

import csv

import numpy as np

ROWS = 16_000
NAME = "cash_loans"
COLUMNS = (
    "loan_id", "applied_on", "card_use", "late_count", "income_usd", "years_at_job",
    "is_approved", "outcome",
)  # fmt: skip
WINDOW = """
        AND o.closed_on >= date_add('month', {{ params.window_months }}, a.applied_on)
        AND o.closed_on < date_add('month', 1, date '{{ partition_key }}-01')
"""
DECIDED = """
        AND (
            a.is_approved = 1
            AND o.closed_on >= date_add('month', {{ params.window_months }}, a.applied_on)
            AND o.closed_on < date_add('month', 1, date '{{ partition_key }}-01')
            OR a.is_approved = 0
            AND date_add('month', {{ params.window_months }}, a.applied_on)
                < date_add('month', 1, date '{{ partition_key }}-01')
        )
"""
PREPARED = "(SELECT count(*) FROM prepared WHERE period = '{{ partition_key }}'"
DECLINED = f"{PREPARED} AND is_approved = 0) AS declined"
# At 3, nearer to the truth, the PDs of the approved grow beyond the gate's bound on calibration.
INFERENCE = '[model]\nreject_inference = "parcelling"\ndeclined_odds_factor = 2\n\n'
ROLE = "[fields.is_approved]\nrole = "
EDITS = {
    "portfolio.toml": [
        (f'{ROLE}"feature"', f'{ROLE}"decision"'),
        ("[gate]\n", f"{INFERENCE}[gate]\n"),
    ],
    "prepare.sql": [
        ("JOIN outcomes", "LEFT JOIN outcomes"),
        ("    o.outcome,\n", "    CASE WHEN a.is_approved = 1 THEN o.outcome END AS outcome,\n"),
        (WINDOW.replace("        AND", "    AND"), DECIDED),
    ],
    "reconcile.sql": [
        (
            "        applied_on,\n        row",
            "        applied_on,\n        is_approved,\n        row",
        ),
        ("JOIN outcomes", "LEFT JOIN outcomes"),
        (WINDOW, DECIDED),
        (f"{PREPARED}) AS prepared", f"{PREPARED}) AS prepared,\n    {DECLINED}"),
    ],
}


def write(path):
    """Write the lender's export; return {loan_id: (is declined, is bad)}, which it cannot know.

    It declined by the use of cards and by a letter that no column records and that makes the
    odds of default four times as high.
    """
    rng = np.random.default_rng(7)
    use, late = rng.beta(0.8, 1.6, ROWS).round(3), rng.poisson(0.4, ROWS)
    income, years = rng.lognormal(8.3, 0.5, ROWS).round(0), rng.integers(0, 25, ROWS)
    has_letter = rng.random(ROWS) < 0.35
    log_odds = -3 + 2.3 * use + 0.5 * late - 0.4 * np.log(income / 4000) + np.log(4) * has_letter
    is_bad = rng.random(ROWS) < 1 / (1 + np.exp(-log_odds))
    is_declined = (has_letter & (rng.random(ROWS) < 0.8)) | ((use > 0.8) & (rng.random(ROWS) < 0.7))
    months = np.datetime64("2023-01") + np.sort(rng.integers(0, 42, ROWS))
    days = months.astype("datetime64[D]") + rng.integers(0, 28, ROWS)
    outcome = np.where(is_declined, "", np.where(is_bad, "bad", "good"))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        given = (use, late, income, years, (~is_declined).astype(int), outcome)
        writer.writerows(zip(range(1, ROWS + 1), days, *given, strict=True))
    known = zip(is_declined.tolist(), is_bad.tolist(), strict=True)
    return dict(enumerate(known, start=1))


def edit(folder):
    """Make the draft say who was declined, as docs/your-portfolio.md tells."""
    for name, pairs in EDITS.items():
        text = (folder / name).read_text()
        for old, new in pairs:
            assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times"
            text = text.replace(old, new)
        (folder / name).write_text(text)
