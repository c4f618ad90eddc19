"""One merchant's monthly report as plain values: every number, what it rests on, what cost most, how to win it back.

Everything is taken from the kept inputs and the kept catalogue, so a report made again in a year says the same. Numbers are
texts, words are pairs of Chinese and English; pages, PDF and portrait show this and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any, Final

from casework.assessment import Assessor
from casework.report_goals import goal_of
from credit.publication import first_of
from credit.rating.plan import Node, Plan, leaves_of
from credit.rating.tree import EXACT
from credit.rating.value import PROVISIONAL, UNRATED, Kind, Line, RatedScheme, Rating, Text, plain
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
_NO_GRADE: Final = {
    UNRATED: {"zh": "未评级", "en": "unrated"},
    PROVISIONAL: {"zh": "暂定", "en": "provisional"},
}

_REGAIN: Final = Text("{0}：改进后最多可恢复 {1} 分", "{0}: up to {1} points can be won back")
_REACH: Final = Text("{0}：{2}，最多可恢复 {1} 分", "{0}: {2}; up to {1} points can be won back")
_SUPPLY: Final = Text(
    "{0}：请在公示期内补交资料，否则按 0 分计", "{0}: supply it within the objection window, or it scores nothing"
)
_LEDGER: Final = Text(
    "{0}：下月不再重复即恢复 {1} 分；如有异议可申诉",
    "{0}: {1} points return next month if it does not recur; object if it is wrong",
)
_CAP: Final = Text("{0}：消除该情形后等级限制随下月评价解除", "{0}: the limit goes with the next month once this has ended")


def report(assessor: Assessor, run_id: str, uscc: str, *, revision: int | None = None, site: str = "") -> dict[str, Any]:
    """The report of one merchant in a run.

    Args:
        assessor: the use cases.
        run_id: which month and version.
        uscc: which merchant.
        revision: which one, by default the last there is.
        site: address the pages of this installation are opened at, under which evidence is found; empty = as the report's own.

    Raises:
        NotFound: the merchant has no such result in the run.
    """
    with assessor.store.reading() as uow:
        run, merchant = uow.assessments.run(run_id), uow.merchants.get(uscc)
        result = uow.assessments.result(run_id, uscc, revision)
        if run is None or merchant is None or result is None:
            raise NotFound(f"{uscc[:40]} has no result in {run_id[:80]}")
        inputs = uow.assessments.inputs(run_id, uscc, result.revision)
        assert inputs is not None
        rater = assessor.rater(run, uow)
        rating = rater.rating(inputs.facts, inputs.origins)
        trend = _trend(uow, run, uscc, result)
        return {**_content(run, merchant, inputs, result, rating, rater.scheme, trend), "site": site}


def _content(  # noqa: PLR0917 - private, in the order of the story
    run: Run,
    merchant: Merchant,
    inputs: Inputs,
    result: Result,
    rating: Rating,
    scheme: RatedScheme,
    trend: list[dict[str, Any]],
) -> dict[str, Any]:
    plan = scheme.rating if isinstance(scheme.rating, Plan) else None
    losses = losses_of(rating, scheme)
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
        "of": None if (most := most_of(scheme)) is None else plain(most),
        "unrounded": None if result.unrounded is None else plain(result.unrounded),
        "band": result.band,
        "grade": result.grade,
        "grade_title": _both(rating.grade_title),
        "previous": result.previous,
        "previous_title": None if result.previous is None else _grade_title(scheme, result.previous),
        "proposed": rating.proposed,
        "reasons": [{"code": reason.code, **_both(reason.text)} for reason in rating.reasons],
        "lines": lines,
        "dimensions": _dimensions(rating, lines, plan),
        "drivers": _drivers(lines),
        "regain": list(_regain(lines, rating, scheme)),
        "trend": [{**point, "grade_title": _grade_title(scheme, point["grade"])} for point in trend],
        "bands": _bands(scheme),
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


def losses_of(rating: Rating, scheme: RatedScheme) -> dict[str, Decimal]:
    """By ``id|key`` of a line, the points of the total that it cost."""
    return dict(_losses(rating, scheme.rating if isinstance(scheme.rating, Plan) else None))


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


def _regain(lines: Sequence[Mapping[str, Any]], rating: Rating, scheme: RatedScheme) -> Iterator[dict[str, Any]]:
    """How to win back what was lost, the most first; then what holds the grade down."""
    goals = _goals(scheme)
    costly = sorted(
        (line for line in lines if line["lost"] is not None), key=lambda line: (-Decimal(line["lost"]), line["place"])
    )
    for line in costly[:MOST_DRIVERS]:
        lost = plain(Decimal(line["lost"]).quantize(_CENT))
        title = Text(line["title"]["zh"], line["title"]["en"])
        about = {"id": line["id"], "key": line["key"], "points": lost}
        if line["origin"].get("how") == "lacking":
            yield {**_both(Text(_SUPPLY.zh, _SUPPLY.en, (title,))), **about}
            continue
        goal = goals.get(line["id"])
        form = _LEDGER if scheme.kind is Kind.LEDGER else _REGAIN if goal is None else _REACH
        yield {**_both(Text(form.zh, form.en, (title, lost, goal))), **about}
    for reason in rating.reasons:
        if reason.code[:1] in ("C", "V") and reason.code[1:].isdigit():
            yield {**_both(Text(_CAP.zh, _CAP.en, (reason.text,))), "id": reason.code, "key": "", "points": None}


def _goals(scheme: RatedScheme) -> dict[str, Text]:
    """By indicator, what gives its full points."""
    if not isinstance(scheme.rating, Plan):
        return {}
    goals = ((leaf.id, goal_of(leaf.rule, leaf.max)) for leaf in leaves_of(scheme.rating.root))
    return {id: goal for id, goal in goals if goal is not None}


def _dimensions(rating: Rating, lines: Sequence[Mapping[str, Any]], plan: Plan | None) -> list[dict[str, Any]]:
    """The sums over indicators, each with what its parts cost in the total: what a drawing shows at a glance."""
    if plan is None:
        return []
    cost = {line["id"]: Decimal(line["lost"]) for line in lines if line["lost"] is not None}
    places = {line["id"]: line["place"] for line in lines}
    found = []
    for node in _summed(plan.root):
        line = next((each for each in (*rating.subtotals, *rating.lines) if each.id == node.id and not each.key), None)
        if line is None or line.points is None or not line.max:
            continue
        lost = sum((cost.get(part.id, Decimal(0)) for part in (node, *node.parts)), Decimal(0))
        found.append(
            {
                "id": node.id,
                "place": places[node.id],
                "title": _both(node.title),
                "points": plain(line.points),
                "max": plain(line.max),
                "lost": plain(lost),
            }
        )
    return found


def _summed(node: Node) -> Iterator[Node]:
    """The nodes whose parts are indicators, in order."""
    for part in node.parts:
        if isinstance(part, Node):
            if any(isinstance(inner, Node) for inner in part.parts):
                yield from _summed(part)
            else:
                yield part


def most_of(scheme: RatedScheme) -> Decimal | None:
    """What a score of a scheme is out of; None where it counts upwards without an end."""
    if isinstance(scheme.rating, Plan):
        return scheme.rating.root.max
    return None if scheme.ledger is None else scheme.ledger.start


def _grade_title(scheme: RatedScheme, grade: str) -> dict[str, str]:
    """A grade in both languages; its own word where the scheme has none."""
    known = _NO_GRADE.get(grade, {}) | dict(scheme.grade_titles.get(grade, {}))
    return {language: known.get(language) or grade for language in ("zh", "en")}


def _bands(scheme: RatedScheme) -> list[dict[str, Any]]:
    """From which score on each grade is given, best first; empty where a score alone does not say, or less is better."""
    if isinstance(scheme.rating, Plan):
        limits = [(grade.name, grade.at_least) for grade in scheme.rating.grades]
    else:
        limits = [(band.name, band.at_least) for band in scheme.ledger.bands] if scheme.ledger is not None else []
    return [
        {"grade": name, "at_least": plain(limit), "title": _grade_title(scheme, name)}
        for name, limit in limits
        if limit is not None
    ]


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
