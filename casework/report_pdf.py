"""A sealed report as PDF: the same bytes for the same report, whenever and wherever it is drawn.

Chinese is set in a CID font that every PDF reader brings along (STSong-Light), so no font need lie on this machine.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from casework.report_seal import embedded
from casework.report_words import origin_words, state_word, word

FONT: Final = "STSong-Light"
COLOURS: Final = {
    "green": "#1a7f4b",
    "blue": "#1f5fbf",
    "yellow": "#b98900",
    "orange": "#c8590d",
    "red": "#b3261e",
}
_INK, _PALE, _RULE = colors.HexColor("#1c2430"), colors.HexColor("#eef2f6"), colors.HexColor("#c3ccd6")


@cache
def _register() -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))


def _style(size: float, *, lead: float = 1.35, colour: Any = _INK) -> ParagraphStyle:
    return ParagraphStyle(f"s{size}{colour}", fontName=FONT, fontSize=size, leading=size * lead, textColor=colour, wordWrap="CJK")


def report_pdf(sealed: Mapping[str, Any], language: str = "zh") -> bytes:
    """The report in ``zh`` or ``en``."""
    _register()
    content, out = sealed["content"], io.BytesIO()
    title = f"{word('title', language)} {content['month']} {content['merchant']['name']}"
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=16 * mm,
        rightMargin=16 * mm,
        topMargin=14 * mm,
        bottomMargin=16 * mm,
        title=title,
        author="Bright Kitchen",
        subject=language,
        keywords=f"sealed:{embedded(sealed)}",
        invariant=1,
    )
    foot = f"{content['run']}  {content['merchant']['uscc']}  {sealed['hash'][:16]}"

    def footer(canvas: Any, _document: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(colors.HexColor("#5b6673"))
        canvas.drawString(16 * mm, 9 * mm, foot)
        canvas.drawRightString(A4[0] - 16 * mm, 9 * mm, str(canvas.getPageNumber()))

    document.build(_story(sealed, language), onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


def _story(sealed: Mapping[str, Any], language: str) -> list[Any]:
    content = sealed["content"]
    story: list[Any] = [
        Paragraph(escape(content["scheme"]["title"].get(language, content["scheme"]["name"])), _style(9)),
        Paragraph(escape(f"{word('title', language)} · {content['month']}"), _style(17)),
        Paragraph(escape(f"{content['merchant']['name']}　{content['merchant']['uscc']}"), _style(10.5)),
        Spacer(1, 3 * mm),
        _head(content, language),
        Spacer(1, 3 * mm),
    ]
    for key in ("reasons", "regain"):
        items = [f"{each.get('code', '')} {each[language]}".strip() for each in content[key]]
        story += [
            *_heading(key, language),
            *(Paragraph(escape(f"• {text}"), _style(8.5)) for text in items or [word("none", language)]),
        ]
    if len(content["trend"]) > 1:
        story += [*_heading("trend", language), _trend(content["trend"])]
    if content["prior_period"]:
        items = [f"{each['month']} {each['fact']}: {each['value']} ({each['source']})" for each in content["prior_period"]]
        story += [*_heading("prior", language), *(Paragraph(escape(f"• {text}"), _style(8.5)) for text in items)]
    story += [*_heading("lines", language), _lines(content, language), Spacer(1, 4 * mm), _facts(sealed, language)]
    return story


def _heading(key: str, language: str) -> list[Any]:
    return [Spacer(1, 3 * mm), Paragraph(escape(word(key, language)), _style(11.5)), Spacer(1, 1 * mm)]


def _head(content: Mapping[str, Any], language: str) -> Table:
    colour = colors.HexColor(COLOURS.get(content["grade"], "#5b6673"))
    white = colors.white
    cells = [
        (word("grade", language), content["grade_title"][language]),
        (word("score", language), content["score"] or word("na", language)),
        (word("previous", language), content["previous"] or word("none", language)),
        (word("state", language), f"{state_word(content['state'], language)} v{content['version']}"),
    ]
    row = [
        [Paragraph(escape(name), _style(8, colour=white)), Paragraph(escape(value), _style(15, colour=white))]
        for name, value in cells
    ]
    table = Table([row], colWidths=[44.5 * mm] * 4)
    table.setStyle(TableStyle([("BACKGROUND", (0, 0), (-1, -1), colour), ("VALIGN", (0, 0), (-1, -1), "TOP")]))
    return table


def _lines(content: Mapping[str, Any], language: str) -> LongTable:
    names = ("item", "points", "max", "lost", "why", "source")
    small, pale = _style(7.2), _style(7.2)
    rows = [[Paragraph(escape(word(name, language)), small) for name in names]]
    for line in content["lines"]:
        title = line["title"][language]
        label = line["id"] if title == line["id"] else f"{line['id']} {title}"
        cells = (
            label,
            line["points"] if line["points"] is not None else word("na", language),
            line["max"] or "–",
            _short(line["lost"]),
            line["why"][language],
            origin_words(line["origin"], language),
        )
        rows.append([Paragraph(escape(str(cell)), pale) for cell in cells])
    table = LongTable(rows, colWidths=[42 * mm, 14 * mm, 11 * mm, 14 * mm, 52 * mm, 45 * mm], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.25, _RULE),
                ("BACKGROUND", (0, 0), (-1, 0), _PALE),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("TOPPADDING", (0, 0), (-1, -1), 1.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ]
        )
    )
    return table


def _short(number: str | None) -> str:
    """At most two decimals, for a column."""
    if number is None:
        return "–"
    whole, _, rest = number.partition(".")
    return f"−{whole}.{rest[:2]}" if rest else f"−{whole}"


def _facts(sealed: Mapping[str, Any], language: str) -> Table:
    content = sealed["content"]
    published = f"{content['published_at']} {content['published_by']}" if content["published_at"] else word("none", language)
    told = [
        ("objection", content["objection_until"]),
        ("published", published),
        ("catalogue", content["catalogue_version"]),
        ("config", content["config_hash"]),
        ("hash", sealed["hash"]),
        ("key", sealed["public_key"]),
    ]
    if content["correction"]:
        told.insert(0, ("correction", content["correction"]))
    rows = [[Paragraph(escape(word(key, language)), _style(7)), Paragraph(escape(str(value)), _style(7))] for key, value in told]
    rows.append([Paragraph("", _style(7)), Paragraph(escape(word("appeal", language)), _style(7))])
    table = Table(rows, colWidths=[30 * mm, 148 * mm])
    table.setStyle(TableStyle([("TOPPADDING", (0, 0), (-1, -1), 0.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5)]))
    return table


def _trend(points: list[Mapping[str, Any]]) -> Drawing:
    """The scores of the months as a line; each point in the colour of its grade."""
    width, height, left, low = 178 * mm, 34 * mm, 8 * mm, 7 * mm
    drawing = Drawing(width, height)
    step = (width - 2 * left) / max(1, len(points) - 1)
    for mark in (0, 60, 75, 90, 100):
        y = low + (height - low - 4 * mm) * mark / 100
        drawing.add(Line(left, y, width - left, y, strokeColor=_RULE, strokeWidth=0.3))
        drawing.add(String(1 * mm, y - 2, str(mark), fontName=FONT, fontSize=5.5, fillColor=_INK))
    path: list[float] = []
    for at, point in enumerate(points):
        x = left + step * at
        drawing.add(String(x - 9, 1, point["month"], fontName=FONT, fontSize=5.5, fillColor=_INK))
        if point["score"] is None:
            continue
        y = low + (height - low - 4 * mm) * float(point["score"]) / 100
        path += [x, y]
        colour = colors.HexColor(COLOURS.get(point["grade"], "#5b6673"))
        drawing.add(Circle(x, y, 2.2, fillColor=colour, strokeColor=colour))
        drawing.add(String(x - 6, y + 4, point["score"], fontName=FONT, fontSize=5.5, fillColor=_INK))
    if len(path) >= 4:
        drawing.insert(0, PolyLine(path, strokeColor=_INK, strokeWidth=0.8))
    return drawing
