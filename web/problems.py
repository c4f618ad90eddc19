"""Errors as answers: ``application/problem+json`` (RFC 9457) with a ``code`` from a closed list.

What one may not know of answers 404, what one may not do to something visible answers 403.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain.errors import (
    HTTP_STATUS,
    BadInput,
    Conflict,
    Forbidden,
    IllegalTransition,
    KitchenError,
    NotFound,
    Unavailable,
)


def _refusal(status: int) -> int:
    """A code that E.4 only flags when a device tells it refuses a person who asks (E060: no evidence, no confirmation)."""
    return status if status >= 400 else 422


class ProblemCode(StrEnum):
    """Codes of problems that are not bad input of domain.md E.4."""

    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    CONFLICT = "CONFLICT"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"
    NOT_SIGNED_IN = "NOT_SIGNED_IN"
    SIGN_IN_REFUSED = "SIGN_IN_REFUSED"
    CSRF = "CSRF"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    INVALID_REQUEST = "INVALID_REQUEST"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    TOO_LARGE = "TOO_LARGE"
    PRECONDITION_FAILED = "PRECONDITION_FAILED"
    INTERNAL = "INTERNAL"


_TITLES = {
    ProblemCode.ILLEGAL_TRANSITION: "Not possible in this state",
    ProblemCode.CONFLICT: "Somebody else changed it first",
    ProblemCode.FORBIDDEN: "Not allowed",
    ProblemCode.NOT_FOUND: "Not found",
    ProblemCode.UNAVAILABLE: "Not available now",
    ProblemCode.NOT_SIGNED_IN: "Sign in first",
    ProblemCode.SIGN_IN_REFUSED: "User or password is wrong",
    ProblemCode.CSRF: "The CSRF token is missing or wrong",
    ProblemCode.TOO_MANY_ATTEMPTS: "Too many attempts",
    ProblemCode.INVALID_REQUEST: "The request is not valid",
    ProblemCode.METHOD_NOT_ALLOWED: "Method not allowed",
    ProblemCode.TOO_LARGE: "The request is too large",
    ProblemCode.PRECONDITION_FAILED: "It was changed since it was read",
    ProblemCode.INTERNAL: "Something went wrong here",
}


class WebError(KitchenError):
    """A failure of the web face itself."""

    def __init__(self, status: int, code: ProblemCode, detail: str = "", *, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}
        super().__init__(f"{code.value}: {detail}")


class NotSignedIn(WebError):
    """Nobody is signed in, or the session is over."""

    def __init__(self) -> None:
        super().__init__(401, ProblemCode.NOT_SIGNED_IN, headers={"WWW-Authenticate": "Bearer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A failure as an answer says it."""

    status: int
    code: str
    title: str
    detail: str = ""
    where: str = ""

    def to_wire(self) -> dict[str, object]:
        """The JSON members."""
        wire: dict[str, object] = {
            "type": f"urn:bright-kitchen:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        return wire | {key: value for key, value in (("detail", self.detail), ("where", self.where)) if value}


def _problem(status: int, code: ProblemCode, detail: str = "") -> Problem:
    return Problem(status=status, code=code.value, title=_TITLES[code], detail=detail)


def problem_of(error: Exception) -> Problem:  # noqa: PLR0911 - one answer per branch of the error tree
    """What an error answers."""
    match error:
        case WebError():
            return _problem(error.status, error.code, error.detail)
        case BadInput():
            detail = f"{error.what}; {error.hint}" if error.hint else error.what
            return Problem(
                status=_refusal(HTTP_STATUS[error.code]),
                code=error.code.value,
                title="Bad input",
                detail=detail,
                where=error.where,
            )
        case IllegalTransition():
            return _problem(409, ProblemCode.ILLEGAL_TRANSITION, str(error))
        case Conflict():
            return _problem(409, ProblemCode.CONFLICT, str(error))
        case Forbidden():
            return _problem(403, ProblemCode.FORBIDDEN, str(error))
        case NotFound():
            return _problem(404, ProblemCode.NOT_FOUND, str(error))
        case Unavailable():
            return _problem(503, ProblemCode.UNAVAILABLE, str(error))
        case RequestValidationError():
            first = error.errors()[0] if error.errors() else {}
            where = ".".join(str(part) for part in first.get("loc", ()))
            return Problem(
                status=422,
                code=ProblemCode.INVALID_REQUEST.value,
                title=_TITLES[ProblemCode.INVALID_REQUEST],
                detail=str(first.get("msg", "")),
                where=where,
            )
        case HTTPException():
            codes = {404: ProblemCode.NOT_FOUND, 405: ProblemCode.METHOD_NOT_ALLOWED, 413: ProblemCode.TOO_LARGE}
            return _problem(error.status_code, codes.get(error.status_code, ProblemCode.INVALID_REQUEST), str(error.detail))
        case _:
            return _problem(500, ProblemCode.INTERNAL)


def headers_of(error: Exception) -> dict[str, str]:
    """Headers an error's answer carries."""
    if isinstance(error, WebError):
        return error.headers
    if isinstance(error, Unavailable):
        return {"Retry-After": "5"}
    return dict(error.headers or {}) if isinstance(error, HTTPException) else {}


def problem_response(error: Exception) -> JSONResponse:
    """The problem+json answer of an error."""
    problem = problem_of(error)
    return JSONResponse(
        problem.to_wire(), status_code=problem.status, media_type="application/problem+json", headers=headers_of(error)
    )
