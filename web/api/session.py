"""Signing in and out over the API."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from domain.time import format_instant
from web import auth
from web.auth import SignedIn
from web.parts import Wired

router = APIRouter(prefix="/api/v1/session", tags=["session"])


class Credentials(BaseModel):
    """Who wants to sign in."""

    user: str = Field(min_length=1, max_length=80)
    password: str = Field(min_length=1, max_length=200)


class SignedInUser(BaseModel):
    """The user of a session, as an answer says it."""

    id: str
    login: str
    name: str
    role: str
    merchant: str | None
    region: str | None


class NewSession(BaseModel):
    """A session: the bearer token, and the CSRF token that a cookie needs beside it."""

    token: str
    csrf: str
    expires_at: str
    user: SignedInUser


def user_of(identity: auth.Identity) -> SignedInUser:
    """The signed-in user as JSON."""
    user = identity.user
    return SignedInUser(
        id=user.id, login=user.login, name=user.name, role=user.role.value, merchant=user.uscc, region=user.region
    )


def address_of(request: Request) -> str:
    """Where a request came from, for the limit on attempts."""
    return request.client.host if request.client else "unknown"


@router.post("", status_code=201, dependencies=[Depends(auth.same_site)])
async def open_session(credentials: Credentials, request: Request, response: Response, parts: Wired) -> NewSession:
    """Sign in: a session cookie for browsers and a bearer token for programs."""
    token, identity = await auth.sign_in(
        parts, login=credentials.user, password=credentials.password, address=address_of(request), now=parts.clock()
    )
    auth.set_cookie(response, parts, token)
    session = identity.session
    return NewSession(token=token, csrf=session.csrf, expires_at=format_instant(session.expires_at), user=user_of(identity))


@router.get("")
def read_session(identity: SignedIn) -> SignedInUser:
    """Who is signed in."""
    return user_of(identity)


@router.delete("", status_code=204)
def end_session(identity: SignedIn, response: Response, parts: Wired) -> None:
    """Sign out."""
    auth.sign_out(parts, identity)
    auth.clear_cookie(response, parts)
