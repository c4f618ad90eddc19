"""One merchant's monthly report as plain values: every number, what it rests on, what cost most, how to win it back.

Everything is taken from the kept inputs and the kept catalogue, so a report made again in a year says the same. Numbers are
texts, words are pairs of Chinese and English; pages, PDF and portrait show this and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

from casework.assessment import Assessor
from credit.publication import first_of
from credit.rating.plan import Node, Plan
from credit.rating.tree import EXACT
from credit.rating.value import Kind, Line, Rating, Text, plain
from credit.sampling import months_after
from domain.errors import NotFound
from domain.parties import Merchant
from domain.time import format_instant
from store.assessments import Inputs, Result, Run, Standing
from store.ports import UnitOfWork

FORM: Final = "bright-kitchen/assessment-report/1"
MOST_DRIVERS: Final = 8
TREND_MONTHS: Final = 12
_CENT: Final = Decimal("0.01")

_REGAIN: Final = Text("{0}：改进后最多可恢复 {1} 分", "{0}: up to {1} points can be won back")
_SUPPLY: Final = Text(
    "{0}：请在公示期内补交资料，否则按 0 分计", "{0}: supply it within the objection window, or it scores nothing"
)
_LEDGER: Final = Text(
    "{0}：下月不再重复即恢复 {1} 分；如有异议可申诉",
    "{0}: {1} points return next month if it does not recur; object if it is wrong",
)
_CAP: Final = Text("{0}：消除该情形后等级限制随下月评价解除", "{0}: the limit goes with the next month once this has ended")


def report(assessor: Assessor, run_id: str, uscc: str) -> dict[str, Any]:
    """The report of one merchant in a run, in the last revision there is.

    Raises:
        NotFound: the merchant has no result in the run.
    """
    with assessor.store.reading() as uow:
        run, merchant = uow.assessments.run(run_id), uow.merchants.get(uscc)
        result = uow.assessments.result(run_id, uscc)
        if run is None or merchant is None or result is None:
            raise NotFound(f"{uscc[:40]} has no result in {run_id[:80]}")
        inputs = uow.assessments.inputs(run_id, uscc, result.revision)
        assert inputs is not None
        rater = assessor.rater(run, uow)
        rating = rater.rating(inputs.facts, inputs.origins)
        trend = _trend(uow, run, uscc, result)
        return _content(run, merchant, inputs, result, rating, rater.scheme, trend)


def _content(  # noqa: PLR0917 - private, in the order of the story
    run: Run,
    merchant: Merchant,
    inputs: Inputs,
    result: Result,
    rating: Rating,
    scheme: Any,
    trend: list[dict[str, Any]],
) -> dict[str, Any]:
    losses = dict(_losses(rating, scheme.rating if scheme.kind is Kind.TREE else None))
    titles = {} if scheme.ledger is None else {code: rule.title for code, rule in scheme.ledger.rules.items()}
    lines = [_line(at, line, losses, inputs.origins, titles) for at, line in enumerate(_all_lines(rating))]
    return {
        "form": FORM,
        "merchant": {"uscc": merchant.uscc, "name": merchant.name, "region": merchant.region, "site": merchant.site},
        "scheme": {"name": run.scheme, "title": dict(scheme.title), "kind": scheme.kind.value},
        "month": run.month,
        "version": run.version,
        "revision": result.revision,
        "state": run.state.value,
        "run": run.id,
        "catalogue_version": run.catalogue_version,
        "config_hash": run.config_hash,
        "calendar": run.calendar,
        "frozen_at": format_instant(run.frozen_at),
        "objection_until": format_instant(run.objection_until),
        "published_at": None if run.published_at is None else format_instant(run.published_at),
        "published_by": run.published_by,
        "correction": run.reason,
        "score": None if result.score is None else f"{result.score:f}",
        "unrounded": None if result.unrounded is None else plain(result.unrounded),
        "band": result.band,
        "grade": result.grade,
        "grade_title": _both(rating.grade_title),
        "previous": result.previous,
        "proposed": rating.proposed,
        "reasons": [{"code": reason.code, **_both(reason.text)} for reason in rating.reasons],
        "lines": lines,
        "drivers": _drivers(lines),
        "regain": list(_regain(lines, rating)),
        "trend": trend,
        "prior_period": inputs.origins.get("prior_period", {}).get("items", []),
        "measures": result.measures,
        "inputs_hash": inputs.hash,
        "result_hash": result.hash,
    }


def _all_lines(rating: Rating) -> Iterator[Line]:
    """Levels, dimensions and indicators in reading order: the totals of dimensions stand before those they sum up."""
    yield from rating.subtotals
    yield from rating.lines


def _line(
    at: int, line: Line, losses: Mapping[str, Decimal], origins: Mapping[str, Any], titles: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    lost = losses.get(f"{line.id}|{line.key}")
    return {
        "id": line.id,
        "key": line.key,
        "place": at,
        "title": _both(line.title) if line.title is not None else _titled(line.id, titles),
        "points": None if line.points is None else plain(line.points),
        "max": None if line.max is None else plain(line.max),
        "lost": None if lost is None else plain(lost),
        "why": _both(line.why),
        "origin": _origin(line, origins),
    }


def _titled(code: str, titles: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The words of a violation code."""
    known = titles.get(code, {})
    return {language: known.get(language, code) for language in ("zh", "en")}


def _origin(line: Line, origins: Mapping[str, Any]) -> dict[str, Any]:
    """Where the value of a line came from; of a violation where its ledger entry or report lies."""
    named = origins.get(f"violation:{line.id}|{line.key}")
    if named is not None:
        return dict(named)
    return next((dict(origin) for path, origin in origins.items() if path.rpartition(".")[2] == line.id), {})


def _losses(rating: Rating, plan: Plan | None) -> Iterator[tuple[str, Decimal]]:
    """By line, the points of the total that it cost."""
    if plan is None:
        yield from ((f"{line.id}|{line.key}", line.points) for line in rating.lines if line.points)
        return
    points = {line.id: line.points for line in (*rating.lines, *rating.subtotals)}
    with localcontext(EXACT):
        yield from _tree_losses(plan.root, points, Decimal(1))


def _tree_losses(node: Node, points: Mapping[str, Decimal | None], factor: Decimal) -> Iterator[tuple[str, Decimal]]:
    applicable = [part for part in node.parts if points.get(part.id) is not None]
    weights = sum((part.weight for part in applicable), Decimal(0))
    for part in applicable:
        if part.max is None or node.max is None or not weights:
            continue
        share = factor if node.sums else factor * node.max * part.weight / part.max / weights
        if isinstance(part, Node) and any(inner.id in points for inner in part.parts):
            yield from _tree_losses(part, points, share)
            continue
        lost = (part.max - (points[part.id] or Decimal(0))) * share
        if lost > 0:
            yield f"{part.id}|", lost


def _drivers(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What cost most, the costliest first."""
    costly = sorted(
        (line for line in lines if line["lost"] is not None), key=lambda line: (-Decimal(line["lost"]), line["place"])
    )
    return [
        {"id": line["id"], "key": line["key"], "title": line["title"], "lost": line["lost"]} for line in costly[:MOST_DRIVERS]
    ]


def _regain(lines: Sequence[Mapping[str, Any]], rating: Rating) -> Iterator[dict[str, str]]:
    """How to win back what was lost, the most first; then what holds the grade down."""
    costly = sorted(
        (line for line in lines if line["lost"] is not None), key=lambda line: (-Decimal(line["lost"]), line["place"])
    )
    for line in costly[:MOST_DRIVERS]:
        lost = plain(Decimal(line["lost"]).quantize(_CENT))
        title = Text(line["title"]["zh"], line["title"]["en"])
        if line["origin"].get("how") == "lacking":
            yield _both(Text(_SUPPLY.zh, _SUPPLY.en, (title,)))
        else:
            form = _LEDGER if rating.measures.get("weekly_evaluation") else _REGAIN
            yield _both(Text(form.zh, form.en, (title, lost)))
    for reason in rating.reasons:
        if reason.code[:1] in ("C", "V") and reason.code[1:].isdigit():
            yield _both(Text(_CAP.zh, _CAP.en, (reason.text,)))


def _trend(uow: UnitOfWork, run: Run, uscc: str, result: Result) -> list[dict[str, Any]]:
    """The last twelve published months, oldest first, and this one."""
    since = f"{months_after(first_of(run.month), 1 - TREND_MONTHS):%Y-%m}"
    before = [each for each in uow.assessments.standing(uscc, run.scheme, before=run.month) if each.run.month >= since]
    return [_point(each) for each in (*reversed(before), Standing(run=run, result=result))]


def _point(each: Standing) -> dict[str, Any]:
    score = each.result.score
    return {
        "month": each.run.month,
        "version": each.run.version,
        "score": None if score is None else f"{score:f}",
        "grade": each.result.grade,
    }


def _both(text: Text) -> dict[str, str]:
    return {"zh": text.render("zh"), "en": text.render("en")}
