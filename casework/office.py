"""The office: every use case, each in one transaction over state, audit trail and outbox.

Synchronous; on an event loop call it in a thread. What the product itself does (facts, findings, deliveries, the sweep) is tried
again when somebody else was first; a person's command is not: they are told, and look again. A deadlock, in which nobody was
first, is tried again for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from alerts.escalation import Chain
from alerts.lifecycle import Command
from alerts.routing import Route
from casework import charging, clockwork, facts, handling, intake, letters, registration
from casework.charging import Decision, Ruling
from casework.clockwork import Shelf, SweepReport
from casework.consequences import proposals, pushes
from casework.consequences.bureau import Bureau
from casework.consequences.terms import Terms
from casework.desk import Desk, Work, new_id
from casework.handling import Outcome, Submission
from casework.photos import Photo, keep
from casework.registers.clerk import Clerk
from casework.registration import Registration, Roll
from casework.words import Translator, source_language
from credit.scheme import Scheme
from domain.deductions import Score
from domain.errors import BadInput, Code, Conflict, KitchenError, Unavailable
from domain.events import DeadLetter, Event
from domain.findings import Finding
from domain.observations import Observation
from domain.parties import SYSTEM, Actor
from domain.rules import Rules
from store.ports import Crossed, Media, Store
from traceability.additives import AdditiveTable

T = TypeVar("T")

ATTEMPTS = 5
MOST_PHOTOS = 9
SWEEP_LIMIT = 200


class Office:
    """The use cases over one store.

    Args:
        store: the system of record.
        media: evidence by its SHA-256.
        rules: the site's rules.
        schemes: rating schemes by name.
        routes: who is told what.
        working_day: whether a Shanghai day is a working day.
        new_id: a fresh id for an instant.
        translator: the words of a locale, for notifications; the source language without it.
        terms: what follows from credit; without them the bureau is closed.
        chains: who else is told when a warning does not move; by default nobody.
        additives: what the standard permits of additives.
    """

    def __init__(
        self,
        store: Store,
        media: Media,
        *,
        rules: Rules,
        schemes: Mapping[str, Scheme],
        routes: Sequence[Route],
        working_day: Callable[[date], bool],
        new_id: Callable[[datetime], str] = new_id,
        translator: Translator = source_language,
        terms: Terms | None = None,
        chains: Sequence[Chain] = (),
        additives: AdditiveTable | None = None,
    ) -> None:
        self._store = store
        self._shelf = Shelf()
        self.desk = Desk(
            media=media,
            rules=rules,
            schemes=schemes,
            routes=tuple(routes),
            working_day=working_day,
            new_id=new_id,
            translator=translator,
            terms=terms,
            chains=tuple(chains),
            additives=additives or AdditiveTable(),
        )
        self.bureau = Bureau(store, self.desk)
        self.clerk = Clerk(store, self.desk, self._insisting)

    # facts

    def register(self, configuration: Roll, now: datetime, *, password_hashes: Mapping[str, str] | None = None) -> Registration:
        """Seed merchants, devices and users, and tell the gateway about them. Doing it again changes nothing."""
        return self._insisting(lambda work: registration.register(work.uow, configuration, password_hashes or {}, now))

    def take_observation(self, observation: Observation, now: datetime) -> list[Event]:
        """Take one fact.

        Raises:
            BadInput: E011, E031 or E052; it was not stored.
        """
        (result,) = self.take_observations([observation], now)
        if isinstance(result, KitchenError):
            raise result
        return result

    def take_observations(self, observations: Sequence[Observation], now: datetime) -> list[list[Event] | KitchenError]:
        """Take many facts in one transaction; one that is refused leaves no trace and holds up none of the others.

        Returns:
            For each, in order: what happened, or why it was refused.

        Raises:
            Unavailable: nothing was taken; try again.
        """
        return self._insisting(lambda work: facts.take_all(work, observations, now))

    def take_finding(self, finding: Finding, now: datetime) -> list[Event]:
        """Take a finding: raise, attach, queue for review, or nothing if it is known.

        Raises:
            BadInput: E011.
        """
        return self._insisting(lambda work: intake.take(work, finding, now))

    def take_findings(self, findings: Sequence[Finding], now: datetime) -> list[list[Event] | KitchenError]:
        """Take many findings in one transaction; one that is refused leaves no trace and holds up none of the others.

        Returns:
            For each, in order: what happened, or why it was refused.

        Raises:
            Unavailable: nothing was taken; try again.
        """
        return self._insisting(lambda work: intake.take_all(work, findings, now))

    def take_dead_letter(self, letter: DeadLetter, now: datetime) -> bool:
        """Keep a refused message for people to look at; False if it is kept already."""
        return self._insisting(lambda work: work.uow.dead_letters.add(letters.kept(letter, now)))

    # warnings

    def acknowledge(self, warning_id: str, actor: Actor, now: datetime) -> Outcome:
        """The merchant has seen it."""
        return self._order(warning_id, Command.ACKNOWLEDGE, actor, now)

    def start(self, warning_id: str, actor: Actor, now: datetime) -> Outcome:
        """The merchant begins to put it right."""
        return self._order(warning_id, Command.START, actor, now)

    def submit(
        self, warning_id: str, actor: Actor, note: str, photos: Sequence[Photo], now: datetime, *, token: str = ""
    ) -> Outcome:
        """The merchant hands in what was done.

        Args:
            photos: as uploaded; they are checked and written anew before anything is stored.
            token: the client's own token of this submission; the same one again has no effect.

        Raises:
            BadInput: E001 for a photo that is none or too large, E003 for none at all or too many.
        """
        if len(photos) > MOST_PHOTOS:
            raise BadInput(Code.FIELD, f"{len(photos)} photos, more than {MOST_PHOTOS}", where="photos")
        submission = Submission(note=note, photos=tuple(keep(photo) for photo in photos), token=token)
        return self._once(lambda work: handling.submit(work, warning_id, submission, actor, now))

    def verify(
        self,
        warning_id: str,
        actor: Actor,
        *,
        ok: bool,
        note: str,
        now: datetime,
        false_evidence: bool = False,
        on_site: bool = False,
    ) -> Outcome:
        """An officer accepts what was done, which closes the warning, or sends it back."""
        command = Command.VERIFY_OK if ok else Command.VERIFY_FAIL
        return self._once(
            lambda work: handling.order(
                work, warning_id, command, actor, now, reason=note, false_evidence=false_evidence, on_site=on_site
            )
        )

    def dismiss(self, warning_id: str, actor: Actor, reason: str, now: datetime) -> Outcome:
        """An officer finds that it was none."""
        return self._order(warning_id, Command.DISMISS, actor, now, reason=reason)

    def file_case(self, warning_id: str, actor: Actor, reason: str, now: datetime) -> Outcome:
        """An officer files a case, which closes the loop."""
        return self._order(warning_id, Command.FILE_CASE, actor, now, reason=reason)

    def control(self, warning_id: str, actor: Actor, plan: str, until: datetime, now: datetime) -> Outcome:
        """An officer puts it under a long-term plan with an end."""
        return self._order(warning_id, Command.CONTROL, actor, now, reason=plan, until=until)

    def reopen(self, warning_id: str, actor: Actor, reason: str, now: datetime, *, photos: Sequence[Photo] = ()) -> Outcome:
        """An officer opens it again on new evidence, their statement at least: both deadlines anew."""
        if len(photos) > MOST_PHOTOS:
            raise BadInput(Code.FIELD, f"{len(photos)} photos, more than {MOST_PHOTOS}", where="photos")
        clean = tuple(keep(photo) for photo in photos)
        return self._once(lambda work: handling.order(work, warning_id, Command.REOPEN, actor, now, reason=reason, photos=clean))

    def extend(self, warning_id: str, actor: Actor, reason: str, now: datetime, *, until: datetime | None = None) -> Outcome:
        """An officer gives the merchant more time, once; by default as much as the rules allow."""
        return self._order(warning_id, Command.EXTEND, actor, now, reason=reason, until=until)

    def opened(self, warning_id: str, actor: Actor, now: datetime) -> Outcome:
        """Somebody opened the page of a warning; the merchant doing so is a confirmed delivery."""
        return self._insisting(lambda work: handling.opened(work, warning_id, actor, now))

    def delivered(self, warning_id: str, now: datetime, *, how: str = "delivered") -> Outcome:
        """A channel's acceptance confirmed delivery to the merchant; only the first time changes anything."""
        return self._insisting(lambda work: handling.deliver(work, warning_id, SYSTEM, now, how=how))

    def department_told(self, push_id: str, now: datetime) -> None:
        """A liaison department's own system accepted a message of the joint punishment."""
        self._insisting(lambda work: pushes.arrived(work, push_id, now))

    def unreached(self, warning_id: str, now: datetime) -> Outcome:
        """A way to the merchant failed for good: where none is left, the step that says so is taken at once."""
        return self._insisting(lambda work: handling.unreached(work, warning_id, now))

    # the clock

    def sweep(self, now: datetime, *, limit: int = SWEEP_LIMIT) -> SweepReport:
        """Do what has fallen due, at most ``limit`` of each kind; the report says whether more waits."""
        report = SweepReport()
        for part in self._due_parts(now):
            report = clockwork.together(report, self._insisting(partial(part, now=now, limit=limit)))
        swept = self.bureau.sweep(self._shelf, now, limit=limit)
        return clockwork.together(report, SweepReport(failed=swept.failed, more=swept.more))

    def _due_parts(self, now: datetime) -> list[Callable[..., SweepReport]]:
        """The parts of the sweep that have something to do: mostly none, and a reader disturbs nobody."""
        shelf = self._shelf
        with self._store.reading() as uow:
            batches, warnings, reviews = uow.batches.expired, uow.warnings.due, uow.findings.reviews_due
            dues = uow.records.dues
            waiting = (
                (
                    shelf.choose(lambda most: batches(now, limit=most), clockwork.batch_name, now, limit=1),
                    partial(clockwork.sweep_batches, shelf),
                ),
                (
                    shelf.choose(lambda most: dues(now, limit=most), clockwork.due_name, now, limit=1),
                    partial(clockwork.sweep_dues, shelf),
                ),
                (
                    shelf.choose(lambda most: warnings(now, limit=most), clockwork.own_id, now, limit=1),
                    partial(clockwork.sweep_warnings, shelf),
                ),
                (
                    shelf.choose(lambda most: reviews(now, limit=most), clockwork.own_id, now, limit=1),
                    partial(clockwork.sweep_reviews, shelf),
                ),
                (uow.outbox.has_done(now - clockwork.KEEP_SENT), clockwork.sweep_outbox),
                (clockwork.letters_wait(uow, now), clockwork.sweep_letters),
            )
        return [part for found, part in waiting if found]

    def audit_deadlines(self, now: datetime) -> int:
        """Open red warnings past ``close_by`` that no sweep has flagged: must be 0 between two sweeps."""
        with self._store.reading() as uow:
            return uow.warnings.overdue_unflagged(now)

    # review

    def confirm_review(self, finding_id: str, actor: Actor, now: datetime) -> list[Event]:
        """A reviewer confirms a finding: its warning is raised now. Empty while a second person must confirm."""
        return self._once(lambda work: intake.confirm(work, finding_id, actor, now))

    def reject_review(self, finding_id: str, actor: Actor, reason: str, now: datetime) -> Finding:
        """A reviewer rejects a finding."""
        return self._once(lambda work: intake.reject(work.uow, finding_id, actor, reason, now))

    def review_queue(self, actor: Actor, *, limit: int = 100) -> Sequence[Finding]:
        """Findings waiting for a reviewer, as far as the actor may see them."""
        with self._store.reading() as uow:
            return intake.review_queue(uow, actor, limit=limit)

    # the ledger

    def object_deduction(self, deduction_id: str, actor: Actor, note: str, now: datetime) -> Ruling:
        """The merchant objects."""
        return self._decide(deduction_id, actor, now, charging.objection(actor, note, now))

    def confirm_deduction(self, deduction_id: str, actor: Actor, now: datetime, *, note: str = "") -> Ruling:
        """A person makes it final, after the objection window."""
        return self._decide(deduction_id, actor, now, charging.confirmation(actor, note, now))

    def withdraw_deduction(self, deduction_id: str, actor: Actor, note: str, now: datetime) -> Ruling:
        """A person takes the proposal back."""
        return self._decide(deduction_id, actor, now, charging.withdrawal(actor, note, now))

    def reverse_deduction(self, deduction_id: str, actor: Actor, note: str, now: datetime) -> Ruling:
        """A supervisor reverses a final one on appeal."""
        return self._decide(deduction_id, actor, now, charging.reversal(actor, note, now))

    def score(self, uscc: str, month: str) -> Score:
        """A merchant's live score.

        Raises:
            NotFound: if there is no such merchant.
        """
        with self._store.reading() as uow:
            return charging.live_score(Work(uow, self.desk), uscc, month)

    # transactions

    def _order(
        self,
        warning_id: str,
        command: Command,
        actor: Actor,
        now: datetime,
        *,
        reason: str = "",
        until: datetime | None = None,
    ) -> Outcome:
        return self._once(lambda work: handling.order(work, warning_id, command, actor, now, reason=reason, until=until))

    def _decide(self, deduction_id: str, actor: Actor, now: datetime, decision: Decision) -> Ruling:
        def effect(work: Work) -> Ruling:
            ruling = charging.decide(work, deduction_id, actor, now, decision)
            proposals.follow(work, ruling.deduction.uscc, now)
            return ruling

        return self._once(effect)

    def _once(self, effect: Callable[[Work], T]) -> T:
        """One transaction; a Conflict is the caller's to know, except one that a deadlock was ended with."""
        for _ in range(ATTEMPTS - 1):
            with suppress(Crossed):
                return self._transact(effect)
        return self._transact(effect)

    def _transact(self, effect: Callable[[Work], T]) -> T:
        with self._store.writing() as uow:
            result = effect(Work(uow, self.desk))
            uow.commit()
            return result

    def _insisting(self, effect: Callable[[Work], T]) -> T:
        """One transaction, from the start again when somebody else was first."""
        for _ in range(ATTEMPTS):
            try:
                return self._transact(effect)
            except Conflict as error:
                last = error
        raise Unavailable(f"others were first {ATTEMPTS} times: {last}")
