"""What makes the pages installable: manifest, service worker, offline page. They show nobody's data."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response

from web.rendering import HERE, Paged, asset, environment

router = APIRouter(include_in_schema=False)

SHELL = (
    "app.css",
    "app.js",
    "vendor/pico-2.1.1.min.css",
    "vendor/htmx-2.0.11.min.js",
    "icons/mark.svg",
    "icons/icons.svg",
    "icons/icon-192.png",
)


@router.get("/manifest.webmanifest")
def manifest(page: Paged) -> JSONResponse:
    """The web app manifest in the reader's language."""
    text = page.language.text
    wire = {
        "id": "/",
        "name": text("明厨亮灶"),
        "short_name": text("明厨亮灶"),
        "description": text("后厨监控与食品安全信用监管"),
        "lang": page.language.tag,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f4f6f4",
        "theme_color": "#0d5a55",
        "icons": [
            {"src": asset("icons/icon-192.png"), "sizes": "192x192", "type": "image/png", "purpose": "any"},
            {"src": asset("icons/icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any"},
            {"src": asset("icons/maskable-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
        ],
    }
    return JSONResponse(wire, media_type="application/manifest+json")


@router.get("/sw.js")
def service_worker(page: Paged) -> Response:
    """The service worker; its text changes with the files it keeps, so that browsers renew it."""
    shell = [asset(path) for path in SHELL]
    version = hashlib.sha256("|".join(shell).encode()).hexdigest()[:12]
    script = environment(page.language).get_template("sw.js").render(shell=shell, version=version)
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"})


@router.get("/offline")
def offline(page: Paged) -> HTMLResponse:
    """What is shown when there is no network and the page was never seen."""
    return page.render("offline.html", {})


@router.get("/favicon.ico")
def favicon() -> FileResponse:
    """The mark, for browsers that ask without being told."""
    return FileResponse(HERE / "static" / "icons" / "icon-32.png", media_type="image/png")
