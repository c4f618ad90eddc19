"""Entity tags: what is changed carries its version, and ``If-Match`` lets a change through only for whoever saw that version."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from fastapi import Header, Response

from domain.errors import Conflict
from web.problems import ProblemCode, WebError

IfMatch: TypeAlias = Annotated[str, Header(max_length=80, description='The `ETag` of the object as the caller saw it, e.g. "3".')]


def mark(response: Response, version: int) -> None:
    """Give an answer its tag."""
    response.headers["ETag"] = f'"{version}"'


def expected(if_match: str) -> int | None:
    """The version a caller saw; None if it does not matter.

    Raises:
        WebError: PRECONDITION_FAILED on a tag that is none of ours.
    """
    given = if_match.strip()
    if given in ("", "*"):
        return None
    if not re.fullmatch(r'"\d{1,9}"', given):
        raise WebError(412, ProblemCode.PRECONDITION_FAILED, "If-Match takes the ETag of this object")
    return int(given.strip('"'))


def precondition(if_match: str, error: Conflict) -> Exception:
    """What a Conflict is to the caller: a failed precondition where one was set, else itself."""
    return WebError(412, ProblemCode.PRECONDITION_FAILED, str(error)) if expected(if_match) is not None else error
