"""Every lifecycle there is, by the name it has in addresses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from casework.consequences import draws, listings, pushes, records, rolls, tasks
from casework.consequences.machine import Machine

MACHINES: Mapping[str, Machine[Any]] = MappingProxyType(
    {
        machine.name: machine
        for machine in (
            tasks.MACHINE,
            draws.MACHINE,
            rolls.MACHINE,
            listings.MACHINE,
            pushes.MACHINE,
            records.MACHINE,
        )
    }
)
