"""The hash chain: anything changed, removed, added or moved shows, and it names where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Conflict
from domain.warnings import AuditEntry
from store.chain import GENESIS, entry_hash, follow
from store.ports import AuditStep

NOW = datetime(2026, 11, 20, 3, 2, 33, 123457, tzinfo=UTC)


def step(**changes: object) -> AuditStep:
    fields = {
        "entity": "warning",
        "entity_id": "w",
        "from_state": "raised",
        "to_state": "notified",
        "at": NOW,
        "actor": "user-1",
        "actor_role": "merchant",
        "reason": "因为",
        "evidence_ids": ("a", "b"),
    }
    return AuditStep(**fields | changes)  # type: ignore[arg-type]


def chain(length: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    head = GENESIS
    for seq in range(1, length + 1):
        said = step(entity_id=str(seq))
        fields = {name: getattr(said, name) for name in AuditStep.__slots__}
        entry = AuditEntry(seq=seq, previous_hash=head, hash=entry_hash(head, seq, said), **fields)
        entries.append(entry)
        head = entry.hash
    return entries


def test_the_hash_is_what_it_has_always_been() -> None:
    """A stored trail must still verify after an upgrade: this value never changes."""
    assert entry_hash(GENESIS, 1, step()) == "dbc8b3d893e39c7ed3501f636ddbac96c99fbdddd964c1e32c5f4cae48ba3dfb"


def test_the_same_instant_hashes_the_same_in_any_zone() -> None:
    east = NOW.astimezone(timezone(timedelta(hours=8)))
    assert entry_hash(GENESIS, 1, step(at=east)) == entry_hash(GENESIS, 1, step())


@pytest.mark.parametrize(
    "changes",
    [
        {"entity": "deduction"},
        {"entity_id": "v"},
        {"from_state": ""},
        {"to_state": "closed"},
        {"at": NOW + timedelta(microseconds=1)},
        {"actor": "user-2"},
        {"actor_role": "inspector"},
        {"reason": ""},
        {"evidence_ids": ("b", "a")},
        {"evidence_ids": ("ab",)},
    ],
)
def test_every_word_of_an_entry_counts(changes: dict[str, object]) -> None:
    assert entry_hash(GENESIS, 1, step(**changes)) != entry_hash(GENESIS, 1, step())


def test_place_and_predecessor_count() -> None:
    hashes = {entry_hash(GENESIS, 1, step()), entry_hash(GENESIS, 2, step()), entry_hash("1" * 64, 1, step())}
    assert len(hashes) == 3


def test_an_untouched_chain_is_followed_to_its_end() -> None:
    entries = chain(5)
    assert follow(iter(entries)) == (5, entries[-1].hash)
    assert follow([]) == (0, GENESIS)


@given(
    length=st.integers(2, 8),
    data=st.data(),
    how=st.sampled_from(["change", "rehash", "remove", "swap", "double"]),
)
def test_any_tampering_is_named_at_or_after_its_place(length: int, data: st.DataObject, how: str) -> None:
    entries = chain(length)
    at = data.draw(st.integers(0, length - 2))
    if how == "change":
        entries[at] = replace(entries[at], reason="another")
    elif how == "rehash":  # somebody who knows the algorithm, but cannot rewrite all that follows
        changed = replace(entries[at], reason="another")
        entries[at] = replace(changed, hash=entry_hash(changed.previous_hash, changed.seq, changed))
    elif how == "remove":
        del entries[at]
    elif how == "swap":
        entries[at], entries[at + 1] = entries[at + 1], entries[at]
    else:
        entries.insert(at, entries[at])
    with pytest.raises(Conflict) as found:
        follow(entries)
    first_broken = at + 2 if how in ("rehash", "double") else at + 1
    assert f"entry {first_broken} " in str(found.value)
