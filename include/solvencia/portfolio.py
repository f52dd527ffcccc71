"""A portfolio folder, read and checked into frozen dataclasses.

Standard library only: Lambdas, DAG parsing, jobs and endpoints all import it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from solvencia import layout, policy
from solvencia.faults import PermanentFault
from solvencia.policy import Band, Decisions

TYPES = ("integer", "number", "text", "date")
ROLES = ("id", "time", "label", "decision", "protected", "feature", "derived", "ignored")
CHALLENGERS = ("scorecard", "boosting", "blend")  # in ascending complexity
REDUCTIONS = ("none", "selection", "pca")
REJECT_INFERENCES = ("none", "parcelling")


class InvalidPortfolio(PermanentFault):
    """The portfolio file has faults; `problems` names each with its key and its cure."""

    def __init__(self, source: Path, problems: list[str]) -> None:
        super().__init__(f"{source}: {len(problems)} fault(s)\n" + "\n".join(problems))
        self.problems = problems


class UnknownPortfolio(PermanentFault):
    """No folder of that name; the message lists those that exist."""


@dataclass(frozen=True)
class Table:
    """One table of the warehouse: `columns` maps name to one of TYPES, in order."""

    name: str
    key: tuple[str, ...]
    time: str
    columns: Mapping[str, str]
    source: str = ""  # the table's name in the warehouse, where it is another one

    @property
    def source_name(self) -> str:
        """What the warehouse calls the table, its schema before a dot if need be."""
        return self.source or self.name


@dataclass(frozen=True)
class Field:
    """One field of a prepared application; bounds are inclusive, in `unit`.

    A field that is not `citable` may move a score and is never given as a reason. What makes a
    derived field is `sum_of` or `sentinel_of` of its own, or another's `amount_when_missing`.
    """

    name: str
    role: str
    type: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    nullable: bool = False
    citable: bool = True
    monotone: int = 0
    sentinels: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    bands: tuple[float, ...] = ()  # where the report's groups of a protected number start
    amount_when_missing: Mapping[str, str] = field(default_factory=dict)
    sum_of: Mapping[str, float] = field(default_factory=dict)  # weights of the parts
    sentinel_of: str = ""  # the number whose sentinels' meanings are the categories
    help: Mapping[str, str] = field(default_factory=dict)
    reason: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_numeric(self) -> bool:
        """Whether values are numbers; a text field is coded by its categories."""
        return self.type in ("integer", "number")


@dataclass(frozen=True)
class Label:
    field: str
    window_months: int


@dataclass(frozen=True)
class Split:
    test_months: int
    validation_percent: int
    parts: int


@dataclass(frozen=True)
class Scaling:
    """A score of `points` means odds of `odds` good to one bad; `pdo` points double them."""

    points: float
    odds: float
    pdo: float


@dataclass(frozen=True)
class Modelling:
    """Which kinds of model compete, on which input, and whether declined applications train too.

    `challengers` are kinds in ascending complexity: a tie goes to the earlier. `reduction` is
    "none", "selection" (by information value and correlation) or "pca". `declined_odds_factor`,
    an assumption, is None where `reject_inference` is "none".
    """

    challengers: tuple[str, ...] = CHALLENGERS
    reduction: str = "none"
    iv_min: float = 0.02
    correlation_max: float = 0.95
    variance_share: float = 0.95  # what the principal components keep
    reject_inference: str = "none"
    declined_odds_factor: float | None = None  # how many times the odds that their values say


@dataclass(frozen=True)
class Gate:
    """Bounds of promotion, measured out of time; None is a bound that the portfolio leaves out.

    Always required beside them: no worse than the champion beyond noise, monotone as declared,
    and trained under these very rules.
    """

    auc_min: float
    ece_max: float
    rows_min: int
    ks_min: float | None = None
    brier_max: float | None = None
    psi_max: float | None = None  # of the score against training
    csi_max: float | None = None  # of each feature against training
    feature_auc_max: float | None = None  # of each feature alone: above it lies a leak
    impact_ratio_min: float | None = None  # of each protected attribute's groups
    opportunity_difference_max: float | None = None


@dataclass(frozen=True)
class Fairness:
    """The cut-off at which the evaluation report judges approvals; it decides nothing else."""

    approve_points: float


@dataclass(frozen=True)
class Schedule:
    start: date
    end: date | None = None


@dataclass(frozen=True)
class Portfolio:
    """One lender's product, declared; `fingerprint` changes with any rule that a model rests on."""

    name: str
    title: Mapping[str, str]
    owner: str
    schedule: Schedule
    label: Label
    split: Split
    scaling: Scaling
    modelling: Modelling
    gate: Gate
    fairness: Fairness
    tables: Mapping[str, Table]
    fields: Mapping[str, Field]
    fingerprint: str
    warehouse: str = "warehouse"  # the Airflow connection of the lender's database
    bands: tuple[Band, ...] = policy.UNDECIDED  # from best to worst
    decisions: Decisions = policy.DEFAULT

    def with_role(self, *roles: str) -> tuple[Field, ...]:
        """Return the fields of these roles, in the portfolio's order."""
        return tuple(each for each in self.fields.values() if each.role in roles)

    @property
    def policy_digest(self) -> str:
        """What names the bands and cut-offs; it is no part of the fingerprint."""
        return policy.digest(self.bands)

    @property
    def key(self) -> Field:
        """The field that identifies an application."""
        return self.with_role("id")[0]

    @property
    def time(self) -> Field:
        """The application's date: it decides the vintage."""
        return self.with_role("time")[0]

    @property
    def decision_field(self) -> Field | None:
        """What was decided on an application, 1 approved or 0 declined, where declined are kept."""
        return next(iter(self.with_role("decision")), None)

    @property
    def features(self) -> tuple[Field, ...]:
        """What the model sees, in its order; never a protected field."""
        return self.with_role("feature", "derived")

    @property
    def request_fields(self) -> tuple[Field, ...]:
        """What an applicant gives for a score."""
        return self.with_role("feature")

    @property
    def prepared_fields(self) -> tuple[Field, ...]:
        """What `prepare.sql` yields for each application; `derived` fields come later."""
        return tuple(each for each in self.fields.values() if each.role != "derived")


def names(root: Path = layout.PORTFOLIOS) -> tuple[str, ...]:
    """Return the names of all portfolios, sorted."""
    return tuple(sorted(each.parent.name for each in root.glob("*/portfolio.toml")))


@functools.cache
def load(name: str, root: Path = layout.PORTFOLIOS) -> Portfolio:
    """Read one portfolio; raise UnknownPortfolio, or InvalidPortfolio naming every fault."""
    from solvencia import portfolio_file  # which builds the classes above

    source = root / name / "portfolio.toml"
    if not source.is_file():
        raise UnknownPortfolio(f"no portfolio {name!r}: there are {', '.join(names(root))}")
    return portfolio_file.read(source, name)
