"""A sealed report as one HTML page that needs nothing else: no script, no network, the same bytes for the same report."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from casework.assessment_rating import canonical
from casework.report_pdf import COLOURS
from casework.report_words import origin_words, state_word, word

HERE = Path(__file__).parent
CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""What a browser may do with the page: show it."""
_WIDE, _HIGH, _LEFT, _LOW = 720, 150, 34, 22


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cents"] = _cents
    return made


def report_page(sealed: Mapping[str, Any], language: str = "zh") -> bytes:
    """The page in ``zh`` or ``en``."""
    content = sealed["content"]
    # what is between the tags can end neither them nor the document
    embedded = canonical(sealed).decode().replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    page = _environment().get_template("assessment_report.html")
    text = page.render(
        content=content,
        sealed=sealed,
        language=language,
        word=lambda key: word(key, language),
        state=state_word(content["state"], language),
        origin=lambda origin: origin_words(origin, language),
        colour=COLOURS.get(content["grade"], "#5b6673"),
        trend=_trend(content["trend"]),
        embedded=Markup(embedded),  # noqa: S704 - JSON with every character that means something to HTML escaped
    )
    return text.encode("utf-8")


def _cents(number: str | None) -> str:
    """At most two decimals, for a column."""
    if number is None:
        return "–"
    whole, _, rest = number.partition(".")
    return f"{whole}.{rest[:2]}" if rest else whole


def _trend(points: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The places of a drawing: marks, points in the colours of their grades, and the line through them."""
    step = (_WIDE - 2 * _LEFT) / max(1, len(points) - 1)
    marks = [{"y": _y(Decimal(mark)), "mark": mark} for mark in (60, 75, 90)]
    drawn = [
        {
            "x": round(_LEFT + step * at, 1),
            "y": None if point["score"] is None else _y(Decimal(point["score"])),
            "month": point["month"],
            "score": point["score"],
            "colour": COLOURS.get(point["grade"], "#5b6673"),
        }
        for at, point in enumerate(points)
    ]
    path = " ".join(f"{each['x']},{each['y']}" for each in drawn if each["y"] is not None)
    return {"wide": _WIDE, "high": _HIGH, "left": _LEFT, "marks": marks, "points": drawn, "path": path}


def _y(score: Decimal) -> float:
    return round(float(_HIGH - _LOW - (_HIGH - _LOW - 18) * score / 100), 1)
