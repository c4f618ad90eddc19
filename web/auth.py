"""Who is asking: passwords (argon2), server-side sessions, cookie or bearer token, CSRF.

The token is 256 random bits; the store keeps only its SHA-256. A request that a cookie authenticates and that may change
something must also carry the session's CSRF token; a bearer token needs none, because no browser sends it by itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeAlias

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Depends, Request, Response

from domain.errors import Forbidden
from domain.parties import Actor, Role, User
from store.ports import Session, Store
from web import metrics
from web.parts import Parts, Wired
from web.problems import NotSignedIn, ProblemCode, WebError

log = structlog.get_logger(__name__)

COOKIE = "kitchen_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OFFICIALS = (Role.INSPECTOR, Role.SUPERVISOR)

_HASHER = PasswordHasher()
# The hash of a password nobody has: an unknown login costs as much time as a wrong password.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5LW5vYm9keQ$H5i5mLyDTvyx9HEKS2Sq9cEYzTgQpmmS7kYhT7W8m5o"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody who is signed in, and how this request proved it."""

    user: User
    session: Session
    by_cookie: bool

    @property
    def actor(self) -> Actor:
        """Who acts, as the audit trail records it."""
        return Actor.of(self.user)

    @property
    def is_official(self) -> bool:
        """Whether this is an inspector or a supervisor."""
        return self.user.role in OFFICIALS


def hash_token(token: str) -> str:
    """What the store keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def hash_password(password: str) -> str:
    """The argon2id hash the store keeps of a password."""
    return _HASHER.hash(password)


def password_matches(password: str, stored: str | None) -> bool:
    """Whether a password is the stored one; takes its time for nobody too."""
    try:
        return _HASHER.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


async def sign_in(parts: Parts, *, login: str, password: str, address: str, now: datetime) -> tuple[str, Identity]:
    """Check a password and open a session.

    A check costs 64 MiB and a tenth of a second. So only a few run at once, those that wait for it hold no thread, and both
    limits are asked again when it is their turn: what was sent all at once is not let in all at once.

    Returns:
        The token, which exists only here and at the client, and who signed in.

    Raises:
        WebError: SIGN_IN_REFUSED, or TOO_MANY_ATTEMPTS after too many failures of this login from this address, or of any
            logins from this address.
    """
    _admit(parts, login, address, now)
    async with parts.sign_in_slots:
        _admit(parts, login, address, now)
        return await asyncio.to_thread(_sign_in, parts, login, password, address, now)


def _attempt_key(login: str, address: str) -> str:
    return f"{address}|{login[:80].lower()}"


def _admit(parts: Parts, login: str, address: str, now: datetime) -> None:
    wait = max(
        parts.failed_sign_ins.wait(_attempt_key(login, address), now),
        parts.failed_addresses.wait(address, now),
    )
    if wait > timedelta():
        metrics.SIGN_INS.labels("limited").inc()
        seconds = int(wait.total_seconds()) + 1
        raise WebError(429, ProblemCode.TOO_MANY_ATTEMPTS, f"try again in {seconds} s", headers={"Retry-After": str(seconds)})


def _sign_in(parts: Parts, login: str, password: str, address: str, now: datetime) -> tuple[str, Identity]:
    key = _attempt_key(login, address)
    with parts.store.reading() as uow:
        found = uow.users.by_login(login)
    if not password_matches(password, found[1] if found else None) or found is None or not found[0].active:
        parts.failed_sign_ins.record(key, now)
        parts.failed_addresses.record(address, now)
        metrics.SIGN_INS.labels("refused").inc()
        log.warning("sign_in_refused", login=login[:80], address=address)
        raise WebError(401, ProblemCode.SIGN_IN_REFUSED)
    user, token = found[0], secrets.token_urlsafe(32)
    session = Session(
        token_hash=hash_token(token),
        user_id=user.id,
        csrf=secrets.token_urlsafe(24),
        created_at=now,
        expires_at=now + parts.settings.session_length,
    )
    with parts.store.writing() as uow:
        uow.users.end_expired_sessions(now)
        uow.users.add_session(session)
        uow.commit()
    parts.failed_sign_ins.forget(key)
    metrics.SIGN_INS.labels("ok").inc()
    log.info("signed_in", user=user.id, role=user.role.value)
    return token, Identity(user=user, session=session, by_cookie=True)


def sign_out(parts: Parts, identity: Identity) -> None:
    """End a session."""
    with parts.store.writing() as uow:
        uow.users.end_session(identity.session.token_hash)
        uow.commit()
    log.info("signed_out", user=identity.user.id)


def set_cookie(response: Response, parts: Parts, token: str) -> None:
    """Give a browser its session."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(parts.settings.session_length.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=parts.settings.secure_cookies,
        path="/",
    )


def clear_cookie(response: Response, parts: Parts) -> None:
    """Take a browser's session away."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=parts.settings.secure_cookies)


def standing(store: Store, token_hash: str, now: datetime) -> tuple[Session, User] | None:
    """The session under this hash and its user, if both still stand."""
    with store.reading() as uow:
        session = uow.users.session(token_hash)
        if session is None or session.expires_at <= now:
            return None
        user = uow.users.get(session.user_id)
    return (session, user) if user is not None and user.active else None


def _token(request: Request) -> tuple[str, bool] | None:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip(), False
    cookie = request.cookies.get(COOKIE)
    return (cookie, True) if cookie else None


async def maybe_signed_in(request: Request, parts: Wired) -> Identity | None:
    """Who is asking, or None."""
    found = _token(request)
    if found is None:
        return None
    token, by_cookie = found
    kept = await asyncio.to_thread(standing, parts.store, hash_token(token), parts.clock())
    if kept is None:
        return None
    identity = Identity(session=kept[0], user=kept[1], by_cookie=by_cookie)
    request.state.identity = identity
    return identity


MaybeSignedIn: TypeAlias = Annotated[Identity | None, Depends(maybe_signed_in)]


async def signed_in(request: Request, identity: MaybeSignedIn) -> Identity:
    """Who is asking; checks the CSRF token where a cookie vouches for an unsafe method.

    Raises:
        NotSignedIn: nobody.
        WebError: CSRF.
    """
    if identity is None:
        raise NotSignedIn
    if identity.by_cookie and request.method not in SAFE_METHODS:
        await _check_csrf(request, identity)
    return identity


async def _check_csrf(request: Request, identity: Identity) -> None:
    given = request.headers.get(CSRF_HEADER, "")
    if not given and "form" in request.headers.get("content-type", ""):
        field = (await request.form()).get(CSRF_FIELD)
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode(), identity.session.csrf.encode()):
        raise WebError(403, ProblemCode.CSRF, f"send {CSRF_HEADER} or the form field {CSRF_FIELD}")


def same_site(request: Request) -> None:
    """Refuse a sign-in that another site's page sent.

    Raises:
        WebError: CSRF.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "same-site", "none"):
        raise WebError(403, ProblemCode.CSRF, "sign in on our own page")


SignedIn: TypeAlias = Annotated[Identity, Depends(signed_in)]


def official(identity: SignedIn) -> Identity:
    """An inspector or a supervisor.

    Raises:
        Forbidden: anybody else.
    """
    if not identity.is_official:
        raise Forbidden("only inspectors and supervisors may")
    return identity


Official: TypeAlias = Annotated[Identity, Depends(official)]
