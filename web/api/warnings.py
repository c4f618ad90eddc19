"""Warnings over the API. Who may do what to a warning is judged by its lifecycle; here is judged only who may know of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Header, Query, UploadFile
from pydantic import AwareDatetime, BaseModel, Field

from casework.views import warning_detail, warning_item
from web import commands
from web.auth import Identity, SignedIn
from web.parts import Parts, Wired
from web.reading import Shown, list_warnings, query_of, tell

router = APIRouter(prefix="/api/v1/warnings", tags=["warnings"])

NOTE = 2000
TOKEN = 80


class Nothing(BaseModel):
    """An empty object."""


class Verification(BaseModel):
    """The official's judgement of a submission."""

    ok: bool
    note: str = Field(default="", max_length=NOTE)
    on_site: bool = False


class Grounds(BaseModel):
    """Why something is decided."""

    reason: str = Field(min_length=1, max_length=NOTE, pattern=r"\S")


class Extension(BaseModel):
    """The merchant's new limit."""

    until: AwareDatetime


class Control(BaseModel):
    """A plan of long-term control."""

    until: AwareDatetime
    note: str = Field(default="", max_length=NOTE)


def item(one: Shown) -> dict[str, Any]:
    """A list item."""
    return warning_item(one.warning, one.evidence, merchant_name=one.merchant_name)


def detail(parts: Parts, identity: Identity, warning_id: str) -> dict[str, Any]:
    """A warning with its history, as it stands now."""
    told = tell(parts.store, identity.actor, warning_id)
    return warning_detail(
        told.shown.warning,
        told.shown.evidence,
        told.history,
        parts.clock(),
        merchant_name=told.shown.merchant_name,
        deductions=told.deductions,
    )


@router.get("")
def read_warnings(
    *,
    identity: SignedIn,
    parts: Wired,
    state: str | None = None,
    merchant: str | None = None,
    level: str | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Warnings the reader may see, newest first. ``state=open`` is any state that is not closed or dismissed."""
    query = query_of(identity.actor, state=state, merchant=merchant, level=level, cursor=cursor, limit=limit)
    found, following = list_warnings(parts.store, query)
    return {"items": [item(one) for one in found], "next": following}


@router.get("/{warning_id}")
def read_warning(warning_id: str, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """One warning with its history. Its merchant's reading it confirms the delivery (domain.md 0.2)."""
    commands.opened(parts, identity.actor, warning_id)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/acknowledge")
def acknowledge(warning_id: str, identity: SignedIn, parts: Wired, _: Nothing | None = None) -> dict[str, Any]:
    """The merchant has taken note."""
    commands.acknowledge(parts, identity.actor, warning_id)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/start")
def start(warning_id: str, identity: SignedIn, parts: Wired, _: Nothing | None = None) -> dict[str, Any]:
    """The merchant begins to put it right."""
    commands.start(parts, identity.actor, warning_id)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/submit")
def submit(
    *,
    warning_id: str,
    identity: SignedIn,
    parts: Wired,
    note: Annotated[str, Form(max_length=NOTE)] = "",
    token: Annotated[str, Form(max_length=TOKEN)] = "",
    photos: Annotated[list[UploadFile] | None, File()] = None,
    idempotency_key: Annotated[str, Header(max_length=TOKEN)] = "",
) -> dict[str, Any]:
    """The merchant hands in what was done, with at least one photo.

    The client may name its submission, with the field ``token`` or the header ``Idempotency-Key``: sent again under the same
    name it changes nothing and is answered as the first time (domain.md F.16).
    """
    commands.submit(parts, identity.actor, warning_id, note=note, uploads=photos or [], token=token or idempotency_key)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/verify")
def verify(warning_id: str, verification: Verification, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official accepts the submission, or sends it back."""
    commands.verify(parts, identity.actor, warning_id, ok=verification.ok, note=verification.note, on_site=verification.on_site)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/dismiss")
def dismiss(warning_id: str, grounds: Grounds, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official calls it a false positive."""
    commands.dismiss(parts, identity.actor, warning_id, reason=grounds.reason)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/file_case")
def file_case(warning_id: str, grounds: Grounds, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official files a legal case, which closes the 24-hour loop."""
    commands.file_case(parts, identity.actor, warning_id, reason=grounds.reason)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/control")
def control(warning_id: str, plan: Control, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official puts it under long-term control, at most 30 days."""
    commands.control(parts, identity.actor, warning_id, until=plan.until, note=plan.note)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/reopen")
def reopen(warning_id: str, grounds: Grounds, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official opens a closed or dismissed warning again; the reason becomes new evidence; both deadlines start anew."""
    commands.reopen(parts, identity.actor, warning_id, reason=grounds.reason)
    return detail(parts, identity, warning_id)


@router.post("/{warning_id}/extend")
def extend(warning_id: str, extension: Extension, identity: SignedIn, parts: Wired) -> dict[str, Any]:
    """An official extends the merchant's limit, once."""
    commands.extend(parts, identity.actor, warning_id, until=extension.until)
    return detail(parts, identity, warning_id)
