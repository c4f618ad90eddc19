"""A sealed report as one HTML page that needs nothing else: no script, no network, the same bytes for the same report.

``report_file`` draws every form there is, so that whoever verifies one draws it as whoever wrote it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from casework.assessment_rating import canonical
from casework.report_pdf import COLOURS, OTHER, item_address, report_pdf
from casework.report_scale import scale_of
from casework.report_words import ReportWords, cents, clock_text
from web.language import translator

HERE = Path(__file__).parent
CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""What a browser may do with the page: show it."""
FORMS = ("json", "html", "pdf")
_WIDE, _HIGH, _LEFT, _LOW, _TOP = 720, 170, 40, 24, 22


def words_of(language: str) -> ReportWords:
    """The words of reports in ``zh`` or ``en``."""
    return ReportWords(language=language, text=translator(language))


def report_file(sealed: Mapping[str, Any], form: str, language: str = "zh") -> bytes:
    """A sealed report as a file: ``json``, ``html`` or ``pdf``."""
    if form == "pdf":
        return report_pdf(sealed, words_of(language))
    return report_page(sealed, words_of(language)) if form == "html" else canonical(sealed) + b"\n"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cents"] = cents
    made.filters["clock"] = clock_text
    return made


def report_page(sealed: Mapping[str, Any], words: ReportWords | None = None) -> bytes:
    """The page in the language of its words, Chinese unless given."""
    content, words = sealed["content"], words or ReportWords()
    # what is between the tags can end neither them nor the document
    embedded = canonical(sealed).decode().replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    page = _environment().get_template("assessment_report.html")
    text = page.render(
        content=content,
        sealed=sealed,
        words=words,
        word=words.word,
        address=lambda line: item_address(content, line),
        colour=COLOURS.get(content["grade"], OTHER),
        colours=COLOURS,
        other=OTHER,
        trend=_trend(content),
        embedded=Markup(embedded),  # noqa: S704 - JSON with every character that means something to HTML escaped
    )
    return text.encode("utf-8")


def _trend(content: Mapping[str, Any]) -> dict[str, Any]:
    """The places of a drawing: marks, points in the colours of their grades, and the line through them."""
    points, scale = content["trend"], scale_of(content["trend"], content["bands"])

    def height(score: Any) -> float:
        return round(_HIGH - _LOW - (_HIGH - _LOW - _TOP) * scale.share(score), 1)

    step = (_WIDE - 2 * _LEFT) / max(1, len(points) - 1)
    marks = [{"y": height(mark), "mark": f"{mark:f}"} for mark in (scale.low, *scale.marks, scale.high)]
    drawn = [
        {
            "x": round(_LEFT + step * at, 1),
            "y": None if point["score"] is None else height(point["score"]),
            "month": point["month"],
            "score": point["score"],
            "colour": COLOURS.get(point["grade"], OTHER),
        }
        for at, point in enumerate(points)
    ]
    path = " ".join(f"{each['x']},{each['y']}" for each in drawn if each["y"] is not None)
    return {"wide": _WIDE, "high": _HIGH, "left": _LEFT, "marks": marks, "points": drawn, "path": path}
