"""The web application: API, pages, live stream, installable shell. Everything it works with is given to ``create_app``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from casework.assessment import Assessor
from casework.office import Office
from devices.limits import Limits
from domain.errors import KitchenError
from store.ports import Media, Store
from web import api, pages
from web.access import Access, BodyLimit, SignedInFirst
from web.language import load_languages
from web.limits import Attempts, Buckets, Signatures
from web.live import LiveStream
from web.openapi import describe
from web.parts import Clock, DepartmentSecret, Intake, Parts, Seal, no_department_secret
from web.problems import NotSignedIn, problem_of, problem_response
from web.recent import Recent
from web.rendering import page_for
from web.settings import WebSettings
from web.static import static_files

log = structlog.get_logger(__name__)

API_PATHS = ("/api/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")


def release() -> str:
    """The installed version."""
    try:
        return version("bright-kitchen")
    except PackageNotFoundError:
        return "0"


def create_app(  # noqa: PLR0917 - the parts in the order everybody names them
    office: Office,
    store: Store,
    media: Media,
    live: LiveStream,
    settings: WebSettings,
    clock: Clock,
    *,
    intake: Intake | None = None,
    assessor: Assessor | None = None,
    seal: Seal | None = None,
    department_secret: DepartmentSecret = no_department_secret,
) -> FastAPI:
    """Put the application together.

    Args:
        office: every use case.
        store: for reading, and for sessions and push subscriptions.
        media: evidence bytes.
        live: the live stream; started and closed with the application.
        settings: what the site sets.
        clock: the only source of time.
        intake: where posted observations go; without it ``POST /api/v1/observations`` answers 503.
        assessor: the monthly assessment; without it its routes answer 503 and its pages 404.
        seal: signs reports.
        department_secret: the secret of a liaison department's own system, by the department's id.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await live.start()
        try:
            yield
        finally:
            await live.close()

    app = FastAPI(
        title="Bright Kitchen",
        summary="Kitchen monitoring and food-safety credit supervision",
        version=release(),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.parts = Parts(
        office=office,
        store=store,
        media=media,
        live=live,
        settings=settings,
        clock=clock,
        intake=intake,
        languages=load_languages(),
        failed_sign_ins=Attempts(limit=settings.sign_in_attempts, window=settings.sign_in_window),
        failed_addresses=Attempts(limit=settings.address_attempts, window=settings.sign_in_window),
        sign_in_slots=asyncio.Semaphore(settings.sign_ins_at_once),
        signatures=Signatures(Limits()),
        device_buckets=Buckets(rate=settings.device_rate, burst=settings.device_burst),
        recent=Recent(),
        assessor=assessor,
        seal=seal,
        department_secret=department_secret,
    )
    for router in (*api.ROUTERS, *pages.ROUTERS):
        app.include_router(router)
    app.mount("/static", static_files())
    describe(app)
    for kind in (KitchenError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _answer_error)
    app.add_middleware(SignedInFirst, refuse=_answer_error)
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(Access)
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    """An error as problem+json under the API, as a page elsewhere; the unknown is logged with its trace."""
    problem = problem_of(error)
    if problem.status >= 500:
        log.error("request_failed", path=request.url.path, status=problem.status, error=repr(error))
    if request.url.path.startswith(API_PATHS):
        return problem_response(error)
    if isinstance(error, NotSignedIn):
        following = request.url.path if request.method == "GET" else "/"
        return RedirectResponse(f"/sign-in?following={quote(following)}", status_code=303)
    page = page_for(request, request.app.state.parts, getattr(request.state, "identity", None))
    return page.render("problem.html", {"problem": problem.code, "status": problem.status}, status=problem.status)
