"""A sealed report as PDF: the same bytes for the same report, whenever and wherever it is drawn.

Chinese is set in a CID font that every PDF reader brings along (STSong-Light), so no font need lie on this machine.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from casework.report_scale import scale_of
from casework.report_seal import embedded
from casework.report_words import ReportWords, cents, clock_text

FONT: Final = "STSong-Light"
COLOURS: Final = {
    "green": "#1a7f4b",
    "blue": "#1f5fbf",
    "yellow": "#8a6500",
    "orange": "#b04c08",
    "red": "#b3261e",
    "A": "#1a7f4b",
    "B": "#1f5fbf",
    "C": "#8a6500",
    "D": "#b3261e",
}
"""Of the grades, each dark enough for white letters."""
OTHER: Final = "#5b6673"
"""The colour of a grade that has none of its own."""
_INK, _PALE, _RULE = colors.HexColor("#1c2430"), colors.HexColor("#eef2f6"), colors.HexColor("#c3ccd6")
_BAR = colors.HexColor("#0d5a55")


@cache
def _register() -> None:
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))


def _style(size: float, *, lead: float = 1.35, colour: Any = _INK) -> ParagraphStyle:
    return ParagraphStyle(f"s{size}{colour}", fontName=FONT, fontSize=size, leading=size * lead, textColor=colour, wordWrap="CJK")


def report_pdf(sealed: Mapping[str, Any], words: ReportWords | None = None) -> bytes:
    """The report in the language of its words, Chinese unless given."""
    _register()
    words = words or ReportWords()
    content, out = sealed["content"], io.BytesIO()
    title = f"{words.word('title')} {content['month']} {content['merchant']['name']}"
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=16 * mm,
        rightMargin=16 * mm,
        topMargin=14 * mm,
        bottomMargin=16 * mm,
        title=title,
        author="Bright Kitchen",
        subject=words.language,
        keywords=f"sealed:{embedded(sealed)}",
        invariant=1,
    )
    foot = f"{content['run']}  {content['merchant']['uscc']}  {sealed['hash'][:16]}"

    def footer(canvas: Any, _document: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(colors.HexColor("#5b6673"))
        canvas.drawString(16 * mm, 9 * mm, foot)
        canvas.drawRightString(A4[0] - 16 * mm, 9 * mm, str(canvas.getPageNumber()))

    document.build(_story(sealed, words), onFirstPage=footer, onLaterPages=footer)
    return out.getvalue()


def _story(sealed: Mapping[str, Any], words: ReportWords) -> list[Any]:
    content, small = sealed["content"], _style(8.5)
    story: list[Any] = [
        Paragraph(escape(words.of(content["scheme"]["title"])), _style(9)),
        Paragraph(escape(f"{words.word('title')} · {content['month']}"), _style(17)),
        Paragraph(escape(f"{content['merchant']['name']}　{content['merchant']['uscc']}"), _style(10.5)),
        Spacer(1, 3 * mm),
        _head(content, words),
        Spacer(1, 3 * mm),
    ]
    for key in ("reasons", "regain"):
        items = [f"{each['code']} {words.of(each)}" if _is_numbered(each) else words.of(each) for each in content[key]]
        story += _section(key, items or [words.word("none")], words)
    if content["dimensions"]:
        story += [*_heading("dimensions", words), _dimensions(content["dimensions"], words)]
    if len(content["trend"]) > 1:
        story += [*_heading("trend", words), _trend(content)]
    if content["prior_period"]:
        items = [f"{each['month']} {each['fact']}: {each['value']} ({each['source']})" for each in content["prior_period"]]
        story += _section("prior", items, words)
    if content["site"]:
        story += [Spacer(1, 3 * mm), Paragraph(escape(words.word("links")), small)]
    story += [*_heading("lines", words), _lines(content, words), Spacer(1, 4 * mm), _facts(sealed, words)]
    return story


def _is_numbered(reason: Mapping[str, Any]) -> bool:
    """Whether a reason has a code that people know it by, as C4; others have words of ours."""
    return bool(str(reason.get("code", ""))[-1:].isdigit())


def _section(key: str, items: list[str], words: ReportWords) -> list[Any]:
    return [*_heading(key, words), *(Paragraph(escape(f"• {text}"), _style(8.5)) for text in items)]


def _heading(key: str, words: ReportWords) -> list[Any]:
    return [Spacer(1, 3 * mm), Paragraph(escape(words.word(key)), _style(11.5)), Spacer(1, 1 * mm)]


def _head(content: Mapping[str, Any], words: ReportWords) -> Table:
    colour = colors.HexColor(COLOURS.get(content["grade"], OTHER))
    white = colors.white
    cells = [
        (words.word("grade"), words.of(content["grade_title"])),
        (words.word("score"), content["score"] or words.word("na")),
        (words.word("previous"), words.of(content["previous_title"])),
        (words.word("state"), f"{words.state(content['state'])} · {words.version(content['version'])}"),
    ]
    row = [
        [Paragraph(escape(name), _style(8, colour=white)), Paragraph(escape(value), _style(12.5, colour=white))]
        for name, value in cells
    ]
    table = Table([row], colWidths=[44.5 * mm] * 4)
    table.setStyle(
        TableStyle(
            [
                ("BACKGROUND", (0, 0), (-1, -1), colour),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
            ]
        )
    )
    return table


def _lines(content: Mapping[str, Any], words: ReportWords) -> LongTable:
    names = ("item", "points", "max", "lost", "why", "source")
    small = _style(7.2)
    rows = [[Paragraph(escape(words.word(name)), small) for name in names]]
    for line in content["lines"]:
        title = words.of(line["title"])
        label = line["id"] if title == line["id"] else f"{line['id']} {title}"
        points = words.word("na") if line["points"] is None else cents(line["points"])
        cells = [
            escape(label),
            _linked(escape(points), content, line),
            escape(line["max"] or "–"),
            escape("–" if line["lost"] is None else f"−{cents(line['lost'])}"),
            escape(words.of(line["why"])),
            escape(words.origin(line["origin"])),
        ]
        rows.append([Paragraph(cell, small) for cell in cells])
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


def item_address(content: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    """Where a number's evidence is opened; relative where the report does not know its site."""
    run, revision = content["run"], content["revision"]
    return f"{content['site']}/scores/{content['merchant']['uscc']}/items/{line['place']}?run={run}&revision={revision}"


def _linked(cell: str, content: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    """A number that opens its evidence; a file that knows no site has nowhere to lead."""
    if not content["site"]:
        return cell
    return f'<a href="{escape(item_address(content, line))}" color="#1f5fbf">{cell}</a>'


def _facts(sealed: Mapping[str, Any], words: ReportWords) -> Table:
    content = sealed["content"]
    published = (
        f"{clock_text(content['published_at'])} {content['published_by']}" if content["published_at"] else words.word("none")
    )
    told = [
        ("frozen", clock_text(content["frozen_at"])),
        ("objection", clock_text(content["objection_until"])),
        ("published", published),
        ("catalogue", content["catalogue_version"]),
        ("config", content["config_hash"]),
        ("hash", sealed["hash"]),
        ("key", sealed["public_key"]),
        ("seal", words.word("genuine")),
    ]
    if content["correction"]:
        told.insert(0, ("correction", content["correction"]))
    rows = [[Paragraph(escape(words.word(key)), _style(7)), Paragraph(escape(str(value)), _style(7))] for key, value in told]
    rows.append([Paragraph("", _style(7)), Paragraph(escape(words.word("appeal")), _style(7))])
    table = Table(rows, colWidths=[30 * mm, 148 * mm])
    table.setStyle(TableStyle([("TOPPADDING", (0, 0), (-1, -1), 0.5), ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5)]))
    return table


def _dimensions(dimensions: list[Mapping[str, Any]], words: ReportWords) -> Table:
    """A bar for each dimension: what there is of its maximum, beside the numbers."""
    style, width, high = _style(7.5), 78 * mm, 2.6 * mm
    rows = []
    for each in dimensions:
        share = float(each["points"]) / float(each["max"])
        bar = Drawing(width, high)
        bar.add(Rect(0, 0, width, high, fillColor=_PALE, strokeColor=None))
        bar.add(Rect(0, 0, width * share, high, fillColor=_BAR, strokeColor=None))
        numbers = f"{cents(each['points'])} / {each['max']}"
        lost = f"−{cents(each['lost'])}" if float(each["lost"]) else "–"
        rows.append([Paragraph(escape(words.of(each["title"])), style), bar, Paragraph(numbers, style), Paragraph(lost, style)])
    table = Table(rows, colWidths=[52 * mm, 82 * mm, 26 * mm, 18 * mm])
    table.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                ("TOPPADDING", (0, 0), (-1, -1), 0.5),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0.5),
            ]
        )
    )
    return table


def _trend(content: Mapping[str, Any]) -> Drawing:
    """The scores of the months as a line; each point in the colour of its grade."""
    points, width, height, left, low = content["trend"], 178 * mm, 34 * mm, 10 * mm, 7 * mm
    drawing, scale = Drawing(width, height), scale_of(content["trend"], content["bands"])
    room = height - low - 5 * mm
    step = (width - 2 * left) / max(1, len(points) - 1)
    for mark in (scale.low, *scale.marks, scale.high):
        y = low + room * scale.share(mark)
        drawing.add(Line(left, y, width - left, y, strokeColor=_RULE, strokeWidth=0.3))
        drawing.add(String(1 * mm, y - 2, f"{mark:f}", fontName=FONT, fontSize=5.5, fillColor=_INK))
    path: list[float] = []
    for at, point in enumerate(points):
        x = left + step * at
        drawing.add(String(x, 1, point["month"], fontName=FONT, fontSize=5.5, fillColor=_INK, textAnchor="middle"))
        if point["score"] is None:
            continue
        y = low + room * scale.share(point["score"])
        path += [x, y]
        colour = colors.HexColor(COLOURS.get(point["grade"], OTHER))
        drawing.add(Circle(x, y, 2.2, fillColor=colour, strokeColor=colour))
        drawing.add(String(x, y + 4, point["score"], fontName=FONT, fontSize=5.5, fillColor=_INK, textAnchor="middle"))
    if len(path) >= 4:
        drawing.insert(0, PolyLine(path, strokeColor=_INK, strokeWidth=0.8))
    return drawing
