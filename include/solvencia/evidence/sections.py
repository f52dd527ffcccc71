"""How a page of evidence is laid out: sections of named facts and tables, below one header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from solvencia.evidence import law
from solvencia.evidence.facts import Facts
from solvencia.page import heading, links, paragraph, table, terms, whole

PAGES = {
    "index.html": "Overview",
    "model_card.html": "Model card",
    "validation_report.html": "Validation report",
    "data_sheet.html": "Data sheet",
    "fairness_report.html": "Fairness report",
    "champion_change.html": "Change against the champion",
}


@dataclass(frozen=True)
class Table:
    """A table: texts by row; `flagged` numbers the rows that want a reader's eye."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    flagged: Sequence[int] = ()
    kind: str = "texts"  # or "" for figures, to the right


@dataclass(frozen=True)
class Section:
    """A heading with a text, named facts, tables and HTML of its own, in this order."""

    title: str
    text: str = ""
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    html: Sequence[str] = ()

    def render(self) -> list[str]:
        """Return the section's HTML."""
        return [
            heading(self.title),
            *([paragraph(self.text)] if self.text else []),
            *([terms(self.facts)] if self.facts else []),
            *(
                table(each.caption, each.head, each.rows, each.flagged, each.kind)
                for each in self.tables
            ),
            *self.html,
        ]


def lay_out(facts: Facts, sections: Sequence[Section], rules: Sequence[str]) -> str:
    """Return a whole page: header, sections, the rules that it answers to, digests."""
    title = f"{facts.text('portfolio.title.en')}: {PAGES[facts.page].lower()}"
    return whole(
        title,
        links("Evidence pack", list(PAGES.items())),
        heading(title, 1),
        paragraph(
            f"Version {facts.text('facts.version')}, period {facts.text('facts.period')}, "
            f"registered {moment(facts, 'facts.registered_at')}, "
            f"status {facts.text('facts.status')}.",
            "small",
        ),
        *(part for each in sections for part in each.render()),
        *Section(
            "Rules", law.NO_ADVICE, html=[paragraph(each, "small") for each in rules]
        ).render(),
        paragraph(
            "Generated from the facts of this version: model "
            f"{facts.text('facts.metrics.model.digest')}, rules "
            f"{facts.text('facts.metrics.model.fingerprint')}.",
            "small",
        ),
    )


def moment(facts: Facts, path: str) -> str:
    """Return an instant to the second, in UTC as it was written down."""
    return facts.text(path)[:19].replace("T", " ")


def spoken(name: str) -> str:
    """Return a field's name in words."""
    return name.replace("_", " ")
