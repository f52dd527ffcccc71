"""The draft's portfolio.toml: commented, for a credit officer to read and correct."""

from __future__ import annotations

import json
from dataclasses import dataclass

from drafting import names
from drafting.baseline import Baseline
from drafting.plan import CLOSED_ON, Decided, Plan
from drafting.sql_files import APPLICATION, OUTCOME, view_names

MARK = "# Drafted by `make portfolio`; remove this line once it is yours: FORCE=1 then spares it."
SMALL_ROWS, SMALL_VALIDATION_ROWS = 20_000, 4_000


@dataclass(frozen=True)
class Naming:
    """How the product and its warehouse are called."""

    name: str
    title: str
    owner: str
    connection_id: str
    table: str = ""  # the lender's own; empty for a file, whose warehouse is laid out here


def write(plan: Plan, baseline: Baseline, naming: Naming) -> str:
    """Return the file's text."""
    parts = [
        _head(plan, naming),
        _sections(plan, baseline, naming),
        _tables(plan, naming),
        _fields(plan),
    ]
    return "\n".join(parts)


def _head(plan: Plan, naming: Naming) -> str:
    target = plan.target
    lines = [
        MARK,
        f"# {naming.title}: drafted from {plan.source.name.rpartition('/')[2]}, {plan.source.rows:,} rows"
        + (f" of {plan.source.total:,}." if plan.source.total > plan.source.rows else "."),
        f"# {target.bads:,} bad of {target.known:,} known outcomes ({target.bad_rate:.1%}); bad is "
        f"{json.dumps(target.bad, ensure_ascii=False)}, {target.note}.",
        "# REVIEW, in this order: the label and its window; what was taken for a leak; what is",
        "# protected; codes of missing values; bounds and directions; reason texts; the gate.",
        *(f"# {each[0].upper()}{each[1:]}." for each in plan.notes),
        "# docs/your-portfolio.md explains every key. After a change: make contracts.",
    ]
    return "\n".join(line for text in lines for line in _wrap(text)) + "\n"


def _wrap(text: str, width: int = 100) -> list[str]:
    lines, words = [""], text.removeprefix("# ").split(" ")
    for word in words:
        if len(lines[-1]) + len(word) + 3 > width and lines[-1]:
            lines.append("")
        lines[-1] += f" {word}"
    return [f"#{each}" for each in lines]


def _sections(plan: Plan, baseline: Baseline, naming: Naming) -> str:
    months, scaling = plan.calendar, baseline.scaling
    made = "  # the dates are made" if months.is_made else ""
    psi = "psi_max = 0.25" if baseline.test_rows >= 2000 else "# psi_max = 0.25"
    window = (
        "the outcome is known so long after the application; views.sql says it, too"
        if naming.table
        else "to change it, draft again with WINDOW=: the warehouse's dates follow it"
    )
    validation = 30 if baseline.train_rows < SMALL_VALIDATION_ROWS else 20
    parts = 4 if plan.source.total >= SMALL_ROWS else 1
    return f"""\
name = {_text(naming.name)}
title = {{ en = {_text(naming.title)}, es = {_text(naming.title)} }}  # review the Spanish
owner = {_text(naming.owner)}
warehouse = {_text(naming.connection_id)}  # the Airflow connection of the database

[schedule]
start = {months.start}  # first month with applications{made}
end = {months.end}    # the last month that is there; leave it out for a product that goes on

[label]
field = "{plan.target.column.name}"
window_months = {months.window_months}  # REVIEW: {window}

[split]
test_months = {months.test_months}  # the newest matured vintages are the out-of-time test
validation_percent = {validation}  # of the older applications, chosen by a hash of the key
parts = {parts}  # files the prepared data is cut into

[scaling]  # the average applicant of this file has about {scaling.points:g} points
points = {scaling.points:g}  # a score of this many points …
odds = {scaling.odds:g}  # … means this many good loans for each bad one
pdo = {scaling.pdo:g}  # points that double the odds

[gate]
# A quick model of the drafted features reached AUC {baseline.auc:.3f} on the {baseline.test_rows:,} newest matured rows;
# the bound leaves {baseline.margin:.3f} to chance. Raise it once a real model has run; lower it when
# you take a strong field out (or draft again with SKIP=field: the bound follows).
auc_min = {baseline.auc_min:g}
ece_max = {baseline.ece_max:g}  # twice what a perfect model shows on a test of this size
rows_min = {baseline.rows_min}  # half of the test's rows
feature_auc_max = 0.9  # a single field above it is a leak
{psi}  # of the score against training; wants a test of 2,000 rows
# impact_ratio_min = 0.8  # of protected groups: set it once you have read the fairness report

[fairness]
approve_points = {baseline.approve_points:g}  # the quick model would approve about 80 % here; set your cut-off

# ---- what a score leads to: policy, which changes without a new model ------------------------
# REVIEW: best band first; whoever is in no band above falls into the last one.
{_bands(baseline)}
[decisions]
keep_months = 60  # in the decision log; within five years an applicant may sue (15 U.S.C. 1691e(f))

"""


def _bands(baseline: Baseline) -> str:
    """Approve from the quick model's cut-off, leave the next half of the odds to a person."""
    cut, pdo = baseline.approve_points, baseline.scaling.pdo
    rows = (
        ("A", cut + 2 * pdo, "approve"),
        ("B", cut + pdo, "approve"),
        ("C", cut, "approve"),
        ("D", cut - pdo, "refer"),
    )
    blocks = [
        f'[[bands]]\nname = "{name}"\npoints_min = {points:g}\ndecision = "{decision}"\n'
        for name, points, decision in rows
    ]
    return "\n".join([*blocks, '[[bands]]\nname = "E"\ndecision = "decline"\n'])


def _tables(plan: Plan, naming: Naming) -> str:
    key, time = plan.key.name, plan.time.name
    sources = view_names(naming.table, naming.name) if naming.table else ("", "")
    held = plan.with_role("id", "time", "protected", "feature", "ignored")
    columns = "\n".join(f'{each.name} = "{_kind(each)}"' for each in held)
    first, second = (f'source = "{each}"\n' if each else "" for each in sources)
    return f"""\
# ---- what the warehouse holds -------------------------------------------------------------

[tables.{APPLICATION}]
{first}key = ["{key}"]
time = "{time}"

[tables.{APPLICATION}.columns]
{columns}

[tables.{OUTCOME}]
{second}key = ["{key}"]
time = "{CLOSED_ON}"
columns = {{ {key} = "{plan.key.kind}", {CLOSED_ON} = "date", {plan.target.column.name} = "integer" }}
"""


def _fields(plan: Plan) -> str:
    blocks = [
        "# ---- one prepared application, field by field ----------------------------------------------\n"
        "# role: id, time, label, protected (audited, never modelled), feature, ignored (carried along)\n"
    ]
    features = [each.name for each in plan.with_role("feature")]
    for role in ("id", "time", "label", "protected", "feature", "ignored"):
        for each in plan.with_role(role):
            code = f"R{features.index(each.name) + 1:02d}" if role == "feature" else ""
            blocks.append(_field(each, plan, code))
    if left_out := plan.with_role(""):
        blocks.append("# Left out of the tables, as nothing may read them:")
        blocks += [
            line
            for each in left_out
            for line in _wrap(f"# {_one_line(each.column.source)}: {'; '.join(each.notes)}")
        ]
    return "\n".join(blocks) + "\n"


def _field(decided: Decided, plan: Plan, code: str) -> str:
    column, relation = decided.column, decided.relation
    lines = [line for note in decided.notes for line in _wrap(f"# {note}")]
    lines += [f"[fields.{column.name}]", f'role = "{decided.role}"', f'type = "{_kind(decided)}"']
    if decided.role in ("feature", "protected"):
        if found := names.unit(column.name):
            lines.append(f"unit = {_text(found)}  # from the name")
        if column.is_numeric:
            known = column.values[~column.is_missing]
            usual = [each for each in (known.min(), known.max()) if each not in decided.codes]
            seen = f"  # observed {usual[0]:g} to {usual[1]:g}" if len(usual) == 2 else ""
            lines.append(f"minimum = {_number(decided.minimum, column.kind)}")
            lines.append(f"maximum = {_number(decided.maximum, column.kind)}{seen}")
        if decided.nullable:
            share = float(column.is_missing.mean())
            lines.append(f"nullable = true  # missing in {share:.1%} of the rows")
        if decided.codes:
            codes = ", ".join(f'"{each:g}" = "not known"' for each in decided.codes)
            lines.append(f"sentinels = {{ {codes} }}  # REVIEW: what each code means")
        if decided.categories:
            lines.append("categories = [" + ", ".join(map(_text, decided.categories)) + "]")
        if decided.bands:
            lines.append(
                f"bands = {list(decided.bands)}  # where the fairness report's groups start"
            )
    if decided.role == "label":
        lines += ["minimum = 0", "maximum = 1"]
    if decided.role == "feature":
        if decided.monotone:
            word = "more" if decided.monotone > 0 else "less"
            lines.append(
                f"monotone = {decided.monotone}  # the higher, the {word} risk, in every bin"
            )
        english, spanish = names.reason(column.name)
        lines.append(
            f'reason = {{ code = "{code}", en = {_text(english)}, es = {_text(spanish)} }}  # REVIEW'
        )
    if column.source and decided.role != "ignored":
        text = _text(_one_line(column.source))
        lines.append(f"help = {{ en = {text}, es = {text} }}")
    if relation and decided.role in ("feature", "protected"):
        lines.append(f"# alone: AUC {relation.auc:.3f}")
    return "\n".join(lines) + "\n"


def _kind(decided: Decided) -> str:
    return "integer" if decided.role == "label" else decided.column.kind


def _number(value: float | None, kind: str) -> str:
    number = value or 0.0
    return f"{int(number):_}" if number.is_integer() or kind == "integer" else f"{number:.12g}"


def _text(value: str) -> str:
    """Return a TOML basic string."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return " ".join(text.split())
