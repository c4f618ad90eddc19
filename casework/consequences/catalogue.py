"""Every lifecycle there is, by the name it has in addresses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from casework.consequences import (
    commitments,
    declarations,
    documents,
    draws,
    entitlements,
    guidance,
    listings,
    penalties,
    proposals,
    pushes,
    records,
    repairs,
    risk,
    rolls,
    superior,
    tasks,
    training,
    vouchers,
    watching,
)
from casework.consequences.machine import Machine

_ALL: tuple[Machine[Any], ...] = (
    tasks.MACHINE,
    tasks.AVOIDANCE,
    draws.MACHINE,
    rolls.MACHINE,
    listings.MACHINE,
    pushes.MACHINE,
    records.MACHINE,
    penalties.MACHINE,
    repairs.MACHINE,
    commitments.MACHINE,
    declarations.MACHINE,
    proposals.MACHINE,
    vouchers.MACHINE,
    entitlements.MACHINE,
    training.MACHINE,
    training.ATTENDANCE,
    documents.MACHINE,
    watching.MACHINE,
    guidance.MACHINE,
    risk.MACHINE,
    superior.MACHINE,
)
MACHINES: Mapping[str, Machine[Any]] = MappingProxyType({machine.name: machine for machine in _ALL})
