"""The life of a warning as a pure state machine (domain.md D.1 under section 0).

``apply`` returns the warning as it is after a command, or refuses. ``close_by`` never moves but by reopening, or when a long-term
control fails, which reopens in all but name. A merchant's limit is never set to an instant already past: where the rules would
leave no time at all (told, or sent back, after ``close_by``), no limit runs and nothing can be late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.deadlines import next_due_at
from domain.errors import BadInput, Code, Forbidden, IllegalTransition
from domain.parties import Actor, Role
from domain.rules import Level, Rules
from domain.time import format_instant
from domain.warnings import OPEN_STATES, Disposition, State, Warning

LONGEST_CONTROL = timedelta(days=30)
EXTENSION_SHARE = 0.5
EXTENSION_LEAVES = timedelta(hours=2)


class Command(StrEnum):
    """What may be asked of a warning."""

    NOTIFY = "notify"
    ACKNOWLEDGE = "acknowledge"
    START = "start"
    SUBMIT = "submit"
    VERIFY_OK = "verify_ok"
    VERIFY_FAIL = "verify_fail"
    DISMISS = "dismiss"
    FILE_CASE = "file_case"
    CONTROL = "control"
    REOPEN = "reopen"
    EXTEND = "extend"


_OFFICERS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
_OWNER = frozenset({Role.MERCHANT})

MAY: Mapping[Command, frozenset[Role]] = {
    Command.NOTIFY: frozenset(Role),
    Command.ACKNOWLEDGE: _OWNER,
    Command.START: _OWNER,
    Command.SUBMIT: frozenset({Role.MERCHANT, Role.STAFF}),
    Command.VERIFY_OK: _OFFICERS,
    Command.VERIFY_FAIL: _OFFICERS,
    Command.DISMISS: _OFFICERS,
    Command.FILE_CASE: _OFFICERS,
    Command.CONTROL: _OFFICERS,
    Command.REOPEN: _OFFICERS,
    Command.EXTEND: _OFFICERS,
}
"""Who may give a command (E.7): staff only submit, the system only records deliveries."""

FROM: Mapping[Command, frozenset[State]] = {
    Command.NOTIFY: frozenset({State.RAISED, State.RECTIFYING}),
    Command.ACKNOWLEDGE: frozenset({State.RAISED, State.NOTIFIED}),
    Command.START: frozenset({State.ACKNOWLEDGED}),
    Command.SUBMIT: frozenset({State.RAISED, State.NOTIFIED, State.ACKNOWLEDGED, State.RECTIFYING}),
    Command.VERIFY_OK: frozenset({State.SUBMITTED, State.CONTROLLED}),
    Command.VERIFY_FAIL: frozenset({State.SUBMITTED, State.CONTROLLED}),
    Command.DISMISS: OPEN_STATES,
    Command.FILE_CASE: OPEN_STATES,
    Command.CONTROL: frozenset({State.SUBMITTED}),
    Command.REOPEN: frozenset({State.CLOSED, State.DISMISSED}),
    Command.EXTEND: frozenset({State.NOTIFIED, State.ACKNOWLEDGED, State.RECTIFYING}),
}
"""From which states a command is possible; single commands know further conditions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    command: Command
    actor: Actor
    rules: Rules
    now: datetime
    until: datetime | None
    false_evidence: bool
    on_site: bool


def apply(
    warning: Warning,
    command: Command,
    *,
    actor: Actor,
    rules: Rules,
    now: datetime,
    until: datetime | None = None,
    false_evidence: bool = False,
    on_site: bool = False,
) -> Warning:
    """Judge one command.

    Args:
        warning: as it stands.
        command: what is asked. Acknowledging and submitting imply delivery.
        actor: who asks.
        rules: the site's rules; their clocks are read.
        now: server time.
        until: end of a control plan (required), or of an extension (None: the longest possible).
        false_evidence: a failed verification found the evidence forged: it counts as late from ``rectify_by`` on.
        on_site: the officer looked for themselves; some violations are verified in no other way (D.1).

    Returns:
        The warning afterwards: ``version`` one higher, ``next_due_at`` set.

    Raises:
        Forbidden: the actor may not see it, has not the role, or would verify what they submitted.
        IllegalTransition: the command is not possible from where the warning stands; nothing changes.
        BadInput: E003, ``until`` is missing or out of its bounds, or it must be verified on site.
    """
    if not actor.may_see(uscc=warning.uscc, region=warning.region):
        raise Forbidden(f"{actor.id} has nothing to do with warning {warning.id}")
    if actor.role not in MAY[command]:
        raise Forbidden(f"{command.value} is not for the role {actor.role.value}")
    if warning.state not in FROM[command]:
        raise _refused(warning, command)
    ask = _Ask(command=command, actor=actor, rules=rules, now=now, until=until, false_evidence=false_evidence, on_site=on_site)
    changed = _STEPS[command](warning, ask)
    changed = replace(changed, version=warning.version + 1)
    return replace(changed, next_due_at=next_due_at(changed, rules))


def possible(warning: Warning, actor: Actor, now: datetime, rules: Rules) -> frozenset[Command]:
    """The commands this actor could give now: what a page offers as buttons (notify is nobody's button)."""
    return frozenset(c for c in Command if c is not Command.NOTIFY and _is_possible(warning, c, actor, now, rules))


def _is_possible(warning: Warning, command: Command, actor: Actor, now: datetime, rules: Rules) -> bool:
    until = now + LONGEST_CONTROL if command is Command.CONTROL else None
    try:
        apply(warning, command, actor=actor, rules=rules, now=now, until=until, on_site=True)
    except (Forbidden, IllegalTransition):
        return False
    return True


def _refused(warning: Warning, command: Command) -> IllegalTransition:
    return IllegalTransition("warning", warning.id, warning.state.value, command.value)


def _limit(by: datetime, close_by: datetime | None, now: datetime) -> datetime | None:
    """A merchant's limit: never beyond ``close_by``; none where no time is left."""
    limit = by if close_by is None else min(by, close_by)
    return limit if limit > now else None


def _delivered(warning: Warning, now: datetime) -> Warning:
    """Record the first confirmed delivery: from here the merchant's limit runs (section 0.2)."""
    if warning.notified_at is not None:
        return warning
    rectify_by = _limit(now + warning.rectify_within, warning.close_by, now)
    return replace(warning, notified_at=now, rectify_by=rectify_by)


def _notify(warning: Warning, ask: _Ask) -> Warning:
    if warning.notified_at is not None:
        raise _refused(warning, ask.command)
    state = State.NOTIFIED if warning.state is State.RAISED else warning.state
    return replace(_delivered(warning, ask.now), state=state)


def _acknowledge(warning: Warning, ask: _Ask) -> Warning:
    return replace(_delivered(warning, ask.now), state=State.ACKNOWLEDGED, acknowledged_at=ask.now)


def _start(warning: Warning, _: _Ask) -> Warning:
    return replace(warning, state=State.RECTIFYING)


def _submit(warning: Warning, ask: _Ask) -> Warning:
    told = _delivered(warning, ask.now)
    on_time = told.rectify_by is None or ask.now <= told.rectify_by  # a sweep may have been quicker than this request
    return replace(
        told,
        state=State.SUBMITTED,
        submitted_at=ask.now,
        submitted_by=ask.actor.id,
        on_time=on_time,
        rectify_overdue=not on_time,
    )


def _close(warning: Warning, disposition: Disposition, ask: _Ask) -> Warning:
    """End the warning. Late is only who closes after ``close_by``; a control in time had closed the loop before."""
    late = warning.close_by is not None and ask.now > warning.close_by and warning.state is not State.CONTROLLED
    state = State.DISMISSED if disposition is Disposition.DISMISSED else State.CLOSED
    return replace(
        warning,
        state=state,
        disposition=disposition,
        closed_at=ask.now,
        closure_overdue=warning.closure_overdue or late,
    )


def _judged_by_another(warning: Warning, ask: _Ask) -> None:
    if ask.actor.id == warning.submitted_by:
        raise Forbidden("nobody verifies what they submitted themselves")
    if warning.state is State.CONTROLLED and (warning.controlled_until is None or ask.now < warning.controlled_until):
        raise _refused(warning, ask.command)


def _verify_ok(warning: Warning, ask: _Ask) -> Warning:
    _judged_by_another(warning, ask)
    if not ask.on_site and ask.rules.on_site(warning.rule, warning.violation_code):
        raise BadInput(Code.FIELD, "this is verified on site only", where="on_site", hint="go there, and say that you did")
    return _close(warning, Disposition.VERIFIED, ask)


def _verify_fail(warning: Warning, ask: _Ask) -> Warning:
    _judged_by_another(warning, ask)
    again = replace(warning, state=State.RECTIFYING, attempt=warning.attempt + 1, submitted_at=None, submitted_by=None)
    if warning.state is State.CONTROLLED:
        return _anew(again, ask)
    if ask.false_evidence:
        late = warning.rectify_by is not None and ask.now > warning.rectify_by
        return replace(again, on_time=False, rectify_overdue=warning.rectify_overdue or late)
    if not warning.on_time or warning.rectify_by is None:
        return again
    rectify_by = max(warning.rectify_by, ask.now + ask.rules.verify_grace)
    return replace(again, rectify_by=_limit(rectify_by, warning.close_by, ask.now))


def _dismiss(warning: Warning, ask: _Ask) -> Warning:
    return _close(warning, Disposition.DISMISSED, ask)


def _file_case(warning: Warning, ask: _Ask) -> Warning:
    return _close(warning, Disposition.CASE_FILED, ask)


def _control(warning: Warning, ask: _Ask) -> Warning:
    if ask.until is None or not ask.now < ask.until <= ask.now + LONGEST_CONTROL:
        longest = format_instant(ask.now + LONGEST_CONTROL)
        raise BadInput(Code.FIELD, "a control plan ends within 30 days", where="until", hint=f"at the latest {longest}")
    late = warning.close_by is not None and ask.now > warning.close_by
    return replace(
        warning,
        state=State.CONTROLLED,
        disposition=Disposition.CONTROLLED_LONG_TERM,
        controlled_until=ask.until,
        closure_overdue=warning.closure_overdue or late,
        reminded_percent=0,
    )


def _anew(warning: Warning, ask: _Ask) -> Warning:
    """Both deadlines anew; the merchant's only if it was ever told, else from the delivery as always."""
    close_by = ask.now + ask.rules.close_within if warning.level is Level.RED else None
    by = _limit(ask.now + warning.rectify_within, close_by, ask.now)
    return replace(
        warning,
        close_by=close_by,
        rectify_by=None if warning.notified_at is None else by,
        submitted_at=None,
        submitted_by=None,
        on_time=None,
        closed_at=None,
        disposition=None,
        controlled_until=None,
        extended=False,
        rectify_overdue=False,
        closure_overdue=False,
        escalation_level=0,
        reminded_percent=0,
        rectify_reminded_percent=None,
        escalation=None if warning.escalation is None else replace(warning.escalation, started_at=ask.now, done=()),
    )


def _reopen(warning: Warning, ask: _Ask) -> Warning:
    if warning.closed_at is None or ask.now > warning.closed_at + ask.rules.reopen_within:
        raise _refused(warning, ask.command)
    if warning.state is State.DISMISSED:
        untold = replace(warning, state=State.RAISED, notified_at=None, acknowledged_at=None)
        return _anew(untold, ask)
    return _anew(replace(warning, state=State.RECTIFYING, attempt=warning.attempt + 1), ask)


def _extend(warning: Warning, ask: _Ask) -> Warning:
    rectify_by = warning.rectify_by
    if rectify_by is None or warning.extended or warning.rectify_overdue or ask.now > rectify_by:
        raise _refused(warning, ask.command)
    latest = rectify_by + warning.rectify_within * EXTENSION_SHARE
    if warning.close_by is not None:
        latest = min(latest, warning.close_by - EXTENSION_LEAVES)
    if latest <= rectify_by:
        raise _refused(warning, ask.command)
    until = ask.until or latest
    if not rectify_by < until <= latest:
        raise BadInput(
            Code.FIELD,
            "an extension is at most half the limit and leaves 2 h before close_by",
            where="until",
            hint=f"at the latest {format_instant(latest)}",
        )
    return replace(warning, rectify_by=until, extended=True)


_STEPS: Mapping[Command, Callable[[Warning, _Ask], Warning]] = {
    Command.NOTIFY: _notify,
    Command.ACKNOWLEDGE: _acknowledge,
    Command.START: _start,
    Command.SUBMIT: _submit,
    Command.VERIFY_OK: _verify_ok,
    Command.VERIFY_FAIL: _verify_fail,
    Command.DISMISS: _dismiss,
    Command.FILE_CASE: _file_case,
    Command.CONTROL: _control,
    Command.REOPEN: _reopen,
    Command.EXTEND: _extend,
}
