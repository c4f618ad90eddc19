"""The site of the loss table: many merchants and devices, and clocks so short that deadlines fall due by the hundred.

It is a configuration like any other: the mission's 24 hours are ``clocks.close_within_hours``, which a site may only shorten.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from domain.events import EventName
from domain.ids import uscc_check_character
from tests.e2e.product import CAMERA, MERCHANT, REGION

TO_MERCHANTS, TO_INSPECTORS = "merchants", "inspectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The shortened limits, in seconds; ``expiring``: how far ahead a lot expires that is on sale."""

    close_within_s: float = 40.0
    rectify_within_s: float = 15.0
    expiring_s: tuple[float, float] = (15.0, 40.0)


@dataclass(frozen=True, slots=True)
class Voice:
    """A device that publishes, and for whom."""

    device: str
    uscc: str

    @property
    def password(self) -> str:
        """What the demonstration gives it."""
        return f"demo-{self.device}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The written configuration and who speaks in it."""

    directory: Path
    clocks: Clocks
    foreign: tuple[Voice, ...]
    edge: tuple[Voice, ...]
    http: tuple[Voice, ...]
    camera: Voice
    merchants: dict[str, str]  # USCC → login


def usccs(count: int) -> list[str]:
    """The demonstration's merchant and others with valid check characters."""
    bodies = [f"92330211MA2L{number:05d}" for number in range(1, count)]
    return [MERCHANT, *(body + uscc_check_character(body) for body in bodies)]


def write(directory: Path, inbox_url: str, clocks: Clocks, *, foreign: int = 8, edge: int = 4, http: int = 1) -> Site:
    """Write the configuration.

    Args:
        directory: made if it is missing.
        inbox_url: where notifications go.
        clocks: the limits.
        foreign: scales whose client only keeps to MQTT.
        edge: scales with the product's own publisher.
        http: scales that post to the API.
    """
    directory.mkdir(parents=True, exist_ok=True)
    codes = usccs(foreign + edge + http)
    voices = [Voice(f"scl-{number:08x}", uscc) for number, uscc in enumerate(codes, 1)]
    logins = {uscc: f"merchant{number:02d}" for number, uscc in enumerate(codes, 1)}
    _dump(directory / "site.yaml", _site())
    _dump(directory / "merchants.yaml", {"merchants": [_merchant(uscc) for uscc in codes]})
    camera = {"id": CAMERA, "uscc": MERCHANT, "zones": [{"name": "kitchen", "kind": "kitchen"}]}
    _dump(directory / "devices.yaml", {"devices": [camera, *({"id": voice.device, "uscc": voice.uscc} for voice in voices)]})
    _dump(directory / "users.yaml", {"users": _users(logins)})
    _dump(directory / "rules.yaml", _rules(clocks))
    _dump(directory / "routes.yaml", {"routes": _routes(codes, inbox_url)})
    return Site(
        directory=directory,
        clocks=clocks,
        foreign=tuple(voices[:foreign]),
        edge=tuple(voices[foreign : foreign + edge]),
        http=tuple(voices[foreign + edge :]),
        camera=Voice(CAMERA, MERCHANT),
        merchants=logins,
    )


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")


def _site() -> dict[str, Any]:
    return {
        "name": "Loss table",
        "region": REGION,
        "scheme": "xiangshan",
        "push": {"subject": "mailto:loss@example.org"},
        "rates": {"events_per_second": 1000},
    }


def _merchant(uscc: str) -> dict[str, Any]:
    return {"uscc": uscc, "name": f"Stall {uscc[-6:]}", "region": REGION, "business_form": "stall"}


def _users(logins: dict[str, str]) -> list[dict[str, Any]]:
    merchants = [{"login": login, "name": login, "role": "merchant", "uscc": uscc} for uscc, login in logins.items()]
    inspector = {"login": "inspector", "name": "Inspector", "role": "inspector", "region": REGION}
    return [*merchants, inspector, {"login": "supervisor", "name": "Supervisor", "role": "supervisor"}]


def _rules(clocks: Clocks) -> dict[str, Any]:
    rectify = clocks.rectify_within_s / 3600
    return {
        "clocks": {"close_within_hours": clocks.close_within_s / 3600},
        "camera": {"pest_or_pet": {"rectify_within_hours": rectify}},
        "register": {"RW1": {"rectify_within_hours": rectify}, "RW2": {"rectify_within_hours": rectify}},
    }


def _routes(codes: list[str], inbox_url: str) -> list[dict[str, Any]]:
    told = [EventName.WARNING_RAISED, EventName.RECTIFY_OVERDUE, EventName.WARNING_CLOSED, EventName.DEDUCTION_PROPOSED]
    merchants = {"name": TO_MERCHANTS, "channel": "webhook", "url": f"{inbox_url}/{TO_MERCHANTS}", "roles": ["merchant"]}
    inspectors = {"name": TO_INSPECTORS, "channel": "webhook", "url": f"{inbox_url}/{TO_INSPECTORS}", "roles": ["inspector"]}
    overdue = [EventName.CLOSURE_OVERDUE.value, EventName.WARNING_SUBMITTED.value]
    return [{**merchants, "merchants": codes, "events": [name.value for name in told]}, {**inspectors, "events": overdue}]
