"""The sign-in page and the way out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from web import auth
from web.api.session import address_of
from web.auth import SignedIn
from web.parts import Wired
from web.problems import WebError
from web.rendering import Page, Paged

router = APIRouter(include_in_schema=False)


def local_path(wish: str) -> str:
    """Where to go after the sign-in: a path of ours, nothing else."""
    return wish if wish.startswith("/") and not wish.startswith(("//", "/\\")) else "/"


def _page(page: Page, *, following: str, login: str = "", problem: str = "", status: int = 200) -> HTMLResponse:
    return page.render("sign_in.html", {"following": following, "login": login, "problem": problem}, status=status)


@router.get("/sign-in")
def ask(page: Paged, following: str = "/") -> Response:
    """The form; who is signed in already goes on."""
    if page.identity is not None:
        return RedirectResponse(local_path(following), status_code=303)
    return _page(page, following=local_path(following))


@router.post("/sign-in", dependencies=[Depends(auth.same_site)])
async def sign_in(
    *,
    request: Request,
    page: Paged,
    parts: Wired,
    user: Annotated[str, Form(max_length=80)] = "",
    password: Annotated[str, Form(max_length=200)] = "",
    following: Annotated[str, Form(max_length=500)] = "/",
) -> Response:
    """Check the password; set the cookie."""
    try:
        token, _ = await auth.sign_in(parts, login=user, password=password, address=address_of(request), now=page.now)
    except WebError as error:
        refused = _page(page, following=local_path(following), login=user, problem=error.code, status=error.status)
        refused.headers.update(error.headers)
        return refused
    answer = RedirectResponse(local_path(following), status_code=303)
    auth.set_cookie(answer, parts, token)
    return answer


@router.post("/sign-out")
def sign_out(identity: SignedIn, parts: Wired) -> Response:
    """End the session."""
    auth.sign_out(parts, identity)
    answer = RedirectResponse("/sign-in", status_code=303)
    auth.clear_cookie(answer, parts)
    return answer
