"""What becomes of a finding: a warning, evidence of an open one, the reviewers' queue, or nothing (domain.md D.2, F.2).

A finding is taken once, by its id. Whether it raises or attaches is decided here, where warnings are written, under the
database's unique key for open warnings; ``raised_at`` is always the server's ``now``, however late the finding came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from alerts import raising, review
from alerts.raising import Merge
from alerts.review import ReviewDue
from casework import charging
from casework.desk import Work, merchant_of
from casework.handling import attach, change, event_of, record
from casework.outbound import tell_finding, tell_warning
from domain.errors import BadInput, Code, Conflict, Forbidden, IllegalTransition, KitchenError, NotFound, Unavailable
from domain.events import Event, EventName
from domain.findings import Finding, FindingState
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Role
from domain.warnings import Evidence, Warning
from store.ports import AuditStep, UnitOfWork

ENTITY = "finding"
REVIEWERS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
TWO_PERSONS = frozenset({"rodent"})
"""Classes that two different people must confirm (domain.md C.9, F.3)."""

FIRST = "first confirmation"


def take(work: Work, finding: Finding, now: datetime) -> list[Event]:
    """Take a finding: the same id again has no effect.

    Raises:
        BadInput: E011 if its merchant is unknown.
    """
    if work.tray.findings[finding.id]:
        return []
    work.merchant(finding.uscc)
    if not finding.automatic or not _has_evidence(work, finding):
        events = [_queue(work, finding, now)]
    else:
        events = settle(work, finding, now, actor=SYSTEM)
    work.tray.findings[finding.id] = True
    return events


def take_all(work: Work, findings: Sequence[Finding], now: datetime) -> list[list[Event] | KitchenError]:
    """Take many, with the outcome they would have one by one; one that is refused leaves no trace, and the others go on."""
    work.expect(item.uscc for item in findings)
    work.tray.findings.expect(item.id for item in findings)
    work.tray.latest.expect(item.open_key for item in findings)
    results: list[list[Event] | KitchenError] = []
    with work.uow.gathering():
        for finding in findings:
            try:
                with work.uow.savepoint():
                    results.append(take(work, finding, now))
            except (Conflict, Unavailable):
                raise
            except KitchenError as error:
                work.tray.forget()
                results.append(error)
    return results


def settle(work: Work, finding: Finding, now: datetime, *, actor: Actor, known: bool = False) -> list[Event]:
    """Raise from a finding or attach it (F.2). Of two workers that raise at once, the second attaches.

    Args:
        known: the finding is already stored, in review.
    """

    def store(state: FindingState, warning_id: str | None) -> None:
        if known:
            work.uow.findings.set_state(finding.id, state, warning_id=warning_id)
        else:
            work.uow.findings.add(finding, state, warning_id=warning_id)

    latest = work.tray.latest[finding.open_key]
    verdict = raising.merge(latest, finding)
    if verdict is Merge.RAISE and (older := work.tray.open_warning(finding.open_key)) is not None:
        latest, verdict = older, Merge.ATTACH
    if verdict is Merge.RAISE:
        try:
            with work.uow.savepoint():
                return [_raise(work, finding, now, actor, store)]
        except Conflict:
            work.tray.forget()
            latest = work.uow.warnings.open_with_key(finding.open_key)
            if latest is None:  # it was not the key after all
                raise
            verdict = Merge.ATTACH
    if verdict is Merge.ATTACH and latest is not None:
        store(FindingState.ATTACHED, latest.id)
        return _attach(work, finding, latest, now, actor)
    store(FindingState.DISCARDED, None)
    return []


def _raise(
    work: Work,
    finding: Finding,
    now: datetime,
    actor: Actor,
    store: Callable[[FindingState, str | None], None],
) -> Event:
    merchant = work.merchant(finding.uscc)
    warning_id = work.desk.new_id(now)
    desk = work.desk
    warning = raising.raise_warning(
        finding, region=merchant.region, rules=desk.rules, warning_id=warning_id, now=now, chains=desk.chains
    )
    work.uow.warnings.add(warning)
    work.tray.raised(warning)
    store(FindingState.RAISED, warning.id)
    kept = _keep_evidence(work, finding, warning)
    record(work.uow, warning, "", now, actor, reason=f"{ENTITY} {finding.id}", evidence_ids=kept)
    timing: dict[str, Any] = {"automatic": finding.automatic, "finding": finding.id}
    if finding.automatic:
        timing["detection_to_alert_seconds"] = max(0.0, (now - finding.detected_at).total_seconds())
    event = event_of(EventName.WARNING_RAISED, warning, actor, now, **timing)
    tell_warning(work, event, warning)
    return event


def _attach(work: Work, finding: Finding, warning: Warning, now: datetime, actor: Actor) -> list[Event]:
    """Attach a finding as evidence, and remind. If it shows a graver violation of the same fact, that is what is charged."""
    kept = _keep_evidence(work, finding, warning)
    after, reason = raising.attach(warning, finding), f"{ENTITY} {finding.id}"
    if after.violation_code != warning.violation_code:
        reason = f"{reason}: {warning.violation_code} → {after.violation_code}"
    event = event_of(EventName.WARNING_ATTACHED, after, actor, now, finding=finding.id)
    stored = change(work, warning, after, event, actor, reason=reason, evidence_ids=kept)
    ruling = charging.propose_if_due(work, stored, now)
    return [event, *(ruling.events if ruling is not None else ())]


def _keep_evidence(work: Work, finding: Finding, warning: Warning) -> list[str]:
    kept = []
    for reference in finding.evidence:
        evidence = Evidence(
            id=derived_id("evidence", warning.id, finding.id, reference.sha256),
            warning_id=warning.id,
            kind=reference.kind,
            sha256=reference.sha256,
            media_type=reference.media_type,
            at=reference.at,
            by=finding.camera or SYSTEM.id,
            finding_id=finding.id,
        )
        if attach(work, evidence):
            kept.append(evidence.id)
    return kept


def _has_evidence(work: Work, finding: Finding) -> bool:
    """Whether every picture a finding cites is really there, unaltered (E060): the store names bytes by their hash."""
    return bool(finding.evidence) and all(work.has(item.sha256) for item in finding.evidence)


def _queue(work: Work, finding: Finding, now: datetime) -> Event:
    clock = review.clock(review.severity_of(finding, work.desk.rules), now)
    work.uow.findings.add(finding, FindingState.REVIEW, review=clock)
    event = _event(work, EventName.FINDING_QUEUED, finding, SYSTEM, now)
    _step(work.uow, finding, SYSTEM, now, before=None, after=FindingState.REVIEW)
    tell_finding(work, event, finding)
    return event


def pass_review_due(work: Work, finding_id: str, now: datetime) -> list[Event]:
    """Tell the team leader of a finding that waits too long, or drop it unseen; a serious one is never dropped (D.2)."""
    stored, clock = work.uow.findings.get(finding_id), work.uow.findings.review(finding_id)
    if stored is None or stored[1] is not FindingState.REVIEW or clock is None:  # decided meanwhile
        return []
    finding, what = stored[0], review.due(clock, now)
    if what is None:
        return []
    if what is ReviewDue.EXPIRE:
        name, after = EventName.FINDING_EXPIRED, FindingState.EXPIRED_UNREVIEWED
        work.uow.findings.set_state(finding_id, after)
    else:
        name, after = EventName.FINDING_ESCALATED, FindingState.REVIEW
        work.uow.findings.set_review(finding_id, replace(clock, escalated=True))
    _step(work.uow, finding, SYSTEM, now, before=FindingState.REVIEW, after=after, reason=what.value)
    event = _event(work, name, finding, SYSTEM, now)
    tell_finding(work, event, finding)
    return [event]


def _event(work: Work, name: EventName, finding: Finding, actor: Actor, now: datetime) -> Event:
    return Event(
        name=name,
        entity_id=finding.id,
        uscc=finding.uscc,
        region=work.merchant(finding.uscc).region,
        at=now,
        data={"class": finding.class_, "rule": finding.rule, "level": finding.level.value, "by": actor.id},
    )


def _step(
    uow: UnitOfWork,
    finding: Finding,
    actor: Actor,
    now: datetime,
    *,
    before: FindingState | None,
    after: FindingState,
    reason: str = "",
) -> None:
    step = AuditStep(
        entity=ENTITY,
        entity_id=finding.id,
        from_state="" if before is None else before.value,
        to_state=after.value,
        at=now,
        actor=actor.id,
        actor_role=actor.role.value,
        reason=reason,
    )
    uow.audit.append(step)


def under_review(uow: UnitOfWork, finding_id: str, actor: Actor, command: str) -> Finding:
    """A finding in the queue that the actor may decide on.

    Raises:
        NotFound: if there is none the actor may know of.
        Forbidden: if the actor is no reviewer.
        IllegalTransition: if it was decided already.
    """
    stored = uow.findings.get(finding_id)
    if stored is None or not actor.may_see(uscc=stored[0].uscc, region=merchant_of(uow, stored[0].uscc).region):
        raise NotFound(f"no finding {finding_id}")
    finding, state = stored
    if actor.role not in REVIEWERS:
        raise Forbidden(f"findings are reviewed by inspectors, not by {actor.role.value}")
    if state is not FindingState.REVIEW:
        raise IllegalTransition(ENTITY, finding_id, state.value, command)
    return finding


def confirm(work: Work, finding_id: str, actor: Actor, now: datetime) -> list[Event]:
    """A reviewer confirms a finding: the warning's clocks start now (section 0.2).

    Returns:
        What happened; nothing yet where a second person must confirm as well.

    Raises:
        BadInput: E060 if its evidence is missing or not what was seen.
    """
    finding = under_review(work.uow, finding_id, actor, "confirm")
    if not _has_evidence(work, finding):
        raise BadInput(Code.SNAPSHOT_MISMATCH, "a finding without evidence cannot be confirmed", where=finding_id)
    if finding.rule in TWO_PERSONS and not _confirmed_by_another(work.uow, finding, actor):
        _step(work.uow, finding, actor, now, before=FindingState.REVIEW, after=FindingState.REVIEW, reason=FIRST)
        return []
    events = settle(work, finding, now, actor=actor, known=True)
    stored = work.uow.findings.get(finding_id)
    _step(work.uow, finding, actor, now, before=FindingState.REVIEW, after=FindingState.RAISED if stored is None else stored[1])
    return events


def _confirmed_by_another(uow: UnitOfWork, finding: Finding, actor: Actor) -> bool:
    reviewers = {role.value for role in REVIEWERS}
    earlier = [step for step in uow.audit.of(ENTITY, finding.id) if step.actor_role in reviewers]
    if any(step.actor == actor.id for step in earlier):
        raise Forbidden("a second person must confirm this finding")
    return bool(earlier)


def reject(uow: UnitOfWork, finding_id: str, actor: Actor, reason: str, now: datetime) -> Finding:
    """A reviewer rejects a finding: it never becomes a warning."""
    finding = under_review(uow, finding_id, actor, "reject")
    uow.findings.set_state(finding_id, FindingState.DISCARDED)
    _step(uow, finding, actor, now, before=FindingState.REVIEW, after=FindingState.DISCARDED, reason=reason)
    return finding


def review_queue(uow: UnitOfWork, actor: Actor, *, limit: int = 100) -> Sequence[Finding]:
    """What waits for a reviewer, as far as the actor may see it; the one due first comes first."""
    if actor.role is Role.INSPECTOR and actor.region is None:
        return []
    region = actor.region if actor.role is Role.INSPECTOR else None
    waiting = uow.findings.in_state(FindingState.REVIEW, uscc=actor.uscc, region=region, limit=limit)
    return [item for item in waiting if actor.may_see(uscc=item.uscc, region=merchant_of(uow, item.uscc).region)]
