"""What a device said on one day, counted once: when it was online (domain.md C.1 I05, C.4 XV13).

A day's tally is a function of the raw rows of that day and of the last word before it, whatever order they came in. A tally that
lacks a late row is worse than none: whoever stores one takes the tally away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from domain.observations import Kind
from domain.time import midnight
from store.assessments import DeviceDay, StatusWord

Span = tuple[datetime, datetime]
_MICROSECOND = timedelta(microseconds=1)


def online_spans(words: Sequence[tuple[datetime, bool]], silence: timedelta) -> list[Span]:
    """When a device was online: from a word that says so until another that does not, or until it has been silent too long.

    Args:
        words: when it said what, in order.
        silence: after which it is offline without a word.
    """
    found: list[Span] = []
    for word, following in pairwise([*words, None]):
        if word is None or not word[1]:
            continue
        until = word[0] + silence
        if following is not None:
            until = min(until, following[0])
        if found and word[0] <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        elif until > word[0]:
            found.append((word[0], until))
    return found


def status_day(uscc: str, device_id: str, day: date, words: Iterable[StatusWord], silence: timedelta) -> DeviceDay:
    """The tally of one device and day.

    Args:
        uscc: the merchant it spoke for.
        device_id: the device.
        day: the Shanghai day.
        words: in order; those of the day and of as long before it as a silence lasts.
        silence: after which a device that says nothing is offline.
    """
    begins, ends = midnight(day), midnight(day + timedelta(days=1))
    used = [word for word in words if begins - silence <= word.at < ends]
    clipped = [(max(one, begins), min(other, ends)) for one, other in online_spans([(w.at, w.online) for w in used], silence)]
    return DeviceDay(
        uscc=uscc,
        device_id=device_id,
        kind=Kind.CAM_STATUS,
        day=day.isoformat(),
        within=silence,
        received_at=max((word.received_at for word in used), default=None),
        tally={
            "words": sum(word.at >= begins for word in used),
            "spans": [[(at - begins) // _MICROSECOND for at in span] for span in clipped if span[0] < span[1]],
        },
    )


def spans_of(day: DeviceDay) -> list[Span]:
    """When the device was online on the day."""
    begins = midnight(date.fromisoformat(day.day))
    return [(begins + one * _MICROSECOND, begins + other * _MICROSECOND) for one, other in day.tally["spans"]]


def heard(tally: Mapping[str, Any]) -> bool:
    """Whether the device said anything on the day."""
    return bool(tally["words"])
