"""Who lets a model version go live: when a person is asked, and which answers count."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from solvencia.faults import PermanentFault
from solvencia.registry import APPROVED, PENDING, REJECTED

AUTOMATIC = "automatic"

BY_A_PERSON = "by a person"
OVERRIDE = "override"

APPROVE = "Approve"
REJECT = "Reject"
OVERRIDE_REASON_CHARACTERS_MIN = 20
SUBJECT_CHARACTERS_MAX = 100  # of SNS
_METRICS = ("auc", "gini", "ks", "brier", "ece", "psi", "rows")


class AnswerRefused(PermanentFault):
    """An approval that does not count: of the wrong person, or without its reason."""


@dataclass(frozen=True)
class Decision:
    """One decision on a version; `mode` is "automatic", "by a person" or "override"."""

    status: str
    mode: str
    by: str
    at: str
    reason: str
    triggered_by: str

    def as_dict(self) -> dict[str, str]:
        """Return what facts.json holds of it."""
        return asdict(self)


@dataclass(frozen=True)
class Answer:
    """What a person chose, with a reason; `names` are all that Airflow knows the person by."""

    choice: str
    reason: str
    by: str
    names: tuple[str, ...]
    at: str


def first_status(
    refusals: Collection[str], before: Mapping[str, Any] | None, status: str | None
) -> str:
    """Return the status of a version that was just evaluated, perhaps not for the first time.

    A decision stands as long as the gate says what it said when the decision was made. An approval
    that the registry has and the facts have not is nobody's: the version waits for another.
    """
    if before and before["refusals"] == list(refusals):
        known = (status, before["status"])
        if REJECTED in known:
            return REJECTED
        if known == (APPROVED, APPROVED):
            return APPROVED
    return REJECTED if refusals else PENDING


def is_override(status: str, facts: Mapping[str, Any]) -> bool:
    """Whether letting this version live goes against the gate or a person's rejection."""
    return REJECTED in (status, facts["status"]) or bool(facts["refusals"])


def is_settled(status: str, facts: Mapping[str, Any]) -> bool:
    """Whether an approval that is on record stands."""
    return status == APPROVED and facts["approval"] is not None


def needs_person(setting: str, status: str, facts: Mapping[str, Any], is_promotion: bool) -> bool:
    """Whether a person must be asked.

    A build asks once for each version, a promotion each time, unless the deployment approves by
    itself; what the gate or a person rejected, no deployment approves by itself.
    """
    if not is_promotion and is_settled(status, facts):
        return False
    return setting != AUTOMATIC or is_override(status, facts)


def check_request(version: str, reason: str, owners: Collection[str], is_override: bool) -> None:
    """Refuse to ask for an override without a known requester and a written reason."""
    if not is_override:
        return
    if len(reason.strip()) < OVERRIDE_REASON_CHARACTERS_MIN:
        raise AnswerRefused(
            f"{version} is rejected, or refused by today's gate: to override that takes a written "
            f"`reason` of at least {OVERRIDE_REASON_CHARACTERS_MIN} characters; trigger promote "
            "again with one"
        )
    if not owners:
        raise AnswerRefused(
            f"{version} is rejected, or refused by today's gate: an override takes two persons, "
            "and nobody knows who started this run; trigger promote in Airflow's UI or REST API, "
            "logged in by name"
        )


def check_answer(answer: Answer, owners: Collection[str], is_override: bool) -> None:
    """Raise AnswerRefused unless another person than the run's owner gave a reason."""
    if not answer.names:
        raise AnswerRefused(
            "nobody knows who answered: clear the task `ask`, and let a person answer, logged in "
            "by name"
        )
    owned = {each.casefold() for each in owners}
    if owned & {each.casefold() for each in answer.names}:
        raise AnswerRefused(
            f"{answer.by} started this run (or the one that caused it) and may not decide on it: "
            "clear the task `ask`, and let another person answer"
        )
    least = OVERRIDE_REASON_CHARACTERS_MIN if is_override else 1
    if len(answer.reason.strip()) < least:
        raise AnswerRefused(
            f"the answer of {answer.by} has no `reason`"
            + (f" of at least {least} characters, as an override needs" if is_override else "")
            + ": clear the task `ask` and answer again"
        )


def check_unasked(
    version: str, setting: str, status: str, facts: Mapping[str, Any], is_promotion: bool
) -> None:
    """Refuse to go on without an answer where, as the version stands now, a person decides."""
    if needs_person(setting, status, facts, is_promotion):
        raise AnswerRefused(
            f"{version} has status {status}, {len(facts['refusals'])} refusals of the gate, and "
            "nobody was asked: clear the task `ask`, and this one with it"
        )


def decide(
    answer: Answer | None,
    status: str,
    facts: Mapping[str, Any],
    *,
    triggered_by: str,
    requested: str,
    now: str,
) -> Decision | None:
    """Return the decision that an answer makes; None leaves the one that stands.

    Without an answer the deployment approves by itself. `requested` is why a promotion was
    started.
    """
    if answer is None:
        if is_settled(status, facts) and not requested.strip():
            return None
        reason = (
            requested.strip() or "the gate refused nothing, and SOLVENCIA_APPROVAL is automatic"
        )
        return Decision(APPROVED, AUTOMATIC, AUTOMATIC, now, reason, triggered_by)
    if answer.choice != APPROVE:
        return Decision(
            REJECTED, BY_A_PERSON, answer.by, answer.at, answer.reason.strip(), triggered_by
        )
    mode = OVERRIDE if is_override(status, facts) else BY_A_PERSON
    reason = answer.reason.strip()
    if requested.strip():
        reason = f"{requested.strip()} ({triggered_by}); {reason} ({answer.by})"
    return Decision(APPROVED, mode, answer.by, answer.at, reason, triggered_by)


def question(
    facts: Mapping[str, Any],
    status: str,
    *,
    triggered_by: str,
    requested: str,
    live: str,
    folder: str,
) -> tuple[str, str]:
    """Return subject and Markdown body of the request.

    `live` is the version on the endpoint now, `folder` the URI of this version.
    """
    metrics, override = facts["metrics"], is_override(status, facts)
    verb = "Override the rejection of" if override else "Approve"
    subject = f"{verb} {facts['version']} of {facts['portfolio']}?"
    rows = [f"| {name} | {metrics[name]:.6g} |" for name in _METRICS if _is_number(metrics, name)]
    lines = [
        f"Portfolio **{facts['portfolio']}**, period **{facts['period']}**, status **{status}**. "
        f"Live now: {live or 'nothing'}.",
        "",
        "| out of time | |",
        "|---|---|",
        *rows,
        "",
    ]
    lines += (
        ["The gate refused it:", *(f"- {each}" for each in facts["refusals"])]
        if facts["refusals"]
        else ["The gate refused nothing."]
    )
    if override:
        lines += ["", f"Going live goes against that. {triggered_by} asks because: {requested}"]
    elif requested:
        lines += ["", f"{triggered_by} asks because: {requested}"]
    least = OVERRIDE_REASON_CHARACTERS_MIN if override else 1
    lines += [
        "",
        f"Report: `{folder}evaluation/report.html`  ",
        f"Evidence pack: `{folder}evidence/index.html`",
        "",
        f"Started by {triggered_by}, who may not answer. Say why in `reason`"
        + (f", in at least {least} characters." if override else "."),
    ]
    return subject, "\n".join(lines)


def rejection(facts: Mapping[str, Any], decision: Decision, run: str) -> tuple[str, str]:
    """Return subject and text of the mail that says that a person turned a version down."""
    subject = f"[Solvencia] a person rejected a model of {facts['portfolio']}"
    lines = [
        f"Version: {facts['version']}",
        f"Period:  {facts['period']}",
        f"By:      {decision.by}, {decision.at}",
        f"Run:     {run}, started by {decision.triggered_by}",
        "",
        decision.reason,
        "",
        f"Its status is {facts['status']}; this run deploys nothing. promote_{facts['portfolio']} "
        "takes a reason and a second person to put it live all the same.",
    ]
    return subject[:SUBJECT_CHARACTERS_MAX], "\n".join(lines)


def _is_number(metrics: Mapping[str, Any], name: str) -> bool:
    value = metrics.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool)
