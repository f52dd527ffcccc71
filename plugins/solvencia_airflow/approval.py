"""Asking a person, in Airflow's own way, and recording what was decided by whom and why."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context

from solvencia import approval, portfolio
from solvencia.settings import Settings
from solvencia_airflow.aws import client

REASON = Param(
    "", type="string", title="Reason", description="Why: it is kept with the version and your name"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Owners:
    """Who started a run: `names` of persons, and a text that says it."""

    names: tuple[str, ...]
    text: str


class AskOperator(HITLOperator):  # type: ignore[misc]
    """Asks a person whether a version may go live, or nobody where nobody needs to be asked.

    The answer of the person who started the run is refused, as is one without a reason; its only
    parameter is `reason`.
    """

    template_fields: Sequence[str] = ("version", "requested", *HITLOperator.template_fields)

    def __init__(
        self, *, portfolio: str, version: str, requested: str, is_promotion: bool, **kwargs: Any
    ) -> None:
        super().__init__(
            subject=f"May a model of {portfolio} go live?",
            options=[approval.APPROVE, approval.REJECT],
            **kwargs,
        )
        self.portfolio = portfolio
        self.version = version
        self.requested = requested
        self.is_promotion = is_promotion

    def execute(self, context: Any) -> Any:
        """Park the task until someone answers; return None at once if nobody is needed."""
        from solvencia import deploy, version

        settings = Settings.from_env()
        status, facts = self._judge()
        if not approval.needs_person(settings.approval, status, facts, self.is_promotion):
            log.info("Nobody is asked: status %s, approval %s.", status, settings.approval)
            return None
        approval.check_request(
            self.version,
            self.requested,
            find_owners(context).names,
            approval.is_override(status, facts),
        )
        self.subject, self.body = approval.question(
            facts,
            status,
            triggered_by=find_owners(context).text,
            requested=self.requested,
            live=deploy.find_live(client("sagemaker"), settings.endpoint(self.portfolio)),
            folder=version.folder(settings, self.portfolio, self.version),
        )
        self.params["reason"] = ""  # Airflow fills in the one that a promotion was started with
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Return the answer; raise AnswerRefused if it does not count."""
        answered = super().execute_complete(context, event)
        answer = read_answer(answered)
        status, facts = self._judge()
        is_override = approval.is_override(status, facts)
        approval.check_answer(answer, find_owners(context).names, is_override)
        log.info("%s: %s.", answer.by, answer.choice)
        return answered

    def _judge(self) -> tuple[str, dict[str, Any]]:
        """Return the version's status, and its facts as today's gate judges them."""
        from solvencia import deploy

        status, facts, _ = read(self.portfolio, self.version)
        return status, deploy.judge(facts, portfolio.load(self.portfolio))


def approve(
    name: str, own: str, answered: dict[str, Any] | None, requested: str, is_promotion: bool
) -> str:
    """Record who decided what, when and why, in the registry and the facts; return the decision.

    It is decided on what today's gate says. A promotion that is turned down leaves the version's
    status and refusals as they were. A rejection is mailed. An answer that this run has recorded
    already is not recorded again: it was given on what stood then.
    """
    from solvencia import deploy, registry, version

    context = get_current_context()
    run = f"{context['dag_run'].dag_id} {context['dag_run'].run_id}"
    settings, s3, sagemaker = Settings.from_env(), client("s3"), client("sagemaker")
    status, facts, etag = read(name, own)
    judged = deploy.judge(facts, portfolio.load(name))
    answer = read_answer(answered) if answered else None
    if answer is None:
        approval.check_unasked(own, settings.approval, status, judged, is_promotion)
    elif recorded := version.find_decision(facts, run, answer):
        log.info("The answer of %s is recorded already.", answer.by)
        return recorded
    decision = approval.decide(
        answer,
        status,
        judged,
        triggered_by=find_owners(context).text,
        requested=requested,
        now=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if decision is None:
        log.info("The approval of %s stands.", own)
        return status
    if is_promotion and decision.status == registry.REJECTED:
        facts = version.note(facts, decision, run)
    else:
        facts = version.record(judged, decision, run)
        registry.set_status(
            sagemaker,
            registry.get(sagemaker, settings.package_group(name), own),
            decision.status,
            version.describe(facts),
            {**version.approval_metadata(facts), "refusals_count": len(facts["refusals"])},
        )
    if decision.status == registry.REJECTED:
        subject, message = approval.rejection(facts, decision, run)
        client("sns").publish(TopicArn=settings.alerts_topic_arn, Subject=subject, Message=message)
    version.write_facts(s3, settings, facts, etag)
    log.info("%s is %s, %s: %s", own, decision.status, decision.mode, decision.by)
    return decision.status


def read(name: str, own: str) -> tuple[str, dict[str, Any], str]:
    """Return a version's status, as the registry has it now, its facts and their ETag."""
    from solvencia import registry, version

    settings = Settings.from_env()
    package = registry.get(client("sagemaker"), settings.package_group(name), own)
    facts, etag = version.open_facts(client("s3"), settings, name, own)
    if facts is None:
        raise version.NotWhole(name, own)
    return package.status, facts, etag


def read_answer(answered: dict[str, Any]) -> approval.Answer:
    """Return what a person answered in Airflow."""
    user = answered["responded_by_user"] or {}
    names = tuple(str(user[key]) for key in ("name", "id") if user.get(key))
    at = answered["responded_at"]
    return approval.Answer(
        choice=answered["chosen_options"][0],
        reason=str((answered["params_input"] or {}).get("reason") or ""),
        by=names[0] if names else "",
        names=names,
        at=at if isinstance(at, str) else at.astimezone(UTC).isoformat(timespec="seconds"),
    )


def find_start() -> datetime:
    """Return when this run was created, however often it was cleared since."""
    created: datetime = get_current_context()["dag_run"].run_after
    return created.astimezone(UTC)


def find_owners(context: Any = None) -> Owners:
    """Return who started this run, or the runs whose data started it."""
    context = context or get_current_context()
    user = context["dag_run"].triggering_user_name
    if user:
        return Owners((user,), user)
    events = [each for found in context["triggering_asset_events"].values() for each in found]
    sources = [each.source_dag_run for each in events]
    names = {each.triggering_user_name for each in sources if each and each.triggering_user_name}
    runs = sorted({f"{each.source_dag_id} {each.source_run_id}" for each in events})
    text = f"the data of {', '.join(runs)}" if runs else "the schedule"
    return Owners(tuple(sorted(names)), f"{text} ({', '.join(sorted(names))})" if names else text)
