"""Evidence bytes, checked object by object: whoever may not see the warning gets a 404.

Bytes never change under their hash, so browsers may keep them; shared caches may not.
"""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request, Response

from domain.errors import NotFound
from store.ports import Media
from web.auth import Identity, Official, SignedIn
from web.parts import Wired
from web.reading import find_evidence, find_finding

router = APIRouter(prefix="/api/v1", tags=["evidence"])
log = structlog.get_logger(__name__)

SHOWN_INLINE = frozenset({"image/jpeg", "image/png", "image/webp"})


def answer(media: Media, request: Request, *, sha256: str, media_type: str) -> Response:
    """The bytes, or 304 where the browser has them."""
    headers = {
        "ETag": f'"{sha256}"',
        "Cache-Control": "private, max-age=604800, immutable",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Vary": "Cookie, Authorization",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if media_type not in SHOWN_INLINE:
        headers["Content-Disposition"] = f'attachment; filename="{sha256[:12]}"'
    return Response(media.get(sha256), media_type=media_type, headers=headers)


def _log(identity: Identity, *, entity: str, sha256: str) -> None:
    if identity.is_official:
        log.info("evidence_viewed", actor=identity.user.id, role=identity.user.role.value, entity=entity, sha256=sha256)


@router.get("/evidence/{evidence_id}", response_class=Response)
def read_evidence(evidence_id: str, request: Request, identity: SignedIn, parts: Wired) -> Response:
    """The bytes of one piece of evidence."""
    with parts.store.reading() as uow:
        evidence = find_evidence(uow, identity.actor, evidence_id)
    _log(identity, entity=f"warning:{evidence.warning_id}", sha256=evidence.sha256)
    return answer(parts.media, request, sha256=evidence.sha256, media_type=evidence.media_type)


@router.get("/findings/{finding_id}/evidence/{sha256}", response_class=Response)
def read_finding_evidence(finding_id: str, sha256: str, request: Request, identity: Official, parts: Wired) -> Response:
    """The bytes of a picture of a finding that waits for review."""
    with parts.store.reading() as uow:
        finding = find_finding(uow, identity.actor, finding_id)
    kept = next((item for item in finding.evidence if item.sha256 == sha256), None)
    if kept is None:
        raise NotFound(f"no evidence {sha256[:64]}")
    _log(identity, entity=f"finding:{finding_id}", sha256=sha256)
    return answer(parts.media, request, sha256=kept.sha256, media_type=kept.media_type)
