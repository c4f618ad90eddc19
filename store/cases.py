"""Repositories of warnings and their evidence.

Whether a warning is open is asked with the literal clause ``tables.OPEN``: the partial indexes answer to these words only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Select, bindparam, func, insert, select, tuple_, update

from domain.errors import BadInput, Code, Conflict, NotFound
from domain.rules import Level
from domain.warnings import Evidence, State, Warning
from store import tables
from store.gathering import Bulk, Changes, Pen
from store.ports import WarningQuery
from store.rows import Rows, in_parts, insert_or_skip
from store.types import instant, micros

_W = tables.warnings.c
_WARNING = Rows(Warning, tables.warnings)
_ALL = select(*_WARNING.columns)
_ADD = insert(tables.warnings)
_SAVE = update(tables.warnings).where(_W.id == bindparam("warning_id"), _W.version == bindparam("expected_version"))
_VERSION = select(_W.version).where(_W.id == bindparam("id"))
_GET = _ALL.where(_W.id == bindparam("id"))
_GET_LOCKED = _GET.with_for_update(key_share=True)  # as an update locks it: facts may still refer to the row
_WITH_KEY = _ALL.where(_W.open_key == bindparam("open_key"))
_OPEN_WITH_KEY = _WITH_KEY.where(tables.OPEN)
_LATEST_WITH_KEY = _WITH_KEY.order_by(_W.raised_at.desc(), _W.id.desc()).limit(1)
_PAGE = _ALL.order_by(_W.raised_at.desc(), _W.id.desc()).limit(bindparam("limit"))
_AFTER = tuple_(_W.raised_at, _W.id) < tuple_(bindparam("last_raised_at", type_=_W.raised_at.type), bindparam("last_id"))
_DUE = _ALL.where(_W.next_due_at <= bindparam("now")).order_by(_W.next_due_at).limit(bindparam("limit"))
_DUE_LOCKED = _DUE.with_for_update(key_share=True, skip_locked=True)
_COUNT_OPEN = select(_W.level, func.count()).where(tables.OPEN).group_by(_W.level)
_UNFLAGGED = select(func.count()).select_from(tables.warnings).where(tables.UNFLAGGED, _W.close_by < bindparam("now"))
_UNDELIVERED = (
    select(func.count())
    .select_from(tables.warnings)
    .where(tables.OPEN, _W.level == "red", _W.notified_at.is_(None), _W.raised_at < bindparam("raised_before"))
)
_COUNTED = (
    select(func.count())
    .select_from(tables.warnings)
    .where(
        _W.uscc == bindparam("uscc"),
        _W.class_ == bindparam("class_"),
        _W.camera == bindparam("camera"),
        _W.raised_at >= bindparam("day_from"),
        _W.raised_at < bindparam("day_until"),
    )
)

_EVIDENCE = Rows(Evidence, tables.evidence)
_ADD_EVIDENCE = insert_or_skip(tables.evidence)
_GET_EVIDENCE = select(*_EVIDENCE.columns).where(tables.evidence.c.id == bindparam("id"))
_EVIDENCE_OF = (
    select(*_EVIDENCE.columns)
    .where(tables.evidence.c.warning_id.in_(bindparam("warning_ids", expanding=True)))
    .order_by(tables.evidence.c.at, tables.evidence.c.id)
)

_LAST_RAISED = (
    select(_W.open_key.label("key"), func.max(_W.raised_at).label("at"))
    .where(_W.open_key.in_(bindparam("open_keys", expanding=True)))
    .group_by(_W.open_key)
    .subquery()
)
_LATEST_WITH_KEYS = (
    _ALL.join_from(_LAST_RAISED, tables.warnings, (_W.open_key == _LAST_RAISED.c.key) & (_W.raised_at == _LAST_RAISED.c.at))
).order_by(_W.id)
_LATEST_WITH_KEYS_LOCKED = _LATEST_WITH_KEYS.with_for_update(key_share=True, of=tables.warnings)

_FIXED = frozenset(
    {
        "id",
        "uscc",
        "region",
        "rule",
        "class_",
        "subject",
        "open_key",
        "level",
        "event_time",
        "raised_at",
        "rectify_within",
        "incident_id",
        "camera",
        "zone",
    }
)
"""What a raised warning keeps for ever. Writing it again would make SQLite write five indexes anew."""

_CHANGING = [name for name in _WARNING.names if name not in _FIXED]
_SAVE_CHANGED = _SAVE.values({name: bindparam(name) for name in _CHANGING})

ADD_WARNINGS = Bulk(tables.warnings)
ADD_EVIDENCE = Bulk(tables.evidence, skip=[])


SAVE_WARNINGS = Changes(tables.warnings, _CHANGING, key="id", version="version")

MOST_ITEMS = 500
"""The longest page a query gets, whatever it asks for."""


class SqlWarnings:
    """``ports.Warnings``."""

    def __init__(self, pen: Pen, *, locking: bool) -> None:
        self._pen = pen
        self._get = _GET_LOCKED if locking else _GET
        self._latest = _LATEST_WITH_KEYS_LOCKED if locking else _LATEST_WITH_KEYS
        self._due = _DUE_LOCKED if locking else _DUE

    def get(self, warning_id: str) -> Warning | None:
        """The warning, if there is one; locked until the end of a write transaction, so that commands come one after another."""
        return self._first(self._get, id=warning_id)

    def look(self, warning_id: str) -> Warning | None:
        """The warning, if there is one; not locked."""
        return self._first(_GET, id=warning_id)

    def add(self, warning: Warning) -> None:
        """Raises Conflict if an open warning with the same key exists."""
        if self._pen.gathers:
            self._pen.wait(ADD_WARNINGS, ADD_WARNINGS.row(self._pen.dialect, _values(warning)))
            self._pen.fresh.add(warning.id)
        else:
            self._pen.execute(_ADD, _values(warning))

    def save(self, warning: Warning, *, expected_version: int) -> None:
        """Write a changed warning; its version must have grown. Raises Conflict if the stored version is another."""
        if warning.version <= expected_version:
            raise ValueError(f"warning {warning.id} was changed but its version is still {warning.version}")
        names = {"warning_id": warning.id, "expected_version": expected_version}
        known = _values(warning)
        values = {name: known[name] for name in _CHANGING} | names
        if self._pen.gathers:
            self._pen.wait(SAVE_WARNINGS, SAVE_WARNINGS.row(self._pen.dialect, known, expected_version))
            return
        if self._pen.execute(_SAVE_CHANGED, values).rowcount == 1:
            return
        stored = self._pen.execute(_VERSION, {"id": warning.id}).scalar()
        if stored is None:
            raise NotFound(f"there is no warning {warning.id}")
        raise Conflict(f"warning {warning.id} has version {stored}, not {expected_version}: read it again")

    def open_with_key(self, open_key: str) -> Warning | None:
        """The open warning of this key."""
        return self._first(_OPEN_WITH_KEY, open_key=open_key)

    def latest_with_key(self, open_key: str) -> Warning | None:
        """The most recently raised one, open or not."""
        return self._first(_LATEST_WITH_KEY, open_key=open_key)

    def latest_with_keys(self, open_keys: Iterable[str]) -> dict[str, Warning]:
        """The same for several, locked in the order of their ids; those that have none are left out."""
        found: dict[str, Warning] = {}
        for keys in in_parts(open_keys):
            for warning in _WARNING.all(self._pen.execute(self._latest, {"open_keys": keys})):
                found[warning.open_key] = warning
        return found

    def query(self, query: WarningQuery) -> tuple[Sequence[Warning], str | None]:
        """One page, newest first, and the cursor of the next.

        Raises:
            BadInput: E003 for a state, level or cursor that is none.
        """
        limit = max(1, min(query.limit, MOST_ITEMS))
        values: dict[str, object] = {"limit": limit + 1}
        statement = _narrowed(_PAGE, query)
        if query.cursor is not None:
            statement = statement.where(_AFTER)
            values["last_raised_at"], values["last_id"] = _read_cursor(query.cursor)
        found = _WARNING.all(self._pen.execute(statement, values))
        page = found[:limit]
        return page, _cursor(page[-1]) if len(found) > limit else None

    def due(self, now: datetime, *, limit: int) -> Sequence[Warning]:
        """Open warnings something may be due for, longest due first; to write, those nobody else holds, locked."""
        return _WARNING.all(self._pen.execute(self._due, {"now": now, "limit": limit}))

    def count_open(self) -> dict[str, int]:
        """Open warnings by level; every level is there."""
        counts = dict.fromkeys((level.value for level in Level), 0)
        counts.update((level.value, count) for level, count in self._pen.execute(_COUNT_OPEN))
        return counts

    def overdue_unflagged(self, now: datetime) -> int:
        """For the independent auditor: open red warnings past close_by that no sweep has flagged."""
        return int(self._pen.execute(_UNFLAGGED, {"now": now}).scalar_one())

    def undelivered(self, raised_before: datetime) -> int:
        """For those who run the product: open red warnings of which no merchant is known to have been told."""
        return int(self._pen.execute(_UNDELIVERED, {"raised_before": raised_before}).scalar_one())

    def counted(self, *, uscc: str, class_: str, camera: str, day_from: datetime, day_until: datetime) -> int:
        """Camera warnings of that class and camera raised in [day_from, day_until)."""
        values = {"uscc": uscc, "class_": class_, "camera": camera, "day_from": day_from, "day_until": day_until}
        return int(self._pen.execute(_COUNTED, values).scalar_one())

    def _first(self, statement: Select[tuple[object, ...]], **values: object) -> Warning | None:
        return _WARNING.maybe(self._pen.execute(statement, values).first())


class SqlEvidence:
    """``ports.EvidenceItems``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def add(self, evidence: Evidence) -> bool:
        """False if the same warning has the same sha256 for the same finding/attempt already."""
        if self._pen.gathers and evidence.warning_id in self._pen.fresh:
            return self._wait(evidence)
        return self._pen.execute(_ADD_EVIDENCE.on(self._pen), _EVIDENCE.values(evidence)).rowcount == 1

    def _wait(self, evidence: Evidence) -> bool:
        """Of a warning that nobody else can know of yet, all its evidence is known here."""
        key = (evidence.warning_id, evidence.sha256, evidence.attempt, evidence.finding_id)
        if key in self._pen.fresh:
            return False
        self._pen.wait(ADD_EVIDENCE, ADD_EVIDENCE.row(self._pen.dialect, _EVIDENCE.values(evidence)))
        self._pen.fresh.add(key)
        return True

    def get(self, evidence_id: str) -> Evidence | None:
        """The piece of evidence, if there is one."""
        return _EVIDENCE.maybe(self._pen.execute(_GET_EVIDENCE, {"id": evidence_id}).first())

    def of(self, warning_id: str) -> Sequence[Evidence]:
        """Everything attached to one warning, oldest first."""
        return self.of_many([warning_id])[warning_id]

    def of_many(self, warning_ids: Sequence[str]) -> dict[str, list[Evidence]]:
        """The same for several; each asked for is there, with an empty list if it has none."""
        found: dict[str, list[Evidence]] = {warning_id: [] for warning_id in warning_ids}
        for part in in_parts(warning_ids):
            for item in _EVIDENCE.all(self._pen.execute(_EVIDENCE_OF, {"warning_ids": part})):
                found[item.warning_id].append(item)
        return found


def _values(warning: Warning) -> dict[str, object]:
    values = _WARNING.values(warning)
    if not warning.is_open:
        values["next_due_at"] = None  # nothing falls due for a closed warning, whoever set it
    return values


def _narrowed(statement: Select[tuple[object, ...]], query: WarningQuery) -> Select[tuple[object, ...]]:
    if query.state == "open":
        statement = statement.where(tables.OPEN)
    elif query.state is not None:
        statement = statement.where(_W.state == _word(State, query.state, "state"))
    if query.level is not None:
        statement = statement.where(_W.level == _word(Level, query.level, "level"))
    if query.uscc is not None:
        statement = statement.where(_W.uscc == query.uscc)
    if query.region:
        # a range rather than LIKE, which SQLite would not take from the index
        statement = statement.where(_W.region >= query.region, _W.region < query.region + "\U0010ffff")
    return statement


def _word(words: type[State | Level], text: str, where: str) -> State | Level:
    try:
        return words(text)
    except ValueError:
        raise BadInput(Code.FIELD, f"{text[:40]!r} is none", where=where, hint=" | ".join(words)) from None


def _cursor(last: Warning) -> str:
    return base64.urlsafe_b64encode(f"{micros(last.raised_at)}.{last.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        plain = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        at, _, warning_id = plain.partition(".")
        return instant(int(at)), warning_id
    except (binascii.Error, ValueError, OverflowError):
        raise BadInput(Code.FIELD, "this is no cursor", where="cursor", hint="pass `next` of the page before") from None
