"""What a shop keeps records of, over SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, update

from domain.errors import Conflict
from domain.registers import (
    AdditiveName,
    AdditiveRecord,
    AdditiveState,
    Certificate,
    Due,
    DueKind,
    NameState,
    Sample,
    Shift,
)
from store import record_tables as tables
from store.gathering import Bulk, Pen
from store.rows import Rows, insert_or_replace, insert_or_skip

_C = tables.certificates.c
_CERTIFICATE = Rows(Certificate, tables.certificates)
_PUT_CERTIFICATE = insert_or_replace(tables.certificates, ["uscc", "person_ref", "issued_on"])
_CERTIFICATES = (
    select(*_CERTIFICATE.columns).where(_C.uscc == bindparam("of_uscc")).order_by(_C.person_ref, _C.issued_on, _C.valid_until)
)
_PAPERS = _CERTIFICATES.where(_C.person_ref == bindparam("of_person"))

_S = tables.shifts.c
_SHIFT = Rows(Shift, tables.shifts)
_PUT_SHIFT = insert_or_replace(tables.shifts, ["id"])
_ALL_SHIFTS = select(*_SHIFT.columns).order_by(_S.start_at, _S.id)
_GET_SHIFT = _ALL_SHIFTS.where(_S.id == bindparam("shift_id"))
_SHIFTS_OF = _ALL_SHIFTS.where(
    _S.uscc == bindparam("of_uscc"), _S.person_ref == bindparam("of_person"), _S.end_at > bindparam("after")
)
_SHIFTS = _ALL_SHIFTS.where(
    _S.uscc == bindparam("of_uscc"), _S.start_at >= bindparam("since"), _S.start_at < bindparam("until")
).limit(bindparam("most"))

_A = tables.additive_records.c
_ADDITIVE = Rows(AdditiveRecord, tables.additive_records)
_PUT_ADDITIVE = insert_or_replace(tables.additive_records, ["id"])
_ALL_ADDITIVES = select(*_ADDITIVE.columns)
_GET_ADDITIVE = _ALL_ADDITIVES.where(_A.id == bindparam("record_id"))
_IN_LOT = _ALL_ADDITIVES.where(_A.uscc == bindparam("of_uscc"), _A.product_lot == bindparam("of_lot")).order_by(_A.at, _A.id)
_NAMED = (
    _ALL_ADDITIVES.where(_A.plain_name == bindparam("of_name"), _A.state == bindparam("in_state", type_=_A.state.type))
    .order_by(_A.at, _A.id)
    .limit(bindparam("most"))
)
_ADDITIVES = _ALL_ADDITIVES.where(_A.uscc == bindparam("of_uscc")).order_by(_A.at.desc(), _A.id.desc()).limit(bindparam("most"))

_N = tables.additive_names.c
_NAME = Rows(AdditiveName, tables.additive_names)
_ADD_NAME = insert_or_skip(tables.additive_names, ["name"])
_GET_NAME = select(*_NAME.columns).where(_N.name == bindparam("of_name"))
_SAVE_NAME = update(tables.additive_names).where(_N.name == bindparam("of_name"), _N.version == bindparam("expected_version"))
_NAMES = (
    select(*_NAME.columns)
    .where(_N.state == bindparam("in_state", type_=_N.state.type))
    .order_by(_N.seen_at, _N.name)
    .limit(bindparam("most"))
)

_P = tables.samples.c
_SAMPLE = Rows(Sample, tables.samples)
_PUT_SAMPLE = insert_or_replace(tables.samples, ["uscc", "report_no"])
_GET_SAMPLE = select(*_SAMPLE.columns).where(_P.uscc == bindparam("of_uscc"), _P.report_no == bindparam("of_report"))
_SAMPLES = (
    select(*_SAMPLE.columns)
    .where(_P.uscc == bindparam("of_uscc"))
    .order_by(_P.received_at.desc(), _P.report_no)
    .limit(bindparam("most"))
)

_D = tables.dues.c
_DUE = Rows(Due, tables.dues)
_PUT_DUE = insert_or_replace(tables.dues, ["kind", "uscc", "subject"])
PUT_DUES = Bulk(tables.dues, replace=["kind", "uscc", "subject"])
_ONE_DUE = (
    _D.kind == bindparam("of_kind", type_=_D.kind.type),
    _D.uscc == bindparam("of_uscc"),
    _D.subject == bindparam("of_subject"),
)
_GET_DUE = select(*_DUE.columns).where(*_ONE_DUE)
_DROP_DUE = delete(tables.dues).where(*_ONE_DUE)
_DUES = (
    select(*_DUE.columns)
    .where(_D.due_at <= bindparam("now"))
    .order_by(_D.due_at, _D.kind, _D.uscc, _D.subject)
    .limit(bindparam("most"))
)
_DUES_LOCKED = _DUES.with_for_update(skip_locked=True)


class SqlShopRecords:
    """``records.ShopRecords``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen = pen
        self._dues = _DUES_LOCKED if locking else _DUES

    def certificates(self, uscc: str, person_ref: str | None = None) -> Sequence[Certificate]:
        """A merchant's, or one person's, earliest issued first."""
        if person_ref is None:
            return _CERTIFICATE.all(self._pen.execute(_CERTIFICATES, {"of_uscc": uscc}))
        return _CERTIFICATE.all(self._pen.execute(_PAPERS, {"of_uscc": uscc, "of_person": person_ref}))

    def put_certificate(self, certificate: Certificate) -> None:
        """Insert or replace; the key is the person and the day of issue."""
        self._pen.execute(_PUT_CERTIFICATE.on(self._pen), _CERTIFICATE.values(certificate))

    def shift(self, shift_id: str) -> Shift | None:
        """The shift, if it is known."""
        return _SHIFT.maybe(self._pen.execute(_GET_SHIFT, {"shift_id": shift_id}).first())

    def put_shift(self, shift: Shift) -> None:
        """Insert or replace."""
        self._pen.execute(_PUT_SHIFT.on(self._pen), _SHIFT.values(shift))

    def shifts_of(self, uscc: str, person_ref: str, *, ending_after: datetime) -> Sequence[Shift]:
        """One person's shifts that end later than an instant, in order."""
        asked = {"of_uscc": uscc, "of_person": person_ref, "after": ending_after}
        return _SHIFT.all(self._pen.execute(_SHIFTS_OF, asked))

    def shifts(self, uscc: str, *, since: datetime, until: datetime, limit: int = 1000) -> Sequence[Shift]:
        """A merchant's shifts that begin in [since, until), in order."""
        asked = {"of_uscc": uscc, "since": since, "until": until, "most": limit}
        return _SHIFT.all(self._pen.execute(_SHIFTS, asked))

    def additive(self, record_id: str) -> AdditiveRecord | None:
        """The record, if it is known."""
        return _ADDITIVE.maybe(self._pen.execute(_GET_ADDITIVE, {"record_id": record_id}).first())

    def put_additive(self, record: AdditiveRecord, *, plain_name: str) -> None:
        """Insert or replace."""
        self._pen.execute(_PUT_ADDITIVE.on(self._pen), _ADDITIVE.values(record, plain_name=plain_name))

    def additives_in(self, uscc: str, product_lot: str) -> Sequence[AdditiveRecord]:
        """Every record of one product lot, earliest first."""
        return _ADDITIVE.all(self._pen.execute(_IN_LOT, {"of_uscc": uscc, "of_lot": product_lot}))

    def additives_named(self, plain_name: str, state: AdditiveState, *, limit: int) -> Sequence[AdditiveRecord]:
        """Records of a name in one state, of all merchants."""
        return _ADDITIVE.all(self._pen.execute(_NAMED, {"of_name": plain_name, "in_state": state, "most": limit}))

    def additives(self, uscc: str, *, limit: int = 200) -> Sequence[AdditiveRecord]:
        """A merchant's, newest first."""
        return _ADDITIVE.all(self._pen.execute(_ADDITIVES, {"of_uscc": uscc, "most": limit}))

    def additive_name(self, plain_name: str) -> AdditiveName | None:
        """The name, if it was ever seen unknown."""
        return _NAME.maybe(self._pen.execute(_GET_NAME, {"of_name": plain_name}).first())

    def add_additive_name(self, name: AdditiveName) -> bool:
        """False, and nothing changes, if it is known."""
        return self._pen.execute(_ADD_NAME.on(self._pen), _NAME.values(name)).rowcount == 1

    def save_additive_name(self, name: AdditiveName, *, expected_version: int) -> None:
        """Write a changed one. Raises Conflict if the stored version is another."""
        asked = _NAME.values(name) | {"of_name": name.name, "expected_version": expected_version}
        if self._pen.execute(_SAVE_NAME, asked).rowcount != 1:
            raise Conflict(f"{name.name} was changed meanwhile: read it again")

    def additive_names(self, state: NameState, *, limit: int = 200) -> Sequence[AdditiveName]:
        """In the order in which they were first seen."""
        return _NAME.all(self._pen.execute(_NAMES, {"in_state": state, "most": limit}))

    def sample(self, uscc: str, report_no: str) -> Sample | None:
        """The report, if it is known."""
        return _SAMPLE.maybe(self._pen.execute(_GET_SAMPLE, {"of_uscc": uscc, "of_report": report_no}).first())

    def put_sample(self, sample: Sample) -> None:
        """Insert or replace."""
        self._pen.execute(_PUT_SAMPLE.on(self._pen), _SAMPLE.values(sample))

    def samples(self, uscc: str, *, limit: int = 200) -> Sequence[Sample]:
        """A merchant's, newest first."""
        return _SAMPLE.all(self._pen.execute(_SAMPLES, {"of_uscc": uscc, "most": limit}))

    def due(self, kind: DueKind, uscc: str, subject: str) -> Due | None:
        """The entry, if something is to come."""
        return _DUE.maybe(self._pen.execute(_GET_DUE, _named(kind, uscc, subject)).first())

    def put_due(self, due: Due) -> None:
        """Insert or replace."""
        values = _DUE.values(due)
        if self._pen.gathers:
            self._pen.wait(PUT_DUES, PUT_DUES.row(self._pen.dialect, values))
        else:
            self._pen.execute(_PUT_DUE.on(self._pen), values)

    def drop_due(self, kind: DueKind, uscc: str, subject: str) -> None:
        """Nothing is to come any more."""
        self._pen.execute(_DROP_DUE, _named(kind, uscc, subject))

    def dues(self, now: datetime, *, limit: int) -> Sequence[Due]:
        """What is due, longest due first; in a write transaction locked, and those held elsewhere left out."""
        return _DUE.all(self._pen.execute(self._dues, {"now": now, "most": limit}))


def _named(kind: DueKind, uscc: str, subject: str) -> dict[str, object]:
    return {"of_kind": kind, "of_uscc": uscc, "of_subject": subject}
