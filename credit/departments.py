"""Liaison departments 联络员部门 and what each of them does with credit news (domain.md R-01, R-11).

Who generates a record is responsible for it and collects it: a record names the department it came from, and that department's
missing or late submissions stand against it, never against the merchant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """One department.

    Attributes:
        id: short name, also the sign-in name of its account.
        duty: what it does when it is told of a listing.
        submits: types of credit records it must submit.
        within_working_days: how soon after its decision.
    """

    id: str
    name: Mapping[str, str]
    duty: Mapping[str, str]
    submits: tuple[str, ...] = ()
    within_working_days: int = 7
