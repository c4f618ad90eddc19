"""``kitchen plan`` and ``kitchen draw``: how many visits, and to whom."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from cli.language import translator
from cli.output import show_json, show_table
from configs.scheme_catalogue import find_scheme
from credit import sampling
from domain.errors import BadInput, Code

_COUNT = re.compile(r"([A-Za-z][A-Za-z0-9_]*)=([0-9]{1,9})")


def plan(scheme: str, counts: str, config: Path | None, *, language: str, as_json: bool) -> None:
    """Print the visits of one period, by grade and in all."""
    measures = find_scheme(scheme, config).measures
    period, visits = sampling.visits_of(measures)
    planned = sampling.plan(counts_of(counts), visits)
    if as_json:
        show_json({"visits": dict(planned.visits), "total": planned.total})
        return
    units = counts_of(counts)
    rows = [(grade, units[grade], number) for grade, number in planned.visits.items()]
    _ = translator(language)
    title = _("%(scheme)s，每年") if period == "year" else _("%(scheme)s，每月")
    columns = (_("等级"), _("单位数"), _("检查次数"))
    show_table(columns, [*rows, (_("合计"), sum(units.values()), planned.total)], title=title % {"scheme": scheme})


def draw(seed: str, percent: int, file: Path, *, language: str, as_json: bool) -> None:
    """Print the units in the order of the draw, and those drawn."""
    drawn = sampling.draw(_units(file), seed=seed, percent=percent)
    if as_json:
        show_json({"order": list(drawn.order), "drawn": list(drawn.drawn)})
        return
    _ = translator(language)
    rows = [(n, unit, "x" if n <= len(drawn.drawn) else "") for n, unit in enumerate(drawn.order, start=1)]
    title = _("种子 %(seed)s：%(all)s 个单位抽取 %(drawn)s 个")
    told = {"seed": seed, "all": len(drawn.order), "drawn": len(drawn.drawn)}
    show_table(("#", _("单位"), _("抽中")), rows, title=title % told)


def counts_of(text: str) -> dict[str, int]:
    """Grade → units, from ``green=40,blue=85``.

    Raises:
        BadInput: E003 on a part of another form or a grade named twice.
    """
    counts: dict[str, int] = {}
    for part in text.split(","):
        found = _COUNT.fullmatch(part.strip())
        if not found:
            raise BadInput(Code.FIELD, f"{part[:40]!r} is no count", where="--counts", hint="write green=40,blue=85")
        grade, number = found.groups()
        if grade in counts:
            raise BadInput(Code.FIELD, f"{grade} is counted twice", where="--counts")
        counts[grade] = int(number)
    return counts


def _units(file: Path) -> list[str]:
    try:
        text = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode("utf-8-sig")
    except OSError as error:
        raise BadInput(Code.MALFORMED, f"the file cannot be read: {error.strerror}", where=str(file)) from None
    except UnicodeDecodeError:
        raise BadInput(Code.MALFORMED, "the file is not UTF-8", where=str(file)) from None
    return [line for line in (raw.strip() for raw in text.splitlines()) if line]
