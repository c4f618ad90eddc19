"""One merchant's result with everything behind it, as the pages show it, and what a form says against it.

Nothing is rated anew to be shown: every number is a kept result's, with the reason and the evidence kept beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from casework.assessment import Assessor, changed
from casework.assessment_objections import APPEAL, STANDING
from casework.assessment_objections import VIOLATION as NAMED
from casework.assessment_rating import REFUSED
from casework.assessment_snapshot import EARLIEST, HALF_YEARLY, LASTING, MONTHLY
from casework.indicators import Gathered
from casework.report import report
from domain.errors import BadInput, Code, NotFound
from domain.parties import Actor, Merchant
from store.assessments import Inputs, Objection, ObjectionState, Run, RunState, Seen
from store.ports import UnitOfWork

SHOWN: Final = (RunState.PROVISIONAL, RunState.OBJECTION_WINDOW, RunState.FINAL, RunState.PUBLISHED, RunState.CORRECTED)
"""States in which a merchant sees its result: from the provisional run on (D.8)."""
HISTORY_MONTHS: Final = 13
SHOWN_PROOFS: Final = 4
MOST_PROOFS: Final = 300
"""How many pieces of evidence the page of one number names."""
VIOLATION: Final = "violations."
NOTHING: Final = "NA"
"""How a fact that does not apply is written in a form."""
DROP: Final = "drop"
"""The word of a form for a violation that falls."""


class Opens(StrEnum):
    """What a piece of evidence opens as."""

    WARNING = "warning"
    DEDUCTION = "deduction"
    RECORD = "record"
    NAME = "name"
    """It is the name of a device or document, and nothing lies behind it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One piece of evidence of a number; ``month`` of a deduction."""

    id: str
    opens: Opens
    month: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One number of a result.

    Attributes:
        line: as in the report: id, key, title, points, max, lost, why, origin.
        path: the fact it rests on, as corrections name it; empty for a sum.
        name: what an objection to it keeps: the path, or of a violation its code and subject.
        value: that fact, as it is written in a form; empty for a violation.
        shown: the first few pieces of evidence; ``proofs`` how many there are.
    """

    line: Mapping[str, Any]
    path: str
    name: str
    value: str
    shown: Sequence[Proof]
    proofs: int

    @property
    def lost(self) -> Decimal:
        """Points of the total that it cost."""
        return Decimal(self.line["lost"] or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One merchant's result in one run, with what lies behind it.

    Attributes:
        objections: those of the month, whichever version they are about.
        runs: the last version of every month in which the merchant has a result that may be seen, newest first.
        object_until: until when the merchant may object; None if not any more, or not yet.
    """

    merchant: Merchant
    run: Run
    report: Mapping[str, Any]
    items: Sequence[Item]
    objections: Sequence[Objection]
    runs: Sequence[Run]
    object_until: datetime | None

    @property
    def losses(self) -> list[Item]:
        """What cost points, the costliest first."""
        return sorted((item for item in self.items if item.lost > 0), key=lambda item: -item.lost)

    @property
    def facts(self) -> list[Item]:
        """What rests on one fact and can be corrected."""
        return [item for item in self.items if item.path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contested:
    """An objection with what it is about."""

    objection: Objection
    scored: Scored

    @property
    def items(self) -> list[Item]:
        """The facts it names; what cost points where it names none."""
        named = [item for item in self.scored.facts if {item.path, item.name} & {*self.objection.facts}]
        return named or [item for item in self.scored.losses if item.path]


def may_see(actor: Actor, merchant: Merchant | None) -> bool:
    """Whether a merchant is there and the actor may know of it."""
    return merchant is not None and actor.may_see(uscc=merchant.uscc, region=merchant.region)


def seen_runs(uow: UnitOfWork, merchant: Merchant) -> list[Run]:
    """The last version of every month in which a merchant has a result that may be seen, newest month first."""
    found: dict[str, Run] = {}
    for run in uow.assessments.runs(scheme=merchant.scheme, limit=4 * HISTORY_MONTHS):
        if run.month in found or run.state not in SHOWN or len(found) == HISTORY_MONTHS:
            continue
        if uow.assessments.result(run.id, merchant.uscc) is not None:
            found[run.month] = run
    return list(found.values())


def object_until(run: Run, now: datetime) -> datetime | None:
    """Until when a result may be objected to: the window, then 30 days after publication (F.5)."""
    if run.state is RunState.OBJECTION_WINDOW and now <= run.objection_until:
        return run.objection_until
    if run.state in STANDING and run.published_at is not None and now <= run.published_at + APPEAL:
        return run.published_at + APPEAL
    return None


def scored(assessor: Assessor, merchant: Merchant, now: datetime, *, month: str = "") -> Scored | None:
    """A merchant's result of a month, by default of the newest one; None if there is none yet.

    Raises:
        NotFound: a month is asked for in which there is none.
    """
    with assessor.store.reading() as uow:
        runs = seen_runs(uow, merchant)
    run = next((each for each in runs if not month or each.month == month), None)
    if run is None and month:
        raise NotFound(f"no result of {month[:10]}")
    return None if run is None else of_run(assessor, merchant, run, now, runs=runs)


def of_run(assessor: Assessor, merchant: Merchant, run: Run, now: datetime, *, runs: Sequence[Run] = ()) -> Scored:
    """A merchant's result in a run. Raises NotFound if it has none."""
    content = report(assessor, run.id, merchant.uscc)
    with assessor.store.reading() as uow:
        inputs = uow.assessments.inputs(run.id, merchant.uscc, content["revision"])
        assert inputs is not None
        items = _items(uow, content["lines"], inputs)
        objections = [
            each
            for each in uow.assessments.objections(uscc=merchant.uscc)
            if each.run_id.startswith(f"{run.scheme}-{run.month}-v")  # a correction answers one to the version before it
        ]
    return Scored(
        merchant=merchant,
        run=run,
        report=content,
        items=items,
        objections=objections,
        runs=runs,
        object_until=object_until(run, now),
    )


def _items(uow: UnitOfWork, lines: Sequence[Mapping[str, Any]], inputs: Inputs, *, whole: int | None = None) -> list[Item]:
    """Every number with the first of its evidence; the one at a place ``whole`` with as much as a page shows."""
    untold = list(enumerate(inputs.facts.get("violations", ())))
    found = []
    for line in lines:
        path, value, origin = _fact_of(line, inputs, untold)
        ids = [str(each) for each in origin.get("evidence", ())]
        wanted = ids[:MOST_PROOFS] if line["place"] == whole else ids[:SHOWN_PROOFS] if line["lost"] is not None else []
        proofs = [_proof(uow, inputs.uscc, each) for each in wanted]
        name = f"{NAMED}{line['id']}|{line['key']}" if path.startswith(VIOLATION) else path
        item = Item(line={**line, "origin": origin}, path=path, name=name, value=value, shown=proofs, proofs=len(ids))
        found.append(item)
    return found


def _fact_of(line: Mapping[str, Any], inputs: Inputs, untold: list[tuple[int, Any]]) -> tuple[str, str, Mapping[str, Any]]:
    """The path and value of the fact a line rests on, and where it came from; each violation is taken once."""
    for at, violation in untold:
        if violation.get("code") == line["id"] and str(violation.get("subject") or "") in (line["key"], ""):
            untold.remove((at, violation))
            origin = inputs.origins.get(f"violation:{line['id']}|{line['key']}", line["origin"])
            return f"{VIOLATION}{at}", "", origin
    for path, origin in inputs.origins.items():
        outer, _, name = path.rpartition(".")
        if name == line["id"] and (outer or name in inputs.facts):
            return path, written(value_at(inputs.facts, path)), origin
    return "", "", line["origin"]


def value_at(facts: Mapping[str, Any], path: str) -> Any:
    """The fact under a path, None if there is none."""
    place: Any = facts
    for name in path.split("."):
        place = place.get(name) if isinstance(place, Mapping) else None
    return place


def written(value: Any) -> str:
    """A fact as it is written in a form."""
    if value is None:
        return NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read(text: str) -> Any:
    """What is written in a form, as a fact: fractions stay texts, so that none becomes binary.

    Raises:
        BadInput: E003 for a list or an object that is not closed.
    """
    text = text.strip()
    if text in ("", NOTHING):
        return None
    if text in ("true", "false") or text[0] in "[{":
        try:
            return json.loads(text, parse_float=str)
        except (ValueError, RecursionError):
            raise BadInput(Code.FIELD, "the value is no JSON", where="value") from None
    return text


def item_of(
    assessor: Assessor, merchant: Merchant, run: Run, place: int, *, revision: int | None = None
) -> tuple[Mapping[str, Any], Item]:
    """One number of a result with all of its evidence, and the report it stands in.

    Raises:
        NotFound: there is no such result, or no such number in it.
    """
    content = report(assessor, run.id, merchant.uscc, revision=revision)
    line = next((line for line in content["lines"] if line["place"] == place), None)
    if line is None:
        raise NotFound(f"no number {place} in {run.id}")
    with assessor.store.reading() as uow:
        inputs = uow.assessments.inputs(run.id, merchant.uscc, content["revision"])
        assert inputs is not None
        item = next(each for each in _items(uow, content["lines"], inputs, whole=place) if each.line["place"] == place)
    return content, item


def about(scored: Scored, name: str) -> tuple[str, Mapping[str, str]]:
    """What a path of an objection or a change is called: the line's id, and its title; of one that is gone what remains."""
    for item in scored.items:
        if name and name in (item.name, item.path):
            key = item.line["key"]
            return item.line["id"] + (f" {key}" if key else ""), item.line["title"]
    left = name.removeprefix(NAMED).replace("|", " ") if name.startswith(NAMED) else name.rpartition(".")[2]
    return left, {"zh": "", "en": ""}


def _proof(uow: UnitOfWork, uscc: str, id: str) -> Proof:
    deduction = uow.deductions.look(id)
    if deduction is not None and deduction.uscc == uscc:
        return Proof(id=id, opens=Opens.DEDUCTION, month=deduction.month)
    warning = uow.warnings.look(id)
    if warning is not None and warning.uscc == uscc:
        return Proof(id=id, opens=Opens.WARNING)
    return Proof(id=id, opens=Opens.RECORD if _is_event(id) else Opens.NAME)


def _is_event(id: str) -> bool:
    return len(id) == 36 and id.count("-") == 4


def record(uow: UnitOfWork, run: Run, uscc: str, event_id: str) -> Seen:
    """A record that counted in a run, as it came.

    Raises:
        NotFound: the merchant has none of that id.
    """
    kinds = (*MONTHLY, *HALF_YEARLY, *LASTING)
    for seen in uow.assessments.seen([uscc], kinds, since=EARLIEST, until=run.frozen_at, received_before=run.frozen_at):
        if seen.event_id == event_id:
            return seen
    raise NotFound(f"no record {event_id[:40]}")


def contested(assessor: Assessor, run: Run, actor: Actor, now: datetime) -> list[Contested]:
    """The objections of a run that an actor may see, the undecided ones first."""
    with assessor.store.reading() as uow:
        objections = uow.assessments.objections(run_id=run.id)
        merchants = uow.merchants.get_all(each.uscc for each in objections)
    found = [
        Contested(objection=each, scored=of_run(assessor, merchants[each.uscc], run, now))
        for each in objections
        if may_see(actor, merchants.get(each.uscc))
    ]
    return sorted(found, key=lambda each: (each.objection.state is not ObjectionState.OPEN, each.objection.filed_at))


def changes_in(items: Sequence[Item], given: Mapping[str, str]) -> dict[str, Any]:
    """What a form changes: by path the values that are not what is kept; a violation to be dropped becomes None.

    Args:
        items: what the form showed.
        given: by path, what came back.

    Raises:
        BadInput: E003 for a value that cannot be read.
    """
    changes: dict[str, Any] = {}
    for item in items:
        text = given.get(item.path, item.value).strip()
        if item.path.startswith(VIOLATION):
            if text == DROP:
                changes[item.path] = None
        elif text != item.value:
            changes[item.path] = read(text)
    return changes


def check(assessor: Assessor, run_id: str, uscc: str, changes: Mapping[str, Any]) -> None:
    """Refuse values the scheme cannot rate, before anybody decides that they count.

    Raises:
        BadInput: E003, naming what is wrong.
        NotFound: the merchant has no result in the run.
    """
    with assessor.store.reading() as uow:
        run, inputs = uow.assessments.run(run_id), uow.assessments.inputs(run_id, uscc)
        if run is None or inputs is None:
            raise NotFound(f"{uscc[:40]} has no result in {run_id[:80]}")
        gathered = changed(Gathered(facts=inputs.facts, origins=inputs.origins), changes, "tried")
        rating = assessor.rater(run, uow).rating(gathered.facts, gathered.origins)
    refused = [reason.text.render("en") for reason in rating.reasons if reason.code == REFUSED]
    if refused:
        raise BadInput(Code.FIELD, refused[0], where="value")


def newest(assessor: Assessor, run: Run) -> Run:
    """The last version of a run's month, which a correction starts from."""
    with assessor.store.reading() as uow:
        return uow.assessments.runs(scheme=run.scheme, month=run.month, limit=1)[0]
