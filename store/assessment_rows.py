"""The repository of the monthly assessment over SQL. What is kept is only ever added; see ``store.assessments``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import Table, Text, and_, delete, false, func, insert, or_, select, text, tuple_, type_coerce, update

from domain.deductions import Deduction
from domain.errors import Conflict, NotFound
from domain.observations import Kind
from domain.parties import Device, Merchant
from domain.warnings import Warning
from store import assessment_tables as own
from store import tables
from store.assessment_compare import beside
from store.assessments import (
    FOR_EVER,
    Beside,
    Catalogue,
    DeviceDay,
    Fact,
    Inputs,
    Interruption,
    Objection,
    ObjectionState,
    Result,
    Run,
    RunState,
    Seen,
    Sold,
    Standing,
    StatusWord,
    Try,
)
from store.gathering import Pen
from store.rows import Rows, in_parts, insert_or_replace, insert_or_skip

_FACT, _INTERRUPTION = Rows(Fact, own.facts), Rows(Interruption, own.interruptions)
_RUN, _CATALOGUE = Rows(Run, own.runs), Rows(Catalogue, own.catalogues)
_INPUTS, _RESULT, _OBJECTION = Rows(Inputs, own.inputs), Rows(Result, own.results), Rows(Objection, own.objections)
_MERCHANT, _DEVICE = Rows(Merchant, tables.merchants), Rows(Device, tables.devices)
_WARNING, _DEDUCTION = Rows(Warning, tables.warnings), Rows(Deduction, tables.deductions)

_F, _I, _R, _N = own.facts.c, own.interruptions.c, own.runs.c, own.inputs.c
_O, _E, _M = tables.observations.c, own.results.c, tables.merchants.c
_ADD_FACTS = insert_or_skip(own.facts)
_ADD_INTERRUPTION = insert_or_skip(own.interruptions, ["id"])
_ADD_RUN, _ADD_CATALOGUE = insert_or_skip(own.runs), insert_or_skip(own.catalogues, ["version"])
_ADD_OBJECTION = insert_or_skip(own.objections, ["id"])
_PUBLISHED = (RunState.PUBLISHED, RunState.CORRECTED)
_SEEN = [_O[name] for name in ("event_id", "kind", "uscc", "device_id", "event_time", "seq", "body", "flags", "received_at")]
_DAY, _TRY = Rows(DeviceDay, own.device_days), Rows(Try, own.tries)
_D, _T = own.device_days.c, own.tries.c
_PUT_DAYS = insert_or_replace(own.device_days, ["uscc", "kind", "day", "device_id"])
_ADD_TRY = insert_or_skip(own.tries, ["connector", "uscc", "at"])
_ONLINE = {
    "sqlite": func.json_extract(type_coerce(_O.body, Text), "$.online"),
    "postgresql": type_coerce(_O.body, Text).op("->>")("online"),
}
_YES = (1, True, "true")
_TOLD = attrgetter("uscc", "scheme", "fact", "month", "observed_at")
LACKING = "lacking"
"""Origin of a fact the merchant has yet to supply."""


class SqlAssessments:
    """``assessments.Assessments``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen, self._locking = pen, locking

    # facts

    def add_facts(self, facts: Sequence[Fact]) -> int:
        """Add those that are new; how many were."""
        if not facts:
            return 0
        before = self._known(facts)
        fresh = {fact.id: fact for fact in facts if fact.id not in before}
        if fresh:
            self._pen.execute(_ADD_FACTS.on(self._pen), [_FACT.values(fact) for fact in fresh.values()])
        return len(self._known(list(fresh.values())))

    def _known(self, facts: Sequence[Fact]) -> set[str]:
        found: set[str] = set()
        for part in in_parts(fact.id for fact in facts):
            found.update(self._pen.execute(select(_F.id).where(_F.id.in_(part))).scalars())
        return found

    def rivals(self, facts: Sequence[Fact]) -> dict[tuple[str, str, str, str, datetime], str]:
        """What is told already of the same thing at the same instant."""
        found: dict[tuple[str, str, str, str, datetime], str] = {}
        told = tuple_(_F.uscc, _F.scheme, _F.fact, _F.month, _F.observed_at)
        for part in in_parts(_TOLD(fact) for fact in facts):
            rows = self._pen.execute(select(_F.id, _F.uscc, _F.scheme, _F.fact, _F.month, _F.observed_at).where(told.in_(part)))
            found.update((tuple(row[1:]), row[0]) for row in rows)
        return found

    def facts_of(self, usccs: Sequence[str], scheme: str, *, month: str, recorded_before: datetime) -> list[Fact]:
        """Those in force in a month and known before an instant."""
        return self._facts(
            usccs,
            _F.scheme == scheme,
            _F.month <= month,
            _F.until_month >= month,
            _F.recorded_at < recorded_before,
        )

    def late_facts(
        self, usccs: Sequence[str], scheme: str, *, before: str, recorded_from: datetime, recorded_before: datetime
    ) -> list[Fact]:
        """Those of months that ended before one, which came to be known in a span."""
        return self._facts(
            usccs,
            _F.scheme == scheme,
            _F.month < before,
            _F.until_month < before,
            _F.recorded_at >= recorded_from,
            _F.recorded_at < recorded_before,
        )

    def past_facts(
        self, usccs: Sequence[str], scheme: str, fact: str, *, since: str, before: str, recorded_before: datetime
    ) -> list[Fact]:
        """Those under one path, or below it, of months in [since, before), known before an instant."""
        return self._facts(
            usccs,
            _F.scheme == scheme,
            or_(_F.fact == fact, _F.fact.startswith(f"{fact}.", autoescape=True)),
            _F.month >= since,
            _F.month < before,
            _F.recorded_at < recorded_before,
        )

    def _facts(self, usccs: Sequence[str], *conditions: Any) -> list[Fact]:
        found: list[Fact] = []
        for part in in_parts(usccs):
            query = select(*_FACT.columns).where(_F.uscc.in_(part), *conditions)
            found += _FACT.all(self._pen.execute(query.order_by(_F.uscc, _F.fact, _F.observed_at, _F.month, _F.id)))
        return found

    def add_interruption(self, interruption: Interruption) -> bool:
        """False, and nothing changes, if the id is known."""
        return self._pen.execute(_ADD_INTERRUPTION.on(self._pen), _INTERRUPTION.values(interruption)).rowcount == 1

    def interruptions(self, since: datetime, until: datetime, *, known_at: datetime) -> list[Interruption]:
        """Those that overlap a span and stood at an instant, earliest first."""
        return [item for item in self.told_interruptions(since, until) if item.known_at(known_at)]

    def interruption(self, interruption_id: str) -> Interruption | None:
        """One of them; locked until the end of a write transaction."""
        query = select(*_INTERRUPTION.columns).where(_I.id == interruption_id)
        return _INTERRUPTION.maybe(self._pen.execute(query.with_for_update() if self._locking else query).first())

    def told_interruptions(self, since: datetime, until: datetime) -> list[Interruption]:
        """Those that overlap a span, the withdrawn ones too, earliest first."""
        query = select(*_INTERRUPTION.columns).where(_I.began_at < until, _I.ended_at > since).order_by(_I.began_at, _I.id)
        return _INTERRUPTION.all(self._pen.execute(query))

    def withdraw_interruption(self, interruption: Interruption) -> None:
        """Write who withdrew it. Raises Conflict if it is withdrawn already."""
        values = {key: _INTERRUPTION.values(interruption)[key] for key in ("withdrawn_at", "withdrawn_by", "withdrawn_why")}
        statement = update(own.interruptions).where(_I.id == interruption.id, _I.withdrawn_at.is_(None)).values(values)
        if self._pen.execute(statement).rowcount != 1:
            raise Conflict(f"{interruption.id} is withdrawn already")

    def add_try(self, attempt: Try) -> None:
        """Write down an attempt."""
        self._pen.execute(_ADD_TRY.on(self._pen), _TRY.values(attempt))

    def tries(self, connector: str, usccs: Sequence[str], *, before: datetime) -> dict[str, Try]:
        """Of each merchant the last attempt before an instant."""
        found: dict[str, Try] = {}
        for part in in_parts(usccs):
            last = (
                select(_T.uscc, func.max(_T.at).label("at"))
                .where(_T.connector == connector, _T.uscc.in_(part), _T.at < before)
                .group_by(_T.uscc)
                .subquery()
            )
            query = (
                select(*_TRY.columns).where(_T.connector == connector).join(last, (_T.uscc == last.c.uscc) & (_T.at == last.c.at))
            )
            found.update((item.uscc, item) for item in _TRY.all(self._pen.execute(query)))
        return found

    # what the system recorded

    def merchants(self, scheme: str, *, after: str = "", limit: int | None = None) -> list[Merchant]:
        """Merchants of a scheme, by code."""
        query = select(*_MERCHANT.columns).where(_M.scheme == scheme, _M.uscc > after).order_by(_M.uscc)
        return _MERCHANT.all(self._pen.execute(query if limit is None else query.limit(limit)))

    def merchants_after(self, uscc: str, *, limit: int) -> list[Merchant]:
        """Merchants of every scheme, by code."""
        query = select(*_MERCHANT.columns).where(_M.uscc > uscc).order_by(_M.uscc).limit(limit)
        return _MERCHANT.all(self._pen.execute(query))

    def seen(
        self, usccs: Sequence[str], kinds: Sequence[Kind], *, since: datetime, until: datetime, received_before: datetime
    ) -> Iterator[Seen]:
        """Observations of [since, until) that came before an instant, by merchant, time, counter and id."""
        for part in in_parts(usccs):
            query = (
                select(*_SEEN)
                .where(
                    tables.ASSESSED,
                    _O.uscc.in_(part),
                    _O.kind.in_(kinds),
                    _O.event_time >= since,
                    _O.event_time < until,
                    _O.received_at < received_before,
                )
                .order_by(_O.uscc, _O.event_time, _O.seq, _O.event_id)
            )
            for event_id, kind, uscc, device_id, event_time, seq, body, flags, received_at in self._pen.execute(query):
                words = tuple(flag.value for flag in flags)
                yield Seen(event_id, kind, uscc, device_id, event_time, seq, body, words, received_at)

    def device_days(
        self, usccs: Sequence[str], kind: Kind, *, since: str, until: str, within: timedelta, received_before: datetime
    ) -> list[DeviceDay]:
        """Tallies of the days [since, until)."""
        found: list[DeviceDay] = []
        for part in in_parts(usccs):
            query = select(*_DAY.columns).where(
                _D.uscc.in_(part),
                _D.kind == kind,
                _D.day >= since,
                _D.day < until,
                _D.within == within,
                or_(_D.received_at.is_(None), _D.received_at < received_before),
            )
            found += _DAY.all(self._pen.execute(query.order_by(_D.uscc, _D.device_id, _D.day)))
        return found

    def put_device_days(self, days: Sequence[DeviceDay]) -> None:
        """Insert or replace."""
        if days:
            self._pen.execute(_PUT_DAYS.on(self._pen), [_DAY.values(day) for day in days])

    def drop_device_days(self, uscc: str, device_id: str, kind: Kind, *, days: Sequence[str]) -> None:
        """Take tallies away."""
        same = (_D.uscc == uscc, _D.device_id == device_id, _D.kind == kind, _D.day.in_(days))
        self._pen.execute(delete(own.device_days).where(*same))

    def words(self, usccs: Sequence[str], *, since: datetime, until: datetime) -> Iterator[tuple[str, str, StatusWord]]:
        """Each ``cam.status`` of a span."""
        for part in in_parts(usccs):
            query = (
                select(_O.uscc, _O.device_id, _O.event_time, _ONLINE[self._pen.dialect.name], _O.received_at)
                .where(
                    tables.ASSESSED,
                    _O.uscc.in_(part),
                    _O.kind == Kind.CAM_STATUS,
                    _O.event_time >= since,
                    _O.event_time < until,
                )
                .order_by(_O.uscc, _O.event_time, _O.seq, _O.event_id)
            )
            for uscc, device_id, at, online, received_at in self._pen.execute(query):
                yield uscc, device_id, StatusWord(at, online in _YES, received_at)

    def sold(self, usccs: Sequence[str], *, since: datetime, until: datetime, received_before: datetime) -> list[Sold]:
        """Sales by lot."""
        w, b, found = tables.weighings.c, tables.batches.c, []
        for part in in_parts(usccs):
            query = (
                select(w.uscc, w.lot, func.coalesce(b.supplier_uscc, ""), func.count())
                .join(tables.observations, _O.event_id == w.event_id)
                .outerjoin(tables.batches, and_(b.uscc == w.uscc, b.lot == w.lot))
                .where(w.uscc.in_(part), w.at >= since, w.at < until, w.suspect.is_(false()), _O.received_at < received_before)
                .group_by(w.uscc, w.lot, b.supplier_uscc)
                .order_by(w.uscc, w.lot)
            )
            found += [Sold(*row) for row in self._pen.execute(query)]
        return found

    def first_seen(self, usccs: Sequence[str]) -> dict[str, datetime]:
        """When the first thing happened that is known of a merchant."""
        found: dict[str, datetime] = {}
        for part in in_parts(usccs):
            for kind in Kind:
                if kind is Kind.SCALE_WEIGH:
                    continue  # what is sold was received, and that is known as well
                first = select(func.min(_O.event_time)).where(tables.ASSESSED, _O.uscc == _M.uscc, _O.kind == kind)
                query = select(_M.uscc, first.correlate(tables.merchants).scalar_subquery()).where(_M.uscc.in_(part))
                for uscc, at in self._pen.execute(query):
                    if at is not None:
                        found[uscc] = min(at, found.get(uscc, at))
        return found

    def anything_before(self, at: datetime) -> bool:
        """Whether anything at all was recorded or told before an instant."""
        recorded = select(_O.event_id).where(_O.received_at < at).limit(1)
        told = select(_F.id).where(_F.recorded_at < at).limit(1)
        return any(self._pen.execute(query).first() is not None for query in (recorded, told))

    def devices(self, usccs: Sequence[str]) -> list[Device]:
        """Of several merchants, by id."""
        found: list[Device] = []
        for part in in_parts(usccs):
            query = select(*_DEVICE.columns).where(tables.devices.c.uscc.in_(part)).order_by(tables.devices.c.id)
            found += _DEVICE.all(self._pen.execute(query))
        return found

    def warnings(self, usccs: Sequence[str], *, since: datetime, until: datetime) -> list[Warning]:
        """Raised in [since, until), by merchant and time."""
        c, found = tables.warnings.c, []
        for part in in_parts(usccs):
            query = select(*_WARNING.columns).where(c.uscc.in_(part), c.raised_at >= since, c.raised_at < until)
            found += _WARNING.all(self._pen.execute(query.order_by(c.uscc, c.raised_at, c.id)))
        return found

    def deductions(self, usccs: Sequence[str], *, since_month: str) -> list[Deduction]:
        """Of that month and later, by merchant, time and id."""
        c, found = tables.deductions.c, []
        for part in in_parts(usccs):
            query = select(*_DEDUCTION.columns).where(c.uscc.in_(part), c.month >= since_month)
            found += _DEDUCTION.all(self._pen.execute(query.order_by(c.uscc, c.proposed_at, c.id)))
        return found

    # runs

    def add_run(self, run: Run, catalogue: Catalogue) -> bool:
        """False, and nothing changes, if there is that version of the month already."""
        self._pen.execute(_ADD_CATALOGUE.on(self._pen), _CATALOGUE.values(catalogue))
        return self._pen.execute(_ADD_RUN.on(self._pen), _RUN.values(run)).rowcount == 1

    def run(self, run_id: str) -> Run | None:
        """One run; locked until the end of a write transaction."""
        query = select(*_RUN.columns).where(_R.id == run_id)
        return _RUN.maybe(self._pen.execute(query.with_for_update() if self._locking else query).first())

    def runs(self, *, scheme: str | None = None, month: str | None = None, limit: int = 100) -> list[Run]:
        """Newest month and version first."""
        query = select(*_RUN.columns)
        query = query if scheme is None else query.where(_R.scheme == scheme)
        query = query if month is None else query.where(_R.month == month)
        return _RUN.all(self._pen.execute(query.order_by(_R.month.desc(), _R.scheme, _R.version.desc()).limit(limit)))

    def undone(self) -> list[Run]:
        """Runs that are neither published nor corrected, oldest first."""
        query = select(*_RUN.columns).where(_R.state.not_in(_PUBLISHED)).order_by(_R.month, _R.scheme, _R.version)
        return _RUN.all(self._pen.execute(query))

    def save_run(self, run: Run, *, expected_version: int) -> None:
        """Write a changed run. Raises Conflict if the stored version is another."""
        self._save(own.runs, _RUN.values(run), run.id, "row_version", expected_version)

    def catalogue(self, version: str) -> Catalogue | None:
        """A scheme as it was."""
        query = select(*_CATALOGUE.columns).where(own.catalogues.c.version == version)
        return _CATALOGUE.maybe(self._pen.execute(query).first())

    # inputs and results

    def without_inputs(self, run_id: str, scheme: str, *, after: str, limit: int) -> list[Merchant]:
        """Merchants of the scheme that have no inputs in the run, by code."""
        there = select(_N.uscc).where(_N.run_id == run_id, _N.uscc == _M.uscc).exists()
        query = select(*_MERCHANT.columns).where(_M.scheme == scheme, _M.uscc > after, ~there).order_by(_M.uscc).limit(limit)
        return _MERCHANT.all(self._pen.execute(query))

    def add_inputs(self, inputs: Iterable[Inputs]) -> None:
        """Raises Conflict if one is there already."""
        rows = [_INPUTS.values(item, lacking=_lacking(item.origins)) for item in inputs]
        if rows:
            self._pen.execute(insert(own.inputs), rows)

    def inputs(self, run_id: str, uscc: str, revision: int | None = None) -> Inputs | None:
        """Those of a revision, by default the last."""
        return _INPUTS.maybe(self._pen.execute(_newest(own.inputs, _INPUTS, run_id, uscc, revision)).first())

    def unrated(self, run_id: str, *, after: str, limit: int) -> list[Inputs]:
        """Inputs that no result was made from yet, by merchant."""
        same = and_(_E.run_id == _N.run_id, _E.uscc == _N.uscc, _E.revision == _N.revision)
        query = select(*_INPUTS.columns).where(_N.run_id == run_id, _N.uscc > after, ~select(_E.uscc).where(same).exists())
        return _INPUTS.all(self._pen.execute(query.order_by(_N.uscc, _N.revision).limit(limit)))

    def lacking(self, run_id: str, *, after: str, limit: int) -> list[Inputs]:
        """The last inputs of merchants of whom something is missing, by code."""
        query = select(*_INPUTS.columns).where(_N.run_id == run_id, _N.uscc > after, _N.lacking > 0, _is_last(own.inputs))
        return _INPUTS.all(self._pen.execute(query.order_by(_N.uscc).limit(limit)))

    def add_results(self, results: Iterable[Result]) -> None:
        """Raises Conflict if one is there already."""
        rows = [_RESULT.values(item) for item in results]
        if rows:
            self._pen.execute(insert(own.results), rows)

    def result(self, run_id: str, uscc: str, revision: int | None = None) -> Result | None:
        """That of a revision, by default the last."""
        return _RESULT.maybe(self._pen.execute(_newest(own.results, _RESULT, run_id, uscc, revision)).first())

    def results(self, run_id: str, *, after: str = "", limit: int | None = None, grade: str | None = None) -> list[Result]:
        """The last of every merchant, by code."""
        query = select(*_RESULT.columns).where(_E.run_id == run_id, _E.uscc > after, _is_last(own.results))
        query = query if grade is None else query.where(_E.grade == grade)
        query = query.order_by(_E.uscc)
        return _RESULT.all(self._pen.execute(query if limit is None else query.limit(limit)))

    def beside(self, run: Run, *, since: str = "", region: str = "") -> list[Beside]:
        """Every merchant of a run beside its last result before."""
        return beside(self._pen, run, since=since, region=region)

    def counts(self, run_id: str) -> dict[str, int]:
        """Merchants by grade."""
        query = select(_E.grade, func.count()).where(_E.run_id == run_id, _is_last(own.results)).group_by(_E.grade)
        return {row[0]: row[1] for row in self._pen.execute(query.order_by(_E.grade))}

    def progress(self, run_id: str) -> tuple[int, int]:
        """Merchants with inputs, and with a result."""
        first = select(func.count()).where(_N.run_id == run_id, _N.revision == 1)
        second = select(func.count()).where(_E.run_id == run_id, _E.revision == 1)
        return int(self._pen.execute(first).scalar_one()), int(self._pen.execute(second).scalar_one())

    def standing(self, uscc: str, scheme: str, *, before: str = FOR_EVER) -> list[Standing]:
        """A merchant's published results of months before one, newest month first."""
        return self.standings([uscc], scheme, before=before)[uscc]

    def standings(
        self, usccs: Sequence[str], scheme: str, *, before: str = FOR_EVER, since: str = ""
    ) -> dict[str, list[Standing]]:
        """The same for several."""
        found: dict[str, list[Standing]] = {uscc: [] for uscc in usccs}
        runs = {run.id: run for run in self._published(scheme, before=before, since=since)}
        if not runs:
            return found
        for part in in_parts(usccs):
            query = select(*_RESULT.columns).where(_E.uscc.in_(part), _E.run_id.in_(list(runs)), _is_last(own.results))
            for result in _RESULT.all(self._pen.execute(query)):
                found[result.uscc].append(Standing(run=runs[result.run_id], result=result))
        return {uscc: _last_versions(items) for uscc, items in found.items()}

    def _published(self, scheme: str, *, before: str, since: str) -> list[Run]:
        query = select(*_RUN.columns).where(_R.scheme == scheme, _R.state.in_(_PUBLISHED), _R.month < before, _R.month >= since)
        return _RUN.all(self._pen.execute(query))

    # objections

    def add_objection(self, objection: Objection) -> bool:
        """False, and nothing changes, if the id is known."""
        return self._pen.execute(_ADD_OBJECTION.on(self._pen), _OBJECTION.values(objection)).rowcount == 1

    def objection(self, objection_id: str) -> Objection | None:
        """One objection; locked until the end of a write transaction."""
        query = select(*_OBJECTION.columns).where(own.objections.c.id == objection_id)
        return _OBJECTION.maybe(self._pen.execute(query.with_for_update() if self._locking else query).first())

    def objections(
        self, *, run_id: str | None = None, uscc: str | None = None, state: ObjectionState | None = None
    ) -> list[Objection]:
        """Oldest first."""
        c = own.objections.c
        query = select(*_OBJECTION.columns)
        query = query if run_id is None else query.where(c.run_id == run_id)
        query = query if uscc is None else query.where(c.uscc == uscc)
        query = query if state is None else query.where(c.state == state)
        return _OBJECTION.all(self._pen.execute(query.order_by(c.filed_at, c.id)))

    def save_objection(self, objection: Objection, *, expected_version: int) -> None:
        """Write a changed objection. Raises Conflict if the stored version is another."""
        self._save(own.objections, _OBJECTION.values(objection), objection.id, "version", expected_version)

    def _save(self, table: Table, values: Mapping[str, Any], id: str, version: str, expected: int) -> None:
        if values[version] <= expected:
            raise ValueError(f"{table.name} {id} was changed but its version is still {values[version]}")
        changed = {key: value for key, value in values.items() if key != "id"}
        statement = update(table).where(table.c.id == id, table.c[version] == expected).values(changed)
        if self._pen.execute(statement).rowcount == 1:
            return
        if self._pen.execute(select(table.c.id).where(table.c.id == id)).first() is None:
            raise NotFound(f"there is nothing under {id}")
        raise Conflict(f"{id} was changed by somebody else: read it again")


def _lacking(origins: Mapping[str, Any]) -> int:
    return sum(1 for origin in origins.values() if origin.get("how") == LACKING)


def _is_last(table: Table) -> Any:
    """No later revision of the same merchant in the same run."""
    later = table.alias("later")
    same = and_(later.c.run_id == table.c.run_id, later.c.uscc == table.c.uscc, later.c.revision > table.c.revision)
    return ~select(text("1")).select_from(later).where(same).correlate(table).exists()


def _newest(table: Table, rows: Rows[Any], run_id: str, uscc: str, revision: int | None) -> Any:
    query = select(*rows.columns).where(table.c.run_id == run_id, table.c.uscc == uscc)
    query = query if revision is None else query.where(table.c.revision == revision)
    return query.order_by(table.c.revision.desc()).limit(1)


def _last_versions(items: list[Standing]) -> list[Standing]:
    """Of each month the last version, newest month first."""
    best: dict[str, Standing] = {}
    for item in items:
        known = best.get(item.run.month)
        if known is None or item.run.version > known.run.version:
            best[item.run.month] = item
    return [best[month] for month in sorted(best, reverse=True)]
