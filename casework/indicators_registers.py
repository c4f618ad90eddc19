"""Indicators from records of authorities (``credit.record``): reports, lists, taxes, penalties, honours (domain.md C.1 level P).

A record's ``type`` says what it is about and its ``kind`` what became of it. Only what an authority published counts: nothing is
concluded from silence except where a register lists what went wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from casework.indicators_record import Counted, Record, named
from credit.sampling import months_after
from domain.observations import Kind
from domain.time import local_day
from store.assessments import Seen

NOTICE_MONTHS = {"low_fine": 3}
ON_NOTICE_MONTHS = 36
"""How long a penalty is on public notice unless its record says (C.6.4): a low fine 3 months, others 3 years."""


def records(record: Record, type_: str) -> list[Seen]:
    """Those of one type, as they were decided."""
    found = [item for item in record.of_kind(Kind.CREDIT_RECORD) if item.body.get("type") == type_]
    return sorted(found, key=lambda item: (decided_on(item), item.event_time, item.seq, item.event_id))


def decided_on(item: Seen) -> date:
    """The day of the decision."""
    return date.fromisoformat(item.body["decided_on"])


def ends_on(record: Record) -> date:
    """The day after the month, or the day of the cut if that is earlier."""
    return local_day(record.span[1])


def in_year(record: Record, items: list[Seen]) -> list[Seen]:
    """Those decided in the twelve months before the end."""
    end = ends_on(record)
    return [item for item in items if months_after(end, -12) <= decided_on(item) < end]


def annual_report(record: Record) -> Counted:
    """P02: when the last annual report was filed."""
    found = in_year(record, records(record, "annual_report"))
    if not found:
        return Counted(value=None, reason="no_record")
    last = found[-1]
    kind = str(last.body.get("kind", "on_time"))
    return Counted(value=kind if kind in ("on_time", "late_30d") else "missing", evidence=(last.event_id,))


def abnormal_mark(record: Record) -> Counted:
    """P03: on the list of abnormal operations, or removed from it in the last year."""
    found = records(record, "abnormal")
    if not found:
        return Counted(value="none")
    last = found[-1]
    if last.body.get("kind") != "removed":
        return Counted(value="marked", evidence=(last.event_id,))
    return Counted(value="removed" if in_year(record, [last]) else "none", evidence=(last.event_id,))


def _stands(type_: str, ended: str) -> Callable[[Record], Counted]:
    def gauge(record: Record) -> Counted:
        found = records(record, type_)
        if not found:
            return Counted(value="no")
        return Counted(value="no" if found[-1].body.get("kind") == ended else "yes", evidence=(found[-1].event_id,))

    return gauge


tax_non_normal = _stands("tax_non_normal", "cleared")
"""P04: marked by the tax office as non-normal."""
serious_listing = _stands("serious", "removed")
"""P15: on the serious-dishonesty list."""
judgment_debtor = _stands("debtor", "removed")
"""P16: a dishonest judgment debtor."""


def overdue_filings(record: Record) -> Counted:
    """P06: tax filings overdue in twelve months."""
    found = in_year(record, [item for item in records(record, "tax") if item.body.get("kind") == "overdue_filing"])
    return Counted(value=len(found), evidence=named(item.event_id for item in found))


def penalties_on_notice(record: Record) -> Counted:
    """P14: penalties still on public notice; one that was repaired does not count from the day after (F.19)."""
    end = ends_on(record)
    repaired = {
        str(item.body["doc_no"])
        for item in records(record, "repair")
        if decided_on(item) < end and item.body.get("kind") != "refused"
    }
    counts = {"low_fine": 0, "ordinary": 0, "heavy": 0}
    evidence = []
    for item in records(record, "penalty"):
        severity = str(item.body.get("severity", "ordinary"))
        if str(item.body["doc_no"]) in repaired or severity not in counts or not _on_notice(item, severity, end):
            continue
        counts[severity] += 1
        evidence.append(item.event_id)
    return Counted(value=counts, evidence=named(evidence))


def _on_notice(item: Seen, severity: str, end: date) -> bool:
    published = date.fromisoformat(item.body.get("published_on") or item.body["decided_on"])
    told = item.body.get("notice_until")
    until = date.fromisoformat(told) if told else months_after(published, NOTICE_MONTHS.get(severity, ON_NOTICE_MONTHS))
    return published < end <= until


def licence_state(record: Record) -> Counted:
    """I11: the food licence as the licensing register tells it: ``credit.record`` of type ``licence`` with ``valid_until``.

    The newest record counts: ``kind`` may be ``out_of_scope`` or ``revoked``; a number that does not check (E012) says nothing.
    """
    found = [item for item in records(record, "licence") if item.body.get("kind") in LICENCE_KINDS and _valid_until(item)]
    if not found:
        return Counted(value=None, reason="no_record")
    last = found[-1]
    until, end = _valid_until(last), ends_on(record)
    assert until is not None
    value = "ok"
    if last.body.get("kind") == "revoked" or until < end - timedelta(days=1):
        value = "expired"
    elif last.body.get("kind") == "out_of_scope":
        value = "out_of_scope"
    elif until < end - timedelta(days=1) + timedelta(days=EXPIRING_DAYS):
        value = "expiring"
    return Counted(value=value, evidence=(last.event_id,), told={"valid_until": until.isoformat()})


LICENCE_KINDS = (None, "granted", "renewed", "out_of_scope", "revoked")
EXPIRING_DAYS = 30


def _valid_until(item: Seen) -> date | None:
    """The last day a licence is good, where the record says one."""
    try:
        return date.fromisoformat(str(item.body.get("valid_until")))
    except ValueError:
        return None


def honours(record: Record) -> Counted:
    """P19: the highest honour on record."""
    found = records(record, "award")
    best = next((kind for kind in ("city", "district") if any(item.body.get("kind") == kind for item in found)), "none")
    return Counted(value=best, evidence=named(item.event_id for item in found))


def accident(record: Record) -> Counted:
    """V2: a food-safety accident the merchant was found responsible for, in the month."""
    return _happened(record, "accident")


def suspension(record: Record) -> Counted:
    """V5: a suspension order in force at the end of the month."""
    found = records(record, "suspension")
    stands = bool(found) and found[-1].body.get("kind") != "ended"
    return Counted(value=stands, evidence=(found[-1].event_id,) if stands else ())


def illegal_substance(record: Record) -> Counted:
    """V6: an illegal substance confirmed in the month."""
    return _happened(record, "illegal_substance")


def _happened(record: Record, type_: str) -> Counted:
    first, end = record.first, ends_on(record)
    found = [item for item in records(record, type_) if first <= decided_on(item) < end]
    return Counted(value=bool(found), evidence=named(item.event_id for item in found))
