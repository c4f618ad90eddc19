"""What is kept of a refused message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from casework.letters import MOST_OF_A_FRAME, kept
from domain.events import DeadLetter
from tests.unit.casework.scene import START, Scene

FRAME = "mqtt:mckitchen/v1/330211/92330211MA2ABC125M/cam-0a1b2c3d/cam/frame"


def _letter(source: str = FRAME, size: int = 100_000, reason: str = "not registered") -> DeadLetter:
    return DeadLetter(key="dead-letters/0/1", source=source, code="E011", reason=reason, received_at=START, raw=b"x" * size)


def test_of_a_long_frame_the_beginning_is_stored_and_the_reason_says_how_long_it_was(scene: Scene) -> None:
    scene.office.take_dead_letter(_letter(), scene.now)
    with scene.store.reading() as uow:
        (stored,) = uow.dead_letters.list()
    assert len(stored.raw) == 8192
    assert stored.reason == "not registered (the first 8192 of 100000 bytes)"


@pytest.mark.parametrize(
    ("letter", "why"),
    [(_letter(size=MOST_OF_A_FRAME), "just short enough"), (_letter(source="http"), "a fact is kept whole")],
)
def test_what_is_short_or_no_frame_is_kept_as_it_came(letter: DeadLetter, why: str) -> None:
    assert kept(letter, START) == letter, why


def test_a_letter_whose_instant_could_not_be_read_is_of_now() -> None:
    letter = DeadLetter(key="k", source="", code="E001", reason="", received_at=datetime(1970, 1, 1, tzinfo=UTC), raw=b"")
    assert kept(letter, START).received_at == START
