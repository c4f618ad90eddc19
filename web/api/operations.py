"""Operational warnings and silences over the API, and the receiver of Prometheus Alertmanager's webhook.

The receiver takes Alertmanager's own JSON (version 4) with the token of ``DATA/secrets/monitoring_token``; whatever an alert is
called there, it opens an operational warning here, never one about a merchant's conduct.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, Field

from casework import metrics, operations, silences
from casework.operations import Taken
from casework.silences import Asked
from domain.errors import Conflict
from domain.operations import Alert, Operation, OperationState, Silence, SilenceKind
from domain.time import format_instant
from web.auth import Official
from web.parts import Wired
from web.problems import NotSignedIn, ProblemCode, WebError
from web.tags import IfMatch, expected, mark, precondition

router = APIRouter(prefix="/api/v1", tags=["operations"])

Label = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=4000)]
SHOWN = 2000


class AlertmanagerAlert(BaseModel):
    """One alert as Alertmanager tells it; ``endsAt`` of one that fires lies in the future or in the year 1."""

    status: Literal["firing", "resolved"]
    labels: dict[Label, Text] = Field(default_factory=dict, max_length=100)
    annotations: dict[Label, Text] = Field(default_factory=dict, max_length=100)
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL", max_length=4000)
    fingerprint: str = Field(min_length=1, max_length=200)


class AlertmanagerMessage(BaseModel):
    """A message of Alertmanager's webhook, version 4; what it says beside the alerts is not used."""

    version: Literal["4"]
    alerts: list[AlertmanagerAlert] = Field(max_length=2000)


class Closing(BaseModel):
    """Why one is closed by hand."""

    reason: str = Field(min_length=1, max_length=SHOWN, pattern=r"\S")


class NewSilence(BaseModel):
    """What is to be held back; an empty filter means "any"."""

    kind: SilenceKind = SilenceKind.SILENCE
    reason: str = Field(min_length=1, max_length=SHOWN, pattern=r"\S")
    ends_at: AwareDatetime
    begins_at: AwareDatetime | None = None
    name: str = Field(default="", max_length=200)
    device_id: str = Field(default="", max_length=40)
    merchant: str = Field(default="", max_length=18)
    region: str = Field(default="", pattern=r"^\d{0,6}$")


def operation_item(operation: Operation) -> dict[str, Any]:
    """An operational warning as JSON."""
    wire = asdict(operation)
    wire["merchant"] = wire.pop("uscc")
    return {name: format_instant(value) if isinstance(value, datetime) else value for name, value in wire.items()}


def silence_item(silence: Silence, now: datetime) -> dict[str, Any]:
    """A silence as JSON; ``active`` says whether it holds something back now."""
    wire = asdict(silence)
    wire["merchant"] = wire.pop("uscc")
    plain = {name: format_instant(value) if isinstance(value, datetime) else value for name, value in wire.items()}
    return {**plain, "active": silence.begins_at <= now < silence.ends_at}


def monitoring(request: Request, parts: Wired) -> None:
    """The monitoring system, by its token.

    Raises:
        NotSignedIn: anybody else.
        WebError: UNAVAILABLE where no token is set.
    """
    token = parts.settings.monitoring_token
    if not token:
        raise WebError(503, ProblemCode.UNAVAILABLE, "this process takes no alerts: there is no monitoring token")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise NotSignedIn


@router.post("/alerts/alertmanager", dependencies=[Depends(monitoring)])
def receive_alerts(message: AlertmanagerMessage, parts: Wired) -> dict[str, int]:
    """Take a message of Prometheus Alertmanager: what fires opens an operational warning, what is resolved closes it.

    The same message again changes nothing; how many alerts led to what is answered.
    """
    now = parts.clock()
    alerts = [alert_of(each) for each in message.alerts]
    taken: Taken = parts.office.bureau.do(lambda work: operations.take(work, alerts, now))
    metrics.count(taken.events)
    return {effect.value: count for effect, count in taken.effects.items()}


def alert_of(said: AlertmanagerAlert) -> Alert:
    """An alert as the office knows it."""
    texts = said.annotations
    name = said.labels.get("alertname", "alert")
    summary = texts.get("summary") or texts.get("description") or texts.get("message") or name
    return Alert(
        fingerprint=said.fingerprint,
        name=name[:200],
        severity=said.labels.get("severity", ""),
        summary=summary[:SHOWN],
        began_at=said.starts_at,
        resolved_at=(said.ends_at or said.starts_at) if said.status == "resolved" else None,
        labels=said.labels,
        annotations=said.annotations,
        link=said.generator_url,
    )


@router.get("/operations")
def read_operations(
    identity: Official,
    parts: Wired,
    state: OperationState | None = None,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Operational warnings, newest first; an inspector sees those about merchants of the region."""
    found, following = parts.office.bureau.ask(
        lambda work: operations.listed(work, identity.actor, state=state, cursor=cursor, limit=limit)
    )
    return {"items": [operation_item(one) for one in found], "next": following}


@router.get("/operations/{operation_id}")
def read_operation(operation_id: str, identity: Official, parts: Wired, response: Response) -> dict[str, Any]:
    """One operational warning."""
    found = parts.office.bureau.ask(lambda work: operations.find(work, operation_id, identity.actor))
    mark(response, found.version)
    return operation_item(found)


@router.post("/operations/{operation_id}/close")
def close_operation(  # noqa: PLR0917 - a route's signature is its list of parameters
    operation_id: str, closing: Closing, identity: Official, parts: Wired, response: Response, if_match: IfMatch = ""
) -> dict[str, Any]:
    """An official closes one by hand; the same occurrence does not open it again."""
    version, now = expected(if_match), parts.clock()
    try:
        closed, event = parts.office.bureau.do(
            lambda work: operations.close(
                work, operation_id, identity.actor, closing.reason.strip(), now, expected_version=version
            )
        )
    except Conflict as error:
        raise precondition(if_match, error) from None
    metrics.count([event])
    mark(response, closed.version)
    return operation_item(closed)


@router.get("/silences")
def read_silences(identity: Official, parts: Wired) -> dict[str, Any]:
    """Silences that hold or will hold something back, the last to end first."""
    del identity
    now = parts.clock()
    found = parts.office.bureau.ask(lambda work: silences.standing(work, now))
    return {"items": [silence_item(one, now) for one in found], "server_time": format_instant(now)}


@router.post("/silences", status_code=201)
def begin_silence(
    asked: NewSilence,
    identity: Official,
    parts: Wired,
    response: Response,
    idempotency_key: Annotated[str, Header(max_length=80)] = "",
) -> dict[str, Any]:
    """A supervisor holds back pushes of operational warnings until an instant. Never those of warnings about merchants."""
    now = parts.clock()
    wish = Asked(
        kind=asked.kind,
        reason=asked.reason,
        ends_at=asked.ends_at,
        begins_at=asked.begins_at,
        name=asked.name,
        device_id=asked.device_id,
        uscc=asked.merchant.upper(),
        region=asked.region,
        token=idempotency_key,
    )
    made = parts.office.bureau.do(lambda work: silences.begin(work, wish, identity.actor, now))
    mark(response, made.version)
    return silence_item(made, now)


@router.get("/silences/{silence_id}")
def read_silence(silence_id: str, identity: Official, parts: Wired, response: Response) -> dict[str, Any]:
    """One silence."""
    found = parts.office.bureau.ask(lambda work: silences.find(work, silence_id, identity.actor))
    mark(response, found.version)
    return silence_item(found, parts.clock())


@router.post("/silences/{silence_id}/end")
def end_silence(silence_id: str, identity: Official, parts: Wired, response: Response, if_match: IfMatch = "") -> dict[str, Any]:
    """A supervisor ends a silence before its time."""
    version, now = expected(if_match), parts.clock()
    try:
        ended = parts.office.bureau.do(lambda work: silences.end(work, silence_id, identity.actor, now, expected_version=version))
    except Conflict as error:
        raise precondition(if_match, error) from None
    mark(response, ended.version)
    return silence_item(ended, now)
