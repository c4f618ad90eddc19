"""Who entered a record that came through no device: the person's role and id stand where a device's id would."""

from __future__ import annotations

from typing import Protocol

from domain.parties import Actor, Role

OFFICIALS = frozenset({Role.INSPECTOR.value, Role.SUPERVISOR.value})


def sender(actor: Actor) -> str:
    """A person as the source of an observation. No device's id has a stroke in it."""
    return f"{actor.role.value}/{actor.id}"


class Told(Protocol):
    """What somebody or some device has told."""

    @property
    def device_id(self) -> str:
        """The device, or the person's role and id."""


def by_official(told: Told) -> bool:
    """Whether an official entered it."""
    role, stroke, _ = told.device_id.partition("/")
    return bool(stroke) and role in OFFICIALS
