"""The hash chain of the audit trail, as pure functions.

Each entry's hash covers its own words, its place and the hash before it: a changed, removed, added or moved entry shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC

from domain.errors import Conflict
from domain.warnings import AuditEntry
from store.ports import AuditStep

GENESIS = "0" * 64
"""What stands where the first entry's previous hash would."""


def entry_hash(previous_hash: str, seq: int, step: AuditStep | AuditEntry) -> str:
    """SHA-256 (hex) of an audit entry (domain.md D).

    Args:
        previous_hash: hash of the entry before, or ``GENESIS``.
        seq: its place, from 1.
        step: what happened; the instant counts to the microsecond, in UTC.

    Returns:
        The hash of the canonical JSON (sorted keys, no spaces, UTF-8) of all of it.
    """
    said = {
        "previous_hash": previous_hash,
        "seq": seq,
        "entity": step.entity,
        "entity_id": step.entity_id,
        "from_state": step.from_state,
        "to_state": step.to_state,
        "at": step.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": step.actor,
        "actor_role": step.actor_role,
        "reason": step.reason,
        "evidence_ids": list(step.evidence_ids),
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def follow(entries: Iterable[AuditEntry]) -> tuple[int, str]:
    """Walk the chain from its beginning.

    Args:
        entries: all entries in the order of their ``seq``; may be a stream.

    Returns:
        How many there are, and the hash of the last (``GENESIS`` if none).

    Raises:
        Conflict: naming the first ``seq`` that does not follow from what is before it.
    """
    length, head = 0, GENESIS
    for entry in entries:
        expected = length + 1
        if entry.seq != expected:
            raise Conflict(f"audit entry {expected} is missing: {entry.seq} comes after {length}; the trail was altered")
        if entry.previous_hash != head or entry.hash != entry_hash(head, expected, entry):
            raise Conflict(f"audit entry {expected} does not match its hash; the trail was altered there or just before")
        length, head = expected, entry.hash
    return length, head
