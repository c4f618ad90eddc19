"""Whether the process lives, whether it can work, and its numbers."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from domain.errors import Unavailable
from domain.time import format_instant
from web.parts import Wired

log = structlog.get_logger(__name__)

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def alive(parts: Wired) -> dict[str, str]:
    """The process answers. ``now`` lets a browser correct its clock."""
    return {"status": "ok", "now": format_instant(parts.clock())}


@router.get("/readyz")
async def ready(parts: Wired) -> JSONResponse:
    """Whether the database and Redis can be reached; 503 names what cannot. Why is for the log: anybody may ask here."""
    checks = {"database": "ok", "redis": "ok"}
    try:
        await asyncio.to_thread(parts.store.ping)
    except Unavailable as error:
        checks["database"] = "unavailable"
        log.warning("not_ready", part="database", error=str(error))
    try:
        await parts.live.ping()
    except Unavailable as error:
        checks["redis"] = "unavailable"
        log.warning("not_ready", part="redis", error=str(error))
    well = all(state == "ok" for state in checks.values())
    return JSONResponse({"status": "ready" if well else "not ready", "checks": checks}, status_code=200 if well else 503)


@router.get("/metrics", response_class=Response)
def numbers() -> Response:
    """Prometheus metrics of this process."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
