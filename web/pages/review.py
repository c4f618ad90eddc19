"""Officials' desks: findings that wait for eyes, refused messages, devices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from domain.errors import BadInput, Code
from domain.events import DeadLetter
from domain.parties import Device, Merchant
from web import commands
from web.auth import Official, SignedIn
from web.parts import Wired
from web.reading import dead_letters, waiting_findings
from web.rendering import Paged

router = APIRouter(include_in_schema=False)

PREVIEW = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A device and whether it is there."""

    device: Device
    merchant: Merchant
    online: bool | None
    since: datetime | None


def preview(letter: DeadLetter) -> str:
    """The beginning of a refused message, if it is text."""
    try:
        text = letter.raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text[:PREVIEW] + ("…" if len(text) > PREVIEW else "")


@router.get("/review")
def read_review(page: Paged, identity: Official, parts: Wired) -> HTMLResponse:
    """The review queue."""
    return page.render("review.html", {"waiting": waiting_findings(parts.store, identity.actor)})


@router.post("/findings/{finding_id}/{verb}")
def decide(finding_id: str, verb: str, identity: Official, parts: Wired) -> Response:
    """Confirm or reject a finding."""
    match verb:
        case "confirm":
            commands.confirm_review(parts, identity.actor, finding_id)
        case "reject":
            commands.reject_review(parts, identity.actor, finding_id)
        case _:
            raise BadInput(Code.FIELD, f"no command {verb[:40]!r}", where="verb")
    return RedirectResponse("/review", status_code=303)


@router.get("/dead-letters")
def read_letters(page: Paged, identity: Official, parts: Wired, code: str = "") -> HTMLResponse:
    """Refused messages."""
    letters = dead_letters(parts.store, identity.actor, limit=500)
    counts: dict[str, int] = {}
    for letter in letters:
        counts[letter.code] = counts.get(letter.code, 0) + 1
    chosen = dead_letters(parts.store, identity.actor, code=code, limit=100) if code else letters[:100]
    kept = [(letter, preview(letter)) for letter in chosen]
    return page.render("dead_letters.html", {"letters": kept, "counts": sorted(counts.items()), "code": code})


@router.get("/devices")
def read_devices(page: Paged, identity: SignedIn, parts: Wired) -> HTMLResponse:
    """Devices the reader may see, those away first."""
    found = []
    with parts.store.reading() as uow:
        merchants = {one.uscc: one for one in uow.merchants.list()}
        for device in uow.devices.list():
            merchant = merchants.get(device.uscc)
            if merchant is None or not identity.actor.may_see(uscc=merchant.uscc, region=merchant.region):
                continue
            presence = uow.devices.presence(device.id)
            online, since = presence if presence is not None else (None, None)
            found.append(Presence(device=device, merchant=merchant, online=online, since=since))
    found.sort(key=lambda one: (one.online is True, one.merchant.name, one.device.id))
    return page.render("devices.html", {"devices": found})
