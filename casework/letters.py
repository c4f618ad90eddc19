"""What is kept of a refused message: enough for a person to see what was wrong, not the pictures of a camera nobody knows.

The whole message stays in the ``dead-letters`` topic for as long as that keeps it; SQL has the beginning of a frame.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from domain.events import DeadLetter

MOST_OF_A_FRAME = 8 * 1024
"""Bytes."""

_FRAME = "cam/frame"
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def kept(letter: DeadLetter, now: datetime) -> DeadLetter:
    """The letter as it is stored.

    A frame is cut to 8 KiB and the reason says how long it was. One whose instant could not be read (it then says 1970) is of
    now: it must not be dropped for its age as soon as it is stored.
    """
    if letter.received_at <= _NEVER:
        letter = replace(letter, received_at=now)
    if not letter.source.endswith(_FRAME) or len(letter.raw) <= MOST_OF_A_FRAME:
        return letter
    size = f"the first {MOST_OF_A_FRAME} of {len(letter.raw)} bytes"
    reason = f"{letter.reason} ({size})" if letter.reason else size
    return replace(letter, raw=letter.raw[:MOST_OF_A_FRAME], reason=reason)
