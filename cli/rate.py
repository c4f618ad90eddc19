"""``kitchen rate`` and ``kitchen schemes``: one merchant rated from facts alone, and what the rating schemes are."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from cli.output import show_json, show_table
from configs.scheme_catalogue import find_scheme, read_scheme, schemes_in
from credit.rating.facts import read_facts
from credit.rating.kinds import compiled
from credit.rating.value import Line, Rating, plain
from domain.errors import BadInput, Code, ConfigurationError

_WORDS: Final = {
    "zh": {
        "score": "得分",
        "unrounded": "未舍入",
        "band": "得分对应等级",
        "grade": "等级",
        "version": "版本",
        "proposed": "（拟定，须经署名决定）",
        "reasons": "理由",
        "measures": "措施",
        "lines": ("编号", "分值", "满分", "依据"),
        "schemes": ("名称", "说明", "类型", "等级", "版本"),
        "none": "无",
    },
    "en": {
        "score": "score",
        "unrounded": "unrounded",
        "band": "by the score alone",
        "grade": "grade",
        "version": "version",
        "proposed": " (proposed: a named person decides)",
        "reasons": "reasons",
        "measures": "measures",
        "lines": ("id", "points", "max", "why"),
        "schemes": ("name", "title", "kind", "grades", "version"),
        "none": "none",
    },
}


def rate(scheme: str, facts: Path, *, config: Path | None, language: str, as_json: bool) -> None:
    """Rate one merchant and show how the grade came about."""
    _check_language(language)
    rating = compiled(find_scheme(scheme, config)).rate(read_facts(_content(facts)))
    if as_json:
        show_json(rating.to_wire(language))
    else:
        _show(rating, language)


def schemes(*, config: Path | None, language: str, as_json: bool) -> None:
    """List every scheme."""
    _check_language(language)
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
        columns = _WORDS[language]["schemes"]
        show_table(list(columns), [[_cell(value) for value in row.values()] for row in rows])


def check(file: Path, *, as_json: bool) -> None:
    """Print everything that is wrong with a scheme file; exit status 1 if anything is."""
    _, problems = read_scheme(file)
    if as_json:
        show_json({"file": str(file), "ok": not problems, "problems": [asdict(problem) for problem in problems]})
    else:
        console = Console(soft_wrap=True, highlight=False)
        for problem in problems:
            console.print("error  ", str(problem), markup=False)
        if not problems:
            console.print(f"{file}: the scheme is sound", markup=False)
    if problems:
        raise typer.Exit(1)


def facts_schema(scheme: str, *, config: Path | None, language: str) -> None:
    """Print the JSON Schema of a scheme's facts."""
    _check_language(language)
    sys.stdout.write(
        json.dumps(compiled(find_scheme(scheme, config)).facts_schema(language), ensure_ascii=False, indent=2) + "\n"
    )


def _check_language(language: str) -> None:
    if language not in _WORDS:
        raise ConfigurationError(f"there is no language {language!r}", key="--lang", hint="zh or en")


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
    words: dict[str, Any] = _WORDS[language]
    wire = rating.to_wire(language)
    console = Console(soft_wrap=True, highlight=False)

    def tell(text: str) -> None:
        console.print(text, markup=False)

    tell(f"{rating.scheme}  {words['version']} {rating.version}")
    proposed = words["proposed"] if rating.proposed else ""
    tell(f"{words['grade']}: {rating.grade} {rating.grade_title.render(language)}{proposed}")
    score, unrounded, band = (wire[key] or words["none"] for key in ("score", "unrounded", "band"))
    tell(f"{words['score']}: {score} ({words['unrounded']} {unrounded}; {words['band']} {band})")
    for reason in wire["reasons"]:
        tell(f"{words['reasons']}: {reason}")
    show_table(words["lines"], [_row(line, language) for line in (*rating.lines, *rating.subtotals)])
    for key, value in wire["measures"].items():
        tell(f"{words['measures']}: {key} = {_cell(value, language)}")


def _row(line: Line, language: str) -> list[str]:
    points, most = ("–" if number is None else plain(number) for number in (line.points, line.max))
    return [line.id, points, most, line.told(language)]


def _cell(value: object, language: str = "") -> str:
    match value:
        case dict() if language and value.keys() == _WORDS.keys():
            return str(value[language])
        case dict():
            return ", ".join(f"{key} {_cell(inner, language)}" for key, inner in value.items())
        case list() | tuple():
            return " ".join(_cell(inner, language) for inner in value)
        case bool():
            return "✓" if value else "✗"
        case _:
            return str(value)
