"""``kitchen rate`` and ``kitchen schemes``: one merchant rated from facts alone, and what the rating schemes are."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import typer
from rich.console import Console

from cli.language import LANGUAGES, translator
from cli.output import show_json, show_table
from cli.sentences import clause_in
from configs.scheme_catalogue import find_scheme, read_scheme, schemes_in
from credit.rating.facts import read_facts
from credit.rating.kinds import compiled
from credit.rating.value import Line, Rating, plain
from domain.errors import BadInput, Code


def rate(scheme: str, facts: Path, *, config: Path | None, language: str, as_json: bool) -> None:
    """Rate one merchant and show how the grade came about."""
    rating = compiled(find_scheme(scheme, config)).rate(read_facts(_content(facts)))
    if as_json:
        show_json(rating.to_wire(language))
    else:
        _show(rating, language)


def schemes(*, config: Path | None, language: str, as_json: bool) -> None:
    """List every scheme."""
    found = schemes_in(config)
    rows = [
        {
            "name": scheme.name,
            "title": scheme.title.get(language) or scheme.name,
            "kind": scheme.kind.value,
            "grades": list(scheme.grade_titles),
            "version": scheme.version,
        }
        for _, scheme in sorted(found.items())
    ]
    if as_json:
        show_json(rows)
    else:
        _ = translator(language)
        columns = (_("名称"), _("方案名称"), _("类型"), _("等级"), _("版本"))
        show_table(columns, [[_cell(value) for value in row.values()] for row in rows])


def check(file: Path, *, language: str, as_json: bool) -> None:
    """Print everything that is wrong with a scheme file; exit status 1 if anything is."""
    _, found = read_scheme(file)
    problems = [replace(each, what=clause_in(each.what, language), hint=clause_in(each.hint, language)) for each in found]
    if as_json:
        show_json({"file": str(file), "ok": not problems, "problems": [asdict(problem) for problem in problems]})
    else:
        _ = translator(language)
        console = Console(soft_wrap=True, highlight=False)
        for problem in problems:
            console.print(_("错误"), "", str(problem), markup=False)
        if not problems:
            console.print(_("%(file)s：方案无误") % {"file": file}, markup=False)
    if problems:
        raise typer.Exit(1)


def facts_schema(scheme: str, *, config: Path | None, language: str) -> None:
    """Print the JSON Schema of a scheme's facts."""
    sys.stdout.write(
        json.dumps(compiled(find_scheme(scheme, config)).facts_schema(language), ensure_ascii=False, indent=2) + "\n"
    )


def _content(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(
            Code.MALFORMED,
            f"the facts cannot be read: {error.strerror}",
            where=str(file),
            hint="name a file, or - for standard input",
        ) from None


def _show(rating: Rating, language: str) -> None:
    _ = translator(language)
    wire = rating.to_wire(language)
    console = Console(soft_wrap=True, highlight=False)

    def tell(name: str, text: str) -> None:
        console.print(f"{name}: {text}", markup=False)

    told = {key: wire[key] or _("无") for key in ("score", "unrounded", "band")}
    grade = f"{rating.grade} {rating.grade_title.render(language)}"
    tell(rating.scheme, _("版本 %(version)s") % {"version": rating.version})
    tell(_("等级"), (_("%(grade)s（拟定，须经署名决定）") if rating.proposed else "%(grade)s") % {"grade": grade})
    tell(_("总得分"), _("%(score)s（未舍入 %(unrounded)s，得分对应等级 %(band)s）") % told)
    for reason in wire["reasons"]:
        tell(_("理由"), reason)
    lines = (*rating.lines, *rating.subtotals)
    show_table((_("项目编号"), _("分值"), _("满分"), _("依据")), [_row(line, language) for line in lines])
    for key, value in wire["measures"].items():
        tell(_("措施"), f"{key} = {_cell(value, language)}")


def _row(line: Line, language: str) -> list[str]:
    points, most = ("–" if number is None else plain(number) for number in (line.points, line.max))
    return [line.id, points, most, line.told(language)]


def _cell(value: object, language: str = "") -> str:
    match value:
        case dict() if language and value.keys() == set(LANGUAGES):
            return str(value[language])
        case dict():
            return ", ".join(f"{key} {_cell(inner, language)}" for key, inner in value.items())
        case list() | tuple():
            return " ".join(_cell(inner, language) for inner in value)
        case bool():
            return "✓" if value else "✗"
        case _:
            return str(value)
