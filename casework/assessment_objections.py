"""Objections to a provisional or published result: filed by the merchant, decided by somebody who took no part (domain.md F.5).

One upheld inside the window makes a further revision; one upheld after publication a further version. Either way the month is
rated as if what fell had never been, and nothing that was shown before is rewritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from casework.assessment import LEADERS, Assessor, changed
from casework.indicators import VIOLATIONS, Gathered, name_of
from domain.errors import BadInput, Code, Forbidden, IllegalTransition, NotFound
from domain.ids import derived_id
from domain.parties import SYSTEM, Actor, Role
from store.assessments import Fact, Inputs, Objection, ObjectionState, Run, RunState
from store.ports import AuditStep, UnitOfWork

ENTITY: Final = "assessment_objection"
APPEAL: Final = timedelta(days=30)
"""How long after publication a result may be appealed (F.5)."""
STANDING: Final = frozenset({RunState.PUBLISHED, RunState.CORRECTED})
"""What was published; a correction of one merchant's result takes nobody else's right to appeal."""
DECIDERS: Final = frozenset({Role.SUPERVISOR, Role.INSPECTOR})
VIOLATION: Final = "violation:"
"""How the name of a violation begins: code and subject, which stay when the list around it gets shorter."""


def file(assessor: Assessor, run_id: str, actor: Actor, note: str, now: datetime, *, facts: Sequence[str] = ()) -> Objection:
    """A merchant objects to its result: inside the window, or within 30 days after publication.

    Raises:
        Forbidden: the actor is no merchant.
        BadInput: E003 without a reason, for a fact that is not in the result, or too late.
        NotFound, IllegalTransition.
    """
    if actor.role is not Role.MERCHANT or actor.uscc is None:
        raise Forbidden("only the merchant objects")
    if not note.strip():
        raise BadInput(Code.FIELD, "a reason is required", where="note")
    with assessor.store.writing() as uow:
        run = _run(uow, run_id)
        inputs = uow.assessments.inputs(run.id, actor.uscc)
        if inputs is None:
            raise NotFound(f"no result in {run_id[:80]}")
        _in_time(run, now)
        facts = [named(path, inputs) for path in facts]
        objection = Objection(
            id=derived_id("assessment-objection", run.id, actor.uscc, str(inputs.revision), note.strip(), *facts),
            run_id=run.id,
            uscc=actor.uscc,
            state=ObjectionState.OPEN,
            filed_at=now,
            filed_by=actor.id,
            note=note.strip(),
            facts=tuple(facts),
        )
        if uow.assessments.add_objection(objection):
            _audit(uow, objection, "", actor, now, reason=note)
            uow.commit()
    return objection


def named(path: str, inputs: Inputs) -> str:
    """What an objection to a fact keeps: its path; of the N-th violation its code and subject.

    Raises:
        BadInput: E003 if there is no such fact in the result.
    """
    violations = inputs.facts.get(VIOLATIONS, ())
    outer, _, number = path.partition(".")
    if outer == VIOLATIONS and number.isdigit() and int(number) < len(violations):
        return name_of(violations[int(number)])
    if path in inputs.origins or path in map(name_of, violations):
        return path
    raise BadInput(Code.FIELD, "there is no such fact in the result", where=path[:80])


def _placed(changes: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Changes by the places of violations in the list, where they came by code and subject."""
    places = {name_of(each): f"{VIOLATIONS}.{at}" for at, each in enumerate(inputs.facts.get(VIOLATIONS, ()))}
    return {places.get(path, path): value for path, value in changes.items()}


def _in_time(run: Run, now: datetime) -> None:
    if run.state is RunState.OBJECTION_WINDOW and now <= run.objection_until:
        return
    if run.published_at is not None and run.state in STANDING and now <= run.published_at + APPEAL:
        return
    if run.state is RunState.OBJECTION_WINDOW or run.state in STANDING:
        raise BadInput(Code.FIELD, "the time to object has passed", where="now")
    raise IllegalTransition("assessment", run.id, run.state.value, "object")


def decide(
    assessor: Assessor,
    objection_id: str,
    actor: Actor,
    now: datetime,
    *,
    upheld: bool,
    reason: str,
    changes: Mapping[str, Any] | None = None,
) -> Objection:
    """Somebody who took no part decides; what is upheld counts at once.

    Args:
        assessor: the use cases.
        objection_id: which.
        actor: the decider.
        now: server time.
        upheld: whether the merchant is right.
        reason: shown to the merchant.
        changes: by path the values that count instead; ``violations.N``, or ``violation:CODE|SUBJECT``, null takes one away.
            Required if upheld.

    Raises:
        Forbidden: the actor may not decide, or took part in what is objected to.
        BadInput, NotFound, IllegalTransition, Conflict.
    """
    changes = dict(changes or {})
    if not reason.strip() or upheld != bool(changes):
        what = "a reason is required" if not reason.strip() else "what is upheld changes a fact; what is rejected none"
        raise BadInput(Code.FIELD, what, where="reason" if not reason.strip() else "changes")
    with assessor.store.writing() as uow:
        before = _decidable(uow, objection_id, actor)
        run = _run(uow, before.run_id)
        inputs = _newest_inputs(uow, run, before.uscc)
        kept = {named(path, inputs): value for path, value in changes.items()}
        changes = _placed(changes, inputs)
        decided = replace(
            before,
            state=ObjectionState.UPHELD if upheld else ObjectionState.REJECTED,
            decided_at=now,
            decided_by=actor.id,
            decision=reason.strip(),
            changes=kept,
            version=before.version + 1,
        )
        uow.assessments.save_objection(decided, expected_version=before.version)
        _audit(uow, decided, before.state.value, actor, now, reason=reason)
        published = run.state in STANDING
        if upheld and not published:
            gathered = changed(Gathered(facts=inputs.facts, origins=inputs.origins), changes, "objection", before.id)
            assessor.revise(uow, run, inputs, gathered, now, why=f"objection {before.id}")
        elif upheld and actor.role not in LEADERS:
            raise Forbidden("a published month is corrected by a supervisor")
        uow.commit()
    if upheld and published:
        last = _last(assessor, run)
        assessor.correct(last.id, actor, f"objection {before.id}: {reason.strip()}", now, changes={before.uscc: changes})
    return decided


def _decidable(uow: UnitOfWork, objection_id: str, actor: Actor) -> Objection:
    objection = uow.assessments.objection(objection_id)
    merchant = None if objection is None else uow.merchants.get(objection.uscc)
    if objection is None or merchant is None or not actor.may_see(uscc=objection.uscc, region=merchant.region):
        raise NotFound(f"no objection {objection_id[:80]}")
    if actor.role not in DECIDERS:
        raise Forbidden("an official decides about objections")
    if objection.state is not ObjectionState.OPEN:
        raise IllegalTransition(ENTITY, objection.id, objection.state.value, "decide")
    if actor.id in involved(uow, objection):
        raise Forbidden("who took part in what is objected to does not decide about it")
    return objection


def involved(uow: UnitOfWork, objection: Objection) -> set[str]:
    """Who took part in what is objected to: who told a fact, made a deduction final, acted in its warning, moved the run."""
    inputs = uow.assessments.inputs(objection.run_id, objection.uscc)
    run = uow.assessments.run(objection.run_id)
    assert run is not None
    people = {step.actor for step in uow.audit.of("assessment", run.id)}
    if inputs is None:
        return people - {SYSTEM.id}
    wanted = [_still_named(path, inputs) for path in objection.facts] or [*inputs.origins]
    told = uow.assessments.facts_of(
        [objection.uscc], run.scheme, month=run.month, recorded_before=run.objection_until + timedelta(days=366)
    )
    people |= {fact.recorded_by for fact in told if any(_about(path, fact) for path in wanted)}
    for path in wanted:
        for item in inputs.origins.get(path, {}).get("evidence", ()):
            people |= _took_part(uow, str(item))
    return people - {SYSTEM.id}


def _still_named(path: str, inputs: Inputs) -> str:
    """A path as ``named`` says it now; one that is gone stays as it was kept."""
    try:
        return named(path, inputs)
    except BadInput:
        return path


def _about(path: str, fact: Fact) -> bool:
    """Whether a told fact is what a path names; of a violation, whether it is in what was told."""
    if path.startswith(VIOLATION):
        is_list = fact.fact == VIOLATIONS or fact.fact.startswith(f"{VIOLATIONS}.")
        return is_list and any(name_of(each) == path for each in fact.value or ())
    return path == fact.fact or path.startswith(f"{fact.fact}.")


def _took_part(uow: UnitOfWork, id: str) -> set[str]:
    entry = uow.deductions.look(id)
    people = {step.actor for step in uow.audit.of("deduction", id)} if entry is not None else set()
    warning = id if entry is None else entry.warning_id
    return people | {step.actor for step in uow.audit.of("warning", warning)}


def _newest_inputs(uow: UnitOfWork, run: Run, uscc: str) -> Inputs:
    """What the merchant's result of a month rests on now: of its last version."""
    for each in uow.assessments.runs(scheme=run.scheme, month=run.month):
        found = uow.assessments.inputs(each.id, uscc)
        if found is not None:
            return found
    raise NotFound(f"no result in {run.id}")


def _last(assessor: Assessor, run: Run) -> Run:
    with assessor.store.reading() as uow:
        return uow.assessments.runs(scheme=run.scheme, month=run.month, limit=1)[0]


def _run(uow: UnitOfWork, run_id: str) -> Run:
    run = uow.assessments.run(run_id)
    if run is None:
        raise NotFound(f"no assessment {run_id[:80]}")
    return run


def _audit(uow: UnitOfWork, objection: Objection, before: str, actor: Actor, now: datetime, *, reason: str) -> None:
    uow.audit.append(
        AuditStep(
            entity=ENTITY,
            entity_id=objection.id,
            from_state=before,
            to_state=objection.state.value,
            at=now,
            actor=actor.id,
            actor_role=actor.role.value,
            reason=reason,
        )
    )
