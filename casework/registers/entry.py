"""People write in registers: by a form, a CSV file, JSON or the API, all by the same road (docs/registers.md).

Good rows are kept whatever is wrong with others, and the report names line, column, what and what to do. The same file again
changes nothing: a row that says what the register says already is not told anew.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerts.register_rules import canonical
from casework import facts
from casework.desk import Work
from casework.registers.senders import OFFICIALS, sender
from casework.registers.sheets import SHEETS, Problem, Sheet, read
from casework.words import N_
from domain.bodies import check_body
from domain.errors import BadInput, Code, Forbidden, KitchenError, NotFound
from domain.events import Event, EventName
from domain.ids import derived_id
from domain.observations import Kind, Observation, TimeSource, judge_time
from domain.parties import Actor, Merchant, Role
from domain.registers import shift_id
from domain.time import SHANGHAI, parse_instant
from store.ports import UnitOfWork

MOST_ROWS = 5000
WRITERS = frozenset({Role.MERCHANT, Role.INSPECTOR, Role.SUPERVISOR})
"""Who may write in a register: the owner in their own, officials; staff only submit evidence (E.7)."""

SAME = (N_("与第 %(line)s 行是同一条记录"), N_("只留一行"))
UNKNOWN = (N_("没有名为“%(value)s”的列"), N_("可用的列：%(columns)s"))
NOT_YOURS = (N_("监督抽检结果由监管人员录入"), N_("快检结果请选“快检”"))
REFUSED = (N_("不被接受：%(why)s"), N_("%(hint)s"))
NO_ROWS = (N_("文件里没有数据行"), N_("第一行写列名，其后每行一条记录"))
TOO_MANY = (N_("超过 %(most)s 行"), N_("分成几个文件"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the line of the file it stands on, and its cells by column name."""

    line: int
    cells: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a row."""

    line: int
    problem: Problem
    code: str = Code.FIELD.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of the rows.

    Attributes:
        accepted: kept now.
        replayed: known already, so that nothing changed.
        faults: in order of the lines; a row may have several.
        events: what happened.
    """

    rows: int = 0
    accepted: int = 0
    replayed: int = 0
    faults: tuple[Fault, ...] = ()
    events: tuple[Event, ...] = field(default=(), repr=False)

    @property
    def refused(self) -> int:
        """Rows with something wrong."""
        return len({fault.line for fault in self.faults})


def sheet_named(name: str) -> Sheet:
    """The register of that name. Raises NotFound."""
    if name not in SHEETS:
        raise NotFound(f"no register {name[:40]!r}")
    return SHEETS[name]


def writable(uow: UnitOfWork, uscc: str, actor: Actor) -> Merchant:
    """The merchant, if the actor may write in its registers.

    Raises:
        NotFound: the actor may not know of it.
        Forbidden: of another role.
    """
    merchant = uow.merchants.get(uscc.upper())
    if merchant is None or not actor.may_see(uscc=merchant.uscc, region=merchant.region):
        raise NotFound(f"no merchant {uscc[:40]}")
    if actor.role not in WRITERS:
        raise Forbidden(f"registers are not written by {actor.role.value}")
    return merchant


def rows_of_csv(sheet: Sheet, raw: bytes) -> tuple[list[Row], list[Fault]]:
    """A CSV file: UTF-8 or GB 18030, commas, semicolons or tabs; the first line names the columns, in either language."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", "replace")
    first = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    named = {column.title: column.name for column in sheet.columns} | {column.name: column.name for column in sheet.columns}
    header = [cell.strip() for cell in next(reader, [])]
    faults = [_unknown(sheet, cell) for cell in header if cell and cell not in named]
    if faults:
        return [], faults
    rows = [
        Row(line=reader.line_num, cells={named[name]: cell for name, cell in zip(header, cells, strict=False) if name})
        for cells in reader
        if any(cell.strip() for cell in cells)
    ]
    return _bounded(rows)


def rows_of_json(sheet: Sheet, raw: bytes) -> tuple[list[Row], list[Fault]]:
    """A JSON list of objects, or ``{"items": […]}``; the line is the number of the item."""
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInput(Code.MALFORMED, f"not UTF-8 JSON ({error})", where="body") from None
    items = value.get("items") if isinstance(value, dict) and "items" in value else value
    items = [items] if isinstance(items, dict) else items
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadInput(Code.FIELD, "a list of objects is required", where="body")
    known = {column.name for column in sheet.columns}
    strange = sorted({str(name) for item in items for name in item} - known)
    if strange:
        return [], [_unknown(sheet, name) for name in strange]
    return _bounded([Row(line=number, cells=item) for number, item in enumerate(items, 1)])


def _unknown(sheet: Sheet, name: str) -> Fault:
    columns = ", ".join(column.name for column in sheet.columns)
    params = {"value": name[:40], "columns": columns}
    return Fault(line=1, problem=Problem(column=name[:40], what=UNKNOWN[0], do=UNKNOWN[1], params=params))


def _bounded(rows: list[Row]) -> tuple[list[Row], list[Fault]]:
    if not rows:
        return [], [Fault(line=1, problem=Problem(column="", what=NO_ROWS[0], do=NO_ROWS[1]))]
    if len(rows) > MOST_ROWS:
        params = {"most": str(MOST_ROWS)}
        return [], [Fault(line=rows[MOST_ROWS].line, problem=Problem(column="", what=TOO_MANY[0], do=TOO_MANY[1], params=params))]
    return rows, []


@dataclass(frozen=True, slots=True)
class _Said:
    row: Row
    body: Mapping[str, Any]
    at: datetime
    digest: str
    key: str


def understood(sheet: Sheet, rows: Iterable[Row], uscc: str, actor: Actor, now: datetime) -> tuple[list[_Said], list[Fault]]:
    """What the rows say, without asking the store; two rows about one record are one too many."""
    said: list[_Said] = []
    faults: list[Fault] = []
    lines: dict[str, int] = {}
    for row in rows:
        body, problems = read(sheet, row.cells, uscc)
        faults += [Fault(line=row.line, problem=problem) for problem in problems]
        if body is None:
            continue
        try:
            one = _said(sheet, row, body, actor, now)
        except BadInput as error:
            faults.append(_fault(row, error))
            continue
        if one.key in lines:
            params = {"line": str(lines[one.key])}
            column = sheet.key[0] if sheet.key else ""
            faults.append(Fault(line=row.line, problem=Problem(column=column, what=SAME[0], do=SAME[1], params=params)))
            continue
        lines[one.key] = row.line
        said.append(one)
    return said, faults


def _said(sheet: Sheet, row: Row, body: Mapping[str, Any], actor: Actor, now: datetime) -> _Said:
    if sheet.kind is Kind.SAMPLING_RESULT and body["kind"] == "official" and actor.role.value not in OFFICIALS:
        raise BadInput(Code.FIELD, NOT_YOURS[0], where="body.kind", hint=NOT_YOURS[1])
    check_body(sheet.kind.value, body)
    at = now
    if any(column.name == "at" for column in sheet.columns):
        at = _at(str(row.cells["at"]))
        at = judge_time(at, now)[0]
    moment = "" if sheet.key else at.isoformat()
    digest = hashlib.sha256(canonical({"kind": sheet.kind.value, "body": dict(body), "at": moment})).hexdigest()
    key = "|".join(str(row.cells.get(name, "")).strip() for name in sheet.key) if sheet.key else digest
    return _Said(row=row, body=body, at=at, digest=digest, key=key)


def _at(text: str) -> datetime:
    at = datetime.fromisoformat(text.strip().replace(" ", "T").replace("/", "-"))
    return at if at.tzinfo is not None else at.replace(tzinfo=SHANGHAI)


def _fault(row: Row, error: KitchenError) -> Fault:
    where = getattr(error, "where", "") or ""
    column = _COLUMNS.get(where.removeprefix("body."), where.removeprefix("body."))
    if str(getattr(error, "message", "")) == NOT_YOURS[0] or NOT_YOURS[0] in str(error):
        return Fault(line=row.line, problem=Problem(column=column, what=NOT_YOURS[0], do=NOT_YOURS[1]))
    code = error.code.value if isinstance(error, BadInput) else ""
    params = {"why": str(error), "hint": getattr(error, "hint", "") or str(error)}
    return Fault(line=row.line, problem=Problem(column=column, what=REFUSED[0], do=REFUSED[1], params=params), code=code)


_COLUMNS = {"person_ref": "person", "expires_at": "expires_on", "event_time": "at", "name_masked": "name"}


def write(work: Work, sheet: Sheet, merchant: Merchant, said: Sequence[_Said], actor: Actor, *, now: datetime) -> Report:
    """Tell the registers what the rows say, in one transaction; what they know already is left out."""
    observations: list[Observation] = []
    rows: list[Row] = []
    replayed = 0
    for one in said:
        known = _known_entry(work.uow, sheet, merchant.uscc, one)
        if known is not None and work.uow.observations.known(known) == one.digest:
            replayed += 1
            continue
        observations.append(_observation(sheet, merchant, one, actor, previous=known or "", now=now))
        rows.append(one.row)
    results = facts.take_all(work, observations, now) if observations else []
    faults, events, accepted = [], [], 0
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, KitchenError):
            faults.append(_fault(row, result))
            continue
        told_before = any(event.name is EventName.OBSERVATION_REPLAYED for event in result)
        replayed, accepted = replayed + told_before, accepted + (not told_before)
        events += result
    return Report(rows=len(said), accepted=accepted, replayed=replayed, faults=tuple(faults), events=tuple(events))


def _observation(sheet: Sheet, merchant: Merchant, one: _Said, actor: Actor, *, previous: str, now: datetime) -> Observation:
    return Observation(
        event_id=derived_id("entry", merchant.uscc, one.digest, previous),
        kind=sheet.kind,
        uscc=merchant.uscc,
        device_id=sender(actor),
        event_time=one.at,
        received_at=now,
        seq=one.row.line,
        body=dict(one.body),
        content_hash=one.digest,
        time_source=TimeSource.SERVER,
    )


def _known_entry(uow: UnitOfWork, sheet: Sheet, uscc: str, one: _Said) -> str | None:
    """The observation on which the register's record of this row's subject rests."""
    body = one.body
    match sheet.kind:
        case Kind.STAFF_CERTIFICATE:
            papers = uow.records.certificates(uscc, str(body["person_ref"]))
            return next((paper.entry_id for paper in papers if paper.issued_on.isoformat() == body["issued_on"]), None)
        case Kind.STAFF_SHIFT:
            shift = uow.records.shift(shift_id(uscc, str(body["person_ref"]), parse_instant(body["start"], "body.start")))
            return None if shift is None else shift.entry_id
        case Kind.SAMPLING_RESULT:
            sample = uow.records.sample(uscc, str(body["report_no"]))
            return None if sample is None else sample.entry_id
        case Kind.BATCH_UPSERT:
            told = uow.lot_changes.of_lots([(uscc, str(body["lot"]))]).get((uscc, str(body["lot"])), [])
            return next((change.id for change in reversed(told) if change.kind.value == "stated"), None)
        case _:
            return None


def together(one: Report, other: Report) -> Report:
    """Two reports as one, the faults in order of their lines."""
    faults = sorted((*one.faults, *other.faults), key=lambda fault: fault.line)
    return Report(
        rows=one.rows + other.rows,
        accepted=one.accepted + other.accepted,
        replayed=one.replayed + other.replayed,
        faults=tuple(faults),
        events=one.events + other.events,
    )
