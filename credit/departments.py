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
        url: address of its own system, which is then told by a signed webhook; ``url_env`` names the environment variable that
            holds it instead. Neither = it reads its account here.
        secret_env: environment variable with the secret that signs what is sent, and what it answers.
    """

    id: str
    name: Mapping[str, str]
    duty: Mapping[str, str]
    submits: tuple[str, ...] = ()
    within_working_days: int = 7
    url: str = ""
    url_env: str = ""
    secret_env: str = ""

    @property
    def has_system(self) -> bool:
        """Whether it is told by a webhook."""
        return bool(self.url or self.url_env)
