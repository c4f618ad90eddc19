"""What a request works with: the wired parts of the application, held in ``app.state.parts``."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Request

from casework.assessment import Assessor
from casework.office import Office
from domain.events import DeadLetter
from domain.observations import Observation
from store.ports import Media, Store
from web.language import Language
from web.limits import Attempts, Buckets, Signatures
from web.live import LiveStream
from web.recent import Recent
from web.settings import WebSettings

Clock: TypeAlias = Callable[[], datetime]
Seal: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Signs the content of a report."""
DepartmentSecret: TypeAlias = Callable[[str], str | None]


def no_department_secret(_department: str) -> str | None:
    """No department has a system of its own."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Where observations posted over HTTP go.

    Attributes:
        accept: writes one observation to the log; returns after the log's ack, raises Unavailable.
        dead_letter: writes a refused one to the dead letters.
        device_passwords: the password of a device id, or None; asked for HTTP Basic.
    """

    accept: Callable[[Observation], Awaitable[None]]
    dead_letter: Callable[[DeadLetter], Awaitable[None]]
    device_passwords: Callable[[str], str | None]

    def is_device(self, device_id: str, password: str) -> bool:
        """Whether these are a device's credentials; takes the same time whichever is wrong."""
        known = self.device_passwords(device_id)
        return hmac.compare_digest((known or "\0").encode(), password.encode()) and known is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything a route may ask for.

    Attributes:
        assessor: the monthly assessment; without it its pages are not there.
        seal: signs the content of a report.
        department_secret: what a liaison department's own system signs with; None where it has none.
    """

    office: Office
    store: Store
    media: Media
    live: LiveStream
    settings: WebSettings
    clock: Clock
    intake: Intake | None
    languages: dict[str, Language]
    failed_sign_ins: Attempts
    failed_addresses: Attempts
    sign_in_slots: asyncio.Semaphore
    device_buckets: Buckets
    signatures: Signatures
    recent: Recent
    assessor: Assessor | None = None
    seal: Seal | None = None
    department_secret: DepartmentSecret = no_department_secret


def parts_of(request: Request) -> Parts:
    """The application's parts."""
    parts: Parts = request.app.state.parts
    return parts


Wired: TypeAlias = Annotated[Parts, Depends(parts_of)]
