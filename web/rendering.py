"""Pages from templates: one Jinja environment per language, everything escaped, no script in the markup.

``Page`` is made before anything is read from the store: the live stream it names begins no later than what the page shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from casework import words
from domain.findings import Reason
from domain.time import format_instant
from web import names
from web.auth import Identity, MaybeSignedIn
from web.language import COOKIE, Language, choose
from web.pages import story
from web.parts import Parts, Wired

HERE = Path(__file__).parent
YEAR = 365 * 24 * 3600


@cache
def asset(path: str) -> str:
    """The address of a static file, with a part of its hash, so that a new one is fetched at once."""
    digest = hashlib.sha256((HERE / "static" / path).read_bytes()).hexdigest()[:10]
    return f"/static/{path}?v={digest}"


def span(language: Language, length: timedelta) -> str:
    """A length of time in words: whole hours or minutes."""
    minutes = int(length.total_seconds() // 60)
    if minutes % 60 == 0:
        hours = minutes // 60
        return language.plural("%(n)s 小时", "%(n)s 小时", hours) % {"n": hours}
    return language.plural("%(n)s 分钟", "%(n)s 分钟", minutes) % {"n": minutes}


def clock_text(left: timedelta) -> str:
    """``HH:MM:SS`` of a length of time, whichever its sign: what the countdown says before the browser takes over."""
    seconds = abs(int(left.total_seconds()))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def points(value: Decimal) -> str:
    """Points without needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def sentence(reason: Reason, language: Language) -> str:
    """Why something was raised, with the zone in words where it is named like its kind."""
    zone = names.ZONES.get(reason.params.get("zone", ""))
    if zone is not None:
        reason = replace(reason, params={**reason.params, "zone": language.text(zone)})
    return words.sentence(reason, language.text)


@cache
def environment(language: Language) -> Environment:
    """The templates in one language."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        extensions=["jinja2.ext.i18n"],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_callables(language.text, language.plural, newstyle=True)  # type: ignore[attr-defined]
    made.filters["instant"] = language.instant
    made.filters["rfc3339"] = format_instant
    made.filters["span"] = lambda length: span(language, length)
    made.filters["clock"] = clock_text
    made.filters["points"] = points
    made.globals.update(asset=asset, language=language, names=names)
    made.globals["class_name"] = lambda class_: words.class_name(class_, language.text)
    made.globals["step_name"] = lambda step: story.step_name(step, language)
    made.globals["step_note"] = lambda step: story.step_note(step, language)
    made.globals["sentence"] = lambda reason: sentence(reason, language)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page being made for one reader."""

    request: Request
    parts: Parts
    identity: Identity | None
    language: Language
    now: datetime
    live_after: str

    def render(self, template: str, context: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
        """The page as an answer. A language asked for by ``?lang=`` is remembered."""
        html = (
            environment(self.language)
            .get_template(template)
            .render(
                page=self,
                identity=self.identity,
                actor=self.identity.actor if self.identity else None,
                csrf=self.identity.session.csrf if self.identity else "",
                settings=self.parts.settings,
                now=self.now,
                **context,
            )
        )
        response = HTMLResponse(html, status_code=status, headers={"Content-Language": self.language.tag, "Vary": "Cookie"})
        wish = self.request.query_params.get("lang")
        if wish in self.parts.languages:
            response.set_cookie(
                COOKIE, wish, max_age=YEAR, samesite="lax", secure=self.parts.settings.secure_cookies, httponly=True, path="/"
            )
        return response

    @property
    def path(self) -> str:
        """The path, for marking where one is."""
        return self.request.url.path

    def here(self, **query: str) -> str:
        """This address with other query values; used by the language switch."""
        return str(self.request.url.include_query_params(**query).replace(scheme="", netloc=""))


def page_for(request: Request, parts: Parts, identity: Identity | None) -> Page:
    """A page for a reader."""
    code = choose(
        parts.languages,
        query=request.query_params.get("lang"),
        cookie=request.cookies.get(COOKIE),
        user=identity.user.locale if identity else None,
        accept=request.headers.get("accept-language", ""),
    )
    return Page(
        request=request,
        parts=parts,
        identity=identity,
        language=parts.languages[code],
        now=parts.clock(),
        live_after=parts.live.newest or "",
    )


def page_of(request: Request, parts: Wired, identity: MaybeSignedIn) -> Page:
    """The page this request makes."""
    return page_for(request, parts, identity)


Paged: TypeAlias = Annotated[Page, Depends(page_of)]
