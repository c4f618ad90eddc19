"""The monthly assessment: a state machine in SQL that any process may drive on and no kill can spoil (domain.md D.8).

Every step does one bounded batch in one transaction and reads afresh what is still to do, so doing it again, or in two processes,
changes nothing more. The published grade changes here and nowhere else; ``live`` only looks.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from casework.assessment_days import DayCounter
from casework.assessment_rating import Rater
from casework.assessment_snapshot import Lens, frozen, take
from casework.indicators import Gathered
from casework.indicators_record import clipped, length
from configs.assessment_files import Assessing, Publication
from configs.scheme_sources import scheme_of
from credit.calendar import Calendar
from credit.publication import Publication as Dates
from credit.publication import publication
from credit.rating.value import RatedScheme, Rating
from domain.errors import BadInput, Code, ConfigurationError, Conflict, Forbidden, IllegalTransition, NotFound
from domain.parties import SYSTEM, Actor, Merchant, Role
from domain.rules import Rules
from domain.time import local_day, midnight, month_of
from store.assessments import Catalogue, Inputs, InterruptionKind, Result, Run, RunState
from store.ports import AuditStep, Store, UnitOfWork

log = structlog.get_logger(__name__)

ENTITY: Final = "assessment"
SNAPSHOT_AT_ONCE: Final = 100
RATED_AT_ONCE: Final = 500
LEADERS: Final = frozenset({Role.SUPERVISOR})
"""Who may publish and correct: a named person, never the product (E.7)."""
SUPPLIED: Final = "supplied"
CORRECTED: Final = "corrected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        members, snapshots, rated: merchants of the scheme, those with frozen inputs, those with a result.
        waits_until: when something can happen next by itself; None = now, or a person must.
    """

    run: Run
    members: int
    snapshots: int
    rated: int
    waits_until: datetime | None = None


Follow = Callable[[UnitOfWork, Run, Sequence[Result], datetime], None]
"""What is done with the results of a publication, or of a correction."""


class Assessor:
    """The use cases of the monthly assessment over one store.

    Args:
        store: the system of record.
        schemes: every scheme by name.
        contents: what the file of a scheme holds, by its name; kept beside the results.
        rules: the site's rules.
        assessing: what is counted from what, and who publishes.
        calendar: of working days.
        follow: carries a publication into its consequences, in the transaction that publishes.
    """

    def __init__(
        self,
        store: Store,
        *,
        schemes: Mapping[str, RatedScheme],
        contents: Callable[[str], Mapping[str, Any]],
        rules: Rules,
        assessing: Assessing,
        calendar: Calendar,
        follow: Follow | None = None,
    ) -> None:
        self._follow = follow
        self.store, self.schemes, self.assessing, self.calendar = store, schemes, assessing, calendar
        self._contents, self._rules = contents, rules
        self._days = DayCounter(store, assessing.silence)
        self._raters: dict[str, Rater] = {}
        self._cursors: dict[tuple[str, RunState], str] = {}
        self._empty_months: set[str] = set()

    # what there is

    def lens(self, scheme: str) -> Lens:
        """What a scheme's facts are looked at through. Raises NotFound for a scheme that does not exist."""
        try:
            return Lens(scheme=self.schemes[scheme], rules=self._rules, assessing=self.assessing)
        except KeyError:
            raise NotFound(f"no scheme {scheme[:40]}") from None

    def rater(self, run: Run, uow: UnitOfWork) -> Rater:
        """The scheme a run was begun with, whatever its file says today."""
        known = self._raters.get(run.catalogue_version)
        if known is None:
            scheme = self.schemes.get(run.scheme)
            if scheme is None or scheme.version != run.catalogue_version:
                kept = uow.assessments.catalogue(run.catalogue_version)
                if kept is None:
                    raise ConfigurationError(f"the catalogue {run.catalogue_version} is not kept", key=run.scheme)
                scheme = scheme_of(kept.content)
            known = self._raters[run.catalogue_version] = Rater(scheme)
        return known

    def dates(self, month: str, *, outage: timedelta = timedelta(0)) -> Dates:
        """When a month is cut, shown and published."""
        return publication(month, self.calendar, outage=outage)

    def progress(self, run_id: str) -> Progress:
        """How far a run is. Raises NotFound."""
        with self.store.reading() as uow:
            run = _found(uow, run_id)
            snapshots, rated = uow.assessments.progress(run_id)
            members = len(uow.assessments.merchants(run.scheme)) if run.state is RunState.OPEN else snapshots
        return Progress(run=run, members=members, snapshots=snapshots, rated=rated, waits_until=self.waits_until(run))

    def waits_until(self, run: Run) -> datetime | None:
        """When the clock has something to do for a run next; None = it has now, or only a person has."""
        match run.state:
            case RunState.FROZEN:
                return run.provisional_at
            case RunState.OBJECTION_WINDOW:
                return run.objection_until
            case RunState.FINAL if self.assessing.publication is Publication.SWEEP:
                return run.publish_at
            case _:
                return None

    # the run

    def begin(self, scheme: str, month: str, now: datetime, *, actor: Actor = SYSTEM) -> Run:
        """Begin a month's assessment after its data cut; the run there is already, if it was begun before.

        Raises:
            BadInput: E003 while the month still runs, or if there is no such month.
            NotFound: no such scheme.
        """
        lens, dates = self.lens(scheme), self.dates(month)
        if now < dates.frozen_at:
            raise BadInput(Code.FIELD, f"{month} has not ended", where="month", hint="its live score can be read")
        run = Run(
            id=f"{scheme}-{month}-v1",
            scheme=scheme,
            month=month,
            version=1,
            state=RunState.OPEN,
            catalogue_version=lens.scheme.version,
            config_hash=self.assessing.hash,
            frozen_at=dates.frozen_at,
            provisional_at=dates.provisional_at,
            objection_until=dates.objection_until,
            publish_at=dates.published_at,
            calendar=dates.calendar.value,
            outage=timedelta(0),
            started_at=now,
            moved_at=now,
        )
        with self.store.writing() as uow:
            if uow.assessments.add_run(run, self._catalogue(lens.scheme)):
                _audit(uow, run, "", actor, now)
            known = _found(uow, run.id)
            uow.commit()
        return known

    def _catalogue(self, scheme: RatedScheme) -> Catalogue:
        return Catalogue(version=scheme.version, scheme=scheme.name, content=self._contents(scheme.name))

    def advance(self, run_id: str, now: datetime) -> bool:
        """Do the next bounded piece of a run; False if nothing can be done at this instant.

        Raises:
            NotFound: no such run.
        """
        with self.store.reading() as uow:
            run = _found(uow, run_id)
        match run.state:
            case RunState.OPEN:
                return self._snapshot(run, now) or self._move(run, RunState.FROZEN, now)
            case RunState.FROZEN if now >= run.provisional_at:
                return self._rate(run, now) or self._move(run, RunState.PROVISIONAL, now)
            case RunState.PROVISIONAL:
                return self._move(run, RunState.OBJECTION_WINDOW, now)
            case RunState.OBJECTION_WINDOW if now >= run.objection_until:
                return self._extend(run, now) or self._supply(run, now) or self._rate(run, now) or self._finish(run, now)
            case RunState.FINAL if self.assessing.publication is Publication.SWEEP and now >= run.publish_at:
                self._publish(run, SYSTEM, now, reason="")
                return True
            case _:
                return False

    def drive(self, run_id: str, now: datetime, *, tell: Callable[[Progress], None] | None = None) -> Run:
        """Advance a run as far as it goes at an instant."""
        while self.advance(run_id, now):
            if tell is not None:
                tell(self.progress(run_id))
        with self.store.reading() as uow:
            return _found(uow, run_id)

    def sweep(self, now: datetime) -> int:
        """Do one piece of every run that is due, and begin the month that has ended; how many pieces were done."""
        with self.store.reading() as uow:
            runs = uow.assessments.undone()
            cut_at = midnight(local_day(now).replace(day=1))
            month = month_of(cut_at - timedelta(days=1))
            waiting = self._not_begun(uow, month, cut_at)
        for name in waiting:
            self.begin(name, month, now)
        return len(waiting) + sum(self.advance(run.id, now) for run in runs)

    def count_days(self, now: datetime) -> bool:
        """Count what devices said on days that are over, a bounded piece at a time; False if all of it is counted."""
        return self._days.piece(now)

    def _not_begun(self, uow: UnitOfWork, month: str, cut_at: datetime) -> list[str]:
        """Schemes with merchants whose month has not been begun; none where nothing was recorded before its cut."""
        if month in self._empty_months:
            return []
        begun = {run.scheme for run in uow.assessments.runs(month=month, limit=1000)}
        waiting = [name for name in self.schemes if name not in begun and uow.assessments.merchants(name, limit=1)]
        if waiting and not uow.assessments.anything_before(cut_at):
            self._empty_months.add(month)  # what is not there now cannot come to have been there
            return []
        return waiting

    def _snapshot(self, run: Run, now: datetime) -> bool:
        with self.store.reading() as uow:
            at = (run.id, run.state)
            merchants = uow.assessments.without_inputs(
                run.id, run.scheme, after=self._cursors.get(at, ""), limit=SNAPSHOT_AT_ONCE
            )
            if not merchants and self._cursors.pop(at, ""):
                return True  # once more from the start: nobody may be left behind
            gathered = take(uow, self.lens_of(run), merchants, run.month, cut_at=run.frozen_at)
        if not merchants:
            return False
        with self.store.writing() as uow:
            uow.assessments.add_inputs(frozen(run.id, uscc, each, now) for uscc, each in gathered.items())
            uow.commit()
        self._cursors[at] = merchants[-1].uscc
        return True

    def lens_of(self, run: Run) -> Lens:
        """What a run's facts are looked at through: its own catalogue."""
        with self.store.reading() as uow:
            return Lens(scheme=self.rater(run, uow).scheme, rules=self._rules, assessing=self.assessing)

    def _rate(self, run: Run, now: datetime) -> bool:
        at = (run.id, run.state)
        with self.store.reading() as uow:
            rater = self.rater(run, uow)
            waiting = uow.assessments.unrated(run.id, after=self._cursors.get(at, ""), limit=RATED_AT_ONCE)
        if not waiting:
            return bool(self._cursors.pop(at, ""))
        with uncollected():
            results = [rater.result(run, inputs, now) for inputs in waiting]
            with self.store.writing() as uow:
                uow.assessments.add_results(results)
                uow.commit()
        if len(waiting) > 1:  # several revisions of one merchant may straddle the end
            self._cursors[at] = waiting[-2].uscc
        return True

    def _extend(self, run: Run, now: datetime) -> bool:
        """Lengthen the window by the platform's own outages inside it (D.8); True if it lasts on."""
        with self.store.writing() as uow:
            outages = [
                (item.began_at, item.ended_at)
                for item in uow.assessments.interruptions(run.provisional_at, run.objection_until, known_at=now)
                if item.kind is InterruptionKind.PLATFORM and item.uscc is None and not item.region
            ]
            outage = length(clipped(outages, run.provisional_at, run.objection_until))
            if outage <= run.outage:
                return False
            dates = self.dates(run.month, outage=outage)
            longer = replace(
                run,
                outage=outage,
                objection_until=dates.objection_until,
                publish_at=dates.published_at,
                moved_at=now,
                row_version=run.row_version + 1,
            )
            uow.assessments.save_run(longer, expected_version=run.row_version)
            _audit(uow, longer, run.state.value, SYSTEM, now, reason=f"outage: {outage}")
            uow.commit()
        return True

    def _supply(self, run: Run, now: datetime) -> bool:
        """Take what merchants supplied within the window of what they were told was missing."""
        at = (run.id, run.state)
        key = (f"{run.id}|{SUPPLIED}", run.state)
        with self.store.reading() as uow:
            lacking = uow.assessments.lacking(run.id, after=self._cursors.get(key, ""), limit=SNAPSHOT_AT_ONCE)
            merchants = list(uow.merchants.get_all(inputs.uscc for inputs in lacking).values())
            again = take(uow, self.lens_of(run), merchants, run.month, cut_at=run.frozen_at, told_before=run.objection_until)
        if not lacking:
            return False
        better = [each for inputs in lacking if (each := _supplied(inputs, again[inputs.uscc], now)) is not None]
        if better:
            with self.store.writing() as uow:
                uow.assessments.add_inputs(better)
                uow.commit()
        self._cursors[key] = lacking[-1].uscc
        self._cursors.pop(at, None)
        return True

    def _finish(self, run: Run, now: datetime) -> bool:
        self._cursors.pop((f"{run.id}|{SUPPLIED}", run.state), None)
        return self._move(run, RunState.FINAL, now)

    def _move(self, run: Run, state: RunState, now: datetime, actor: Actor = SYSTEM) -> bool:
        moved = replace(run, state=state, moved_at=now, row_version=run.row_version + 1)
        with self.store.writing() as uow:
            try:
                uow.assessments.save_run(moved, expected_version=run.row_version)
            except Conflict:
                return True  # another process moved it: look again
            _audit(uow, moved, run.state.value, actor, now)
            uow.commit()
        log.info("assessment.moved", run=run.id, state=state.value)
        return True

    # people

    def publish(self, run_id: str, actor: Actor, now: datetime, *, reason: str = "") -> Run:
        """A named person publishes a final month, from its day of publication on.

        Raises:
            Forbidden: the actor may not.
            IllegalTransition: the run is not final.
            BadInput: E003 before the day of publication.
        """
        if actor.role not in LEADERS:
            raise Forbidden("only a supervisor publishes a month")
        with self.store.reading() as uow:
            run = _found(uow, run_id)
        if run.state is not RunState.FINAL:
            raise IllegalTransition(ENTITY, run.id, run.state.value, "publish")
        if now < run.publish_at:
            raise BadInput(Code.FIELD, f"{run.month} is published from {run.publish_at.isoformat()} on", where="now")
        return self._publish(run, actor, now, reason=reason)

    def _publish(self, run: Run, actor: Actor, now: datetime, *, reason: str) -> Run:
        published = replace(
            run,
            state=RunState.PUBLISHED,
            published_at=now,
            published_by=actor.id,
            moved_at=now,
            row_version=run.row_version + 1,
        )
        with self.store.writing() as uow:
            uow.assessments.save_run(published, expected_version=run.row_version)
            _audit(uow, published, run.state.value, actor, now, reason=reason)
            if self._follow is not None:
                self._follow(uow, published, uow.assessments.results(run.id), now)
            uow.commit()
        log.info("assessment.published", run=run.id, by=actor.id)
        return published

    def correct(
        self,
        run_id: str,
        actor: Actor,
        reason: str,
        now: datetime,
        *,
        usccs: Sequence[str] = (),
        changes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Run:
        """Publish a further version of a month, for some merchants; what was published before stays as it was (F.5).

        Args:
            run_id: the last published version.
            actor: a named person.
            reason: shown in the report.
            now: server time.
            usccs: merchants whose facts are gathered anew: what was reversed since then is as if it had never been.
            changes: by merchant and path, the values that count instead; ``violations.N`` null takes the N-th away.

        Raises:
            Forbidden, NotFound, IllegalTransition.
            BadInput: E003 without a reason, or without a merchant.
            Conflict: somebody else corrected it first.
        """
        changes = changes or {}
        wanted = sorted({*usccs, *changes})
        if actor.role not in LEADERS:
            raise Forbidden("only a supervisor corrects a published month")
        if not reason.strip() or not wanted:
            raise BadInput(Code.FIELD, "a correction needs a reason and at least one merchant", where="reason")
        with self.store.reading() as uow:
            old = _found(uow, run_id)
            if old.state is not RunState.PUBLISHED:
                raise IllegalTransition(ENTITY, old.id, old.state.value, "correct")
            rater, kept = self.rater(old, uow), uow.assessments.catalogue(old.catalogue_version)
            before = {uscc: self._standing_inputs(uow, old, uscc) for uscc in wanted}
            merchants = list(uow.merchants.get_all(uscc for uscc in usccs).values())
            again = take(
                uow,
                self.lens_of(old),
                merchants,
                old.month,
                cut_at=old.frozen_at,
                told_before=old.objection_until,
                outages_at=now,
            )
        assert kept is not None
        version = old.version + 1
        new = replace(
            old,
            id=f"{old.scheme}-{old.month}-v{version}",
            version=version,
            started_at=now,
            moved_at=now,
            published_at=now,
            published_by=actor.id,
            reason=reason.strip(),
            row_version=1,
        )
        inputs = []
        for uscc in wanted:
            base = again.get(uscc) or Gathered(facts=before[uscc].facts, origins=before[uscc].origins)
            inputs.append(frozen(new.id, uscc, changed(base, changes.get(uscc, {}), CORRECTED), now, why=CORRECTED))
        with self.store.writing() as uow:
            ended = replace(old, state=RunState.CORRECTED, moved_at=now, row_version=old.row_version + 1)
            uow.assessments.save_run(ended, expected_version=old.row_version)
            if not uow.assessments.add_run(new, kept):
                raise Conflict(f"{new.id} is there already")
            uow.assessments.add_inputs(inputs)
            results = [rater.result(new, each, now) for each in inputs]
            uow.assessments.add_results(results)
            if self._follow is not None:
                self._follow(uow, new, results, now)
            _audit(uow, ended, RunState.PUBLISHED.value, actor, now, reason=reason)
            _audit(uow, new, "", actor, now, reason=reason)
            uow.commit()
        return new

    def _standing_inputs(self, uow: UnitOfWork, run: Run, uscc: str) -> Inputs:
        """The inputs of the merchant's last version of a month."""
        for version in range(run.version, 0, -1):
            found = uow.assessments.inputs(f"{run.scheme}-{run.month}-v{version}", uscc)
            if found is not None:
                return found
        raise NotFound(f"{uscc} has no result in {run.id}")

    def revise(self, uow: UnitOfWork, run: Run, inputs: Inputs, gathered: Gathered, now: datetime, *, why: str) -> Result:
        """A further revision of one merchant's inputs and result, before a month is final."""
        rater = self.rater(run, uow)
        better = frozen(run.id, inputs.uscc, gathered, now, revision=inputs.revision + 1, why=why)
        result = rater.result(run, better, now)
        uow.assessments.add_inputs([better])
        uow.assessments.add_results([result])
        return result

    # looking

    def live(self, uscc: str, now: datetime) -> Rating:
        """What a merchant would come to if the month ended now; changes nothing (Z-04).

        Raises:
            NotFound: no such merchant, or no scheme of its name.
        """
        with self.store.reading() as uow:
            merchant = uow.merchants.get(uscc)
            if merchant is None:
                raise NotFound(f"no merchant {uscc[:40]}")
            return self._live(uow, merchant, now)[1]

    def _live(self, uow: UnitOfWork, merchant: Merchant, now: datetime) -> tuple[Gathered, Rating]:
        lens = self.lens(merchant.scheme)
        cut_at = now + timedelta(microseconds=1)
        gathered = take(uow, lens, [merchant], month_of(now), cut_at=cut_at)[merchant.uscc]
        rater = self._raters.setdefault(lens.scheme.version, Rater(lens.scheme))
        return gathered, rater.rating(gathered.facts, gathered.origins)

    def recompute(self, run_id: str, uscc: str) -> tuple[Result, Result]:
        """A kept result, and the same made again from the kept inputs, catalogue and configuration (C.0-5).

        Raises:
            NotFound: there is none.
        """
        with self.store.reading() as uow:
            run = _found(uow, run_id)
            kept = uow.assessments.result(run_id, uscc)
            inputs = None if kept is None else uow.assessments.inputs(run_id, uscc, kept.revision)
            if kept is None or inputs is None:
                raise NotFound(f"{uscc[:40]} has no result in {run_id}")
            content = uow.assessments.catalogue(run.catalogue_version)
        assert content is not None
        return kept, Rater(scheme_of(content.content)).result(run, inputs, kept.rated_at)


@contextmanager
def uncollected() -> Iterator[None]:
    """Put off looking for garbage in cycles: a batch makes many objects and no cycle, and looking would take a sixth of it."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def changed(base: Gathered, changes: Mapping[str, Any], how: str, evidence: str = "") -> Gathered:
    """Facts with some values replaced; ``violations.N`` null takes one away.

    Raises:
        BadInput: E003 for a path that is not there.
    """
    facts: dict[str, Any] = dict(base.facts)
    origins: dict[str, Any] = dict(base.origins)
    gone: set[int] = set()
    for path, value in changes.items():
        *outer, key = path.split(".")
        if outer == ["violations"] and key.isdigit() and value is None and int(key) < len(facts.get("violations", ())):
            gone.add(int(key))
        else:
            place: dict[str, Any] = facts
            for name in outer:
                if not isinstance(place.get(name), Mapping):
                    raise BadInput(Code.FIELD, "there is no such fact", where=path)
                place[name] = place = dict(place[name])
            if key not in place and outer:
                raise BadInput(Code.FIELD, "there is no such fact", where=path)
            place[key] = value
        origins[path] = {"how": how, **({"evidence": [evidence]} if evidence else {}), "before": _before(base, path)}
    if gone:
        facts["violations"] = [each for at, each in enumerate(facts["violations"]) if at not in gone]
    return Gathered(facts=facts, origins=origins)


def _before(base: Gathered, path: str) -> Any:
    place: Any = base.facts
    for name in path.split("."):
        place = place[int(name)] if isinstance(place, list) else place.get(name) if isinstance(place, Mapping) else None
    return place


def _supplied(inputs: Inputs, again: Gathered, now: datetime) -> Inputs | None:
    """The inputs with what was supplied since; only of facts that were missing. None if nothing was."""
    missing = [path for path, origin in inputs.origins.items() if origin.get("how") == "lacking"]
    there = {path: again.origins[path] for path in missing if again.origins.get(path, {}).get("how") == "told"}
    if not there:
        return None
    values = {path: _before(again, path) for path in there}
    base = changed(Gathered(facts=inputs.facts, origins=inputs.origins), values, SUPPLIED)
    better = Gathered(facts=base.facts, origins={**base.origins, **there})
    return frozen(inputs.run_id, inputs.uscc, better, now, revision=inputs.revision + 1, why=SUPPLIED)


def _found(uow: UnitOfWork, run_id: str) -> Run:
    run = uow.assessments.run(run_id)
    if run is None:
        raise NotFound(f"no assessment {run_id[:80]}")
    return run


def _audit(uow: UnitOfWork, run: Run, before: str, actor: Actor, now: datetime, *, reason: str = "") -> None:
    uow.audit.append(
        AuditStep(
            entity=ENTITY,
            entity_id=run.id,
            from_state=before,
            to_state=run.state.value,
            at=now,
            actor=actor.id,
            actor_role=actor.role.value,
            reason=reason,
        )
    )
