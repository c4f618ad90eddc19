"""Counting the ledger again after an entry has fallen (domain.md C.4, F.5).

The n-th occurrence is the n-th *confirmed* one: when an entry is withdrawn or reversed, those still undecided move up. A final
entry is a person's word and is never changed; it only counts for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from credit.ledger import charged
from credit.points import rank_of
from credit.scheme import Scheme
from credit.score import STANDING
from domain.deductions import Deduction, DeductionState


def recompute(entries: Iterable[Deduction], scheme: Scheme, *, objection_until: datetime) -> tuple[Deduction, ...]:
    """Judge the undecided entries afresh, in order of proposal.

    Args:
        entries: one merchant's ledger, all months. Leave out what lost to a sibling and may not be charged any more.
        scheme: of the merchant; entries of other schemes, or of codes it no longer knows, are left alone.
        objection_until: end of the objection window of an entry that is revived because the sibling it lost to has fallen.

    Returns:
        Those that changed, ``version`` one higher.
    """
    known = {d.id: d for d in entries if d.scheme == scheme.name and d.violation_code in scheme.rules}
    standing = [d for d in known.values() if d.state in STANDING]
    queue = sorted([*standing, *_revived(list(known.values()), scheme, objection_until)], key=_order)
    past: list[Deduction] = []
    for place, entry in enumerate(queue):
        if entry.state is DeductionState.FINAL:
            past.append(entry)
            continue
        finals = [d for d in queue if d.state is DeductionState.FINAL]
        set_off = [d for d in finals if d.incident_id == entry.incident_id]
        later = [d for d in queue[place:] if d.state is DeductionState.FINAL]
        past.append(charged(entry, scheme, past=past, set_off=set_off, later=later))
    return tuple(replace(d, version=d.version + 1) for d in past if _differs(d, known[d.id]))


def _revived(entries: Sequence[Deduction], scheme: Scheme, objection_until: datetime) -> list[Deduction]:
    """Of each incident of which nothing undecided stands, the gravest entry that had lost and is graver than what is final."""
    found: dict[str, Deduction] = {}
    for entry in sorted(entries, key=_order):
        if entry.state is not DeductionState.WITHDRAWN or "lost_to" not in entry.components:
            continue
        rivals = [d for d in entries if d.incident_id == entry.incident_id and d.state in STANDING]
        if any(d.state is not DeductionState.FINAL or rank_of(d, scheme) >= rank_of(entry, scheme) for d in rivals):
            continue
        best = found.get(entry.incident_id)
        if best is None or rank_of(entry, scheme) > rank_of(best, scheme):
            found[entry.incident_id] = entry
    return [
        replace(d, state=DeductionState.PROPOSED, decided_at=None, note="", objection_until=objection_until)
        for d in found.values()
    ]


def _order(entry: Deduction) -> tuple[datetime, int, str]:
    """As they were proposed; a sweep proposes several at one instant, and the ordinals tell which of a code came first."""
    return entry.proposed_at, entry.ordinal, entry.id


def _differs(after: Deduction, before: Deduction) -> bool:
    told = (after.state, after.points, after.ordinal, dict(after.components))
    return told != (before.state, before.points, before.ordinal, dict(before.components))
