"""Frames are perishable: which of the waiting ones are still worth looking at (architecture.md section 6). Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

F = TypeVar("F")


def newest_of_each(
    frames: Sequence[F], camera: Callable[[F], Hashable], *, seconds_per_frame: float, budget_s: float = 3.0
) -> tuple[list[F], list[F]]:
    """Choose the newest frames of each camera that fit into ``budget_s`` of detection, at least one of each camera.

    Args:
        frames: waiting frames, oldest first.
        camera: tells a frame's camera.
        seconds_per_frame: what one detection takes lately.
        budget_s: how much work may be queued before frames count as late.

    Returns:
        (kept, skipped), both in the given order.
    """
    places: dict[Hashable, list[int]] = {}
    for place, frame in enumerate(frames):
        places.setdefault(camera(frame), []).append(place)
    if not places:
        return [], []
    share = max(1, int(budget_s / max(seconds_per_frame, 1e-6)) // len(places))
    kept = {place for own in places.values() for place in own[-share:]}
    return (
        [frame for place, frame in enumerate(frames) if place in kept],
        [frame for place, frame in enumerate(frames) if place not in kept],
    )
