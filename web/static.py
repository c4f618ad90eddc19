"""Static files: ours and the vendored ones. An address with a hash may be kept for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

from web.rendering import HERE

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope


class _Kept(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        hashed = b"v=" in scope.get("query_string", b"")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "public, max-age=300"
        return response


def static_files() -> StaticFiles:
    """The application that serves them."""
    return _Kept(directory=HERE / "static")
