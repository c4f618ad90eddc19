"""Observations over HTTP: one envelope or a batch, with the statuses of domain.md E.4."""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.errors import BadInput, Code, Unavailable
from domain.events import DeadLetter
from domain.ids import derived_id
from domain.observations import MAX_ENVELOPE_BYTES
from web import metrics
from web.auth import Identity, MaybeSignedIn, signed_in
from web.intake import NOT_LETTERS, Accepted, Refused, Replayed, Sender, Verdict, judge_all, split
from web.parts import Intake, Parts, Wired
from web.problems import NotSignedIn, ProblemCode, WebError, problem_of, problem_response

router = APIRouter(prefix="/api/v1/observations", tags=["observations"])

SOURCE = "http"
_AT_ONCE = 100


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        device_id, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotSignedIn from None
    return device_id, password


async def sender_of(request: Request, parts: Wired, identity: MaybeSignedIn) -> Sender:
    """Who posts.

    Raises:
        NotSignedIn: neither a device's credentials nor an official's session.
        WebError: FORBIDDEN for other roles, UNAVAILABLE where this process takes no observations.
    """
    if parts.intake is None:
        raise WebError(503, ProblemCode.UNAVAILABLE, "this process takes no observations")
    credentials = _basic(request)
    if credentials is not None:
        if not parts.intake.is_device(*credentials):
            raise NotSignedIn
        return Sender(device_id=credentials[0])
    known: Identity = await signed_in(request, identity)
    if not known.is_official:
        raise WebError(403, ProblemCode.FORBIDDEN, "devices, inspectors and supervisors may")
    return Sender(actor=known.actor)


Posting: TypeAlias = Annotated[Sender, Depends(sender_of)]


async def _body(request: Request, limit: int) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise WebError(413, ProblemCode.TOO_LARGE, f"more than {limit} bytes")
    return bytes(received)


@router.post(
    "",
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": ["object", "array"]}}}}},
)
async def post_observations(request: Request, parts: Wired, sender: Posting) -> JSONResponse:
    """Take one envelope (domain.md E.2) or a list of them.

    One envelope answers with its own status; a batch answers 200 with a result per item, in order.
    """
    intake, now = parts.intake, parts.clock()
    assert intake is not None
    raw = await _body(request, parts.settings.batch_bytes)
    try:
        envelopes, batch = split(raw, batch_limit=parts.settings.batch_limit)
    except BadInput as error:
        refused = Refused(error=error, raw=raw[:MAX_ENVELOPE_BYTES], device_id=sender.device_id or "")
        await _bury(intake, refused, now)
        metrics.OBSERVATIONS.labels("refused").inc()
        return problem_response(error)
    verdicts = await asyncio.to_thread(judge_all, parts, sender, envelopes, now)
    results: list[tuple[dict[str, Any], Exception | None]] = []
    for start in range(0, len(verdicts), _AT_ONCE):
        some = verdicts[start : start + _AT_ONCE]
        results.extend(await asyncio.gather(*(_settle(parts, intake, verdict, now) for verdict in some)))
    if not batch:
        result, error_or_none = results[0]
        return JSONResponse(result) if error_or_none is None else problem_response(error_or_none)
    items = [result for result, _ in results]
    counts = {word: sum(item["result"] == word for item in items) for word in ("accepted", "replayed", "refused")}
    return JSONResponse({"items": items, **counts})


async def _settle(parts: Parts, intake: Intake, verdict: Verdict, now: datetime) -> tuple[dict[str, Any], Exception | None]:
    """Write one verdict out; what to answer, and the error if there was one."""
    match verdict:
        case Replayed():
            metrics.OBSERVATIONS.labels("replayed").inc()
            return {"event_id": verdict.event_id, "status": 200, "result": "replayed", "replayed": True}, None
        case Accepted():
            return await _accept(parts, intake, verdict)
        case Refused():
            if verdict.error.code not in NOT_LETTERS:
                await _bury(intake, verdict, now)
            metrics.OBSERVATIONS.labels("refused").inc()
            return _refusal(verdict.event_id, verdict.error), verdict.error


async def _accept(parts: Parts, intake: Intake, verdict: Accepted) -> tuple[dict[str, Any], Exception | None]:
    observation = verdict.observation
    try:
        await intake.accept(observation)
    except Unavailable as error:
        metrics.OBSERVATIONS.labels("refused").inc()
        return _refusal(observation.event_id, error), error
    parts.recent.add(observation.event_id, observation.content_hash)
    metrics.OBSERVATIONS.labels("accepted").inc()
    flags = [flag.value for flag in observation.flags]
    return {
        "event_id": observation.event_id,
        "status": 200,
        "result": "accepted",
        "replayed": False,
        "flags": flags,
        "time_source": observation.time_source.value,
    }, None


def _refusal(event_id: str, error: Exception) -> dict[str, Any]:
    return {"event_id": event_id or None, "result": "refused", **problem_of(error).to_wire()}


async def _bury(intake: Intake, refused: Refused, now: datetime) -> None:
    """Write a dead letter. A malformed or refused item is answered only when its letter is safe."""
    code = refused.error.code if isinstance(refused.error, BadInput) else Code.MALFORMED
    await intake.dead_letter(
        DeadLetter(
            key=f"{SOURCE}:{derived_id(SOURCE, now.isoformat(), code.value, refused.raw.hex())}",
            source=SOURCE,
            code=code.value,
            reason=str(refused.error),
            received_at=now,
            raw=refused.raw,
            uscc=refused.uscc,
            device_id=refused.device_id,
        )
    )
