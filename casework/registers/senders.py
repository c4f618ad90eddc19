"""Who entered a record that came through no device: the person's role and id stand where a device's id would."""

from __future__ import annotations

from domain.observations import Observation
from domain.parties import Actor, Role

OFFICIALS = frozenset({Role.INSPECTOR.value, Role.SUPERVISOR.value})


def sender(actor: Actor) -> str:
    """A person as the source of an observation. No device's id has a stroke in it."""
    return f"{actor.role.value}/{actor.id}"


def by_official(observation: Observation) -> bool:
    """Whether an official entered it."""
    role, stroke, _ = observation.device_id.partition("/")
    return bool(stroke) and role in OFFICIALS
