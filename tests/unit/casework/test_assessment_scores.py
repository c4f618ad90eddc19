"""One merchant's score with what lies behind it: what a form says, until when one may object, which evidence opens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from casework import assessment_scores as scores
from cli.demo_people import seen
from domain.errors import BadInput, NotFound
from domain.observations import Kind
from domain.parties import Actor, Role
from store.assessments import Run, RunState
from tests.unit.casework.assessing import (
    AFTER_WINDOW,
    CLERK,
    CUT,
    GOOD,
    IN_WINDOW,
    MONTH,
    OFFICER,
    OWNER,
    PUBLISH,
    USCC,
    Place,
    at,
    merchant,
    place,
    word,
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        found.register()
        yield found


FORMS: list[tuple[str, str, Any]] = [
    ("a word", "certified", "certified"),
    ("a number stays a text, so that none becomes binary", " 94.99 ", "94.99"),
    ("nothing is not applicable", "  ", None),
    ("NA is not applicable", "NA", None),
    ("true", "true", True),
    ("an object with a fraction", '{"of": 1.5, "n": 3}', {"of": "1.5", "n": 3}),
    ("a list", '["V1"]', ["V1"]),
]


@pytest.mark.parametrize(("why", "text", "value"), FORMS, ids=[row[0] for row in FORMS])
def test_what_a_form_says_is_read_as_it_was_meant(why: str, text: str, value: Any) -> None:
    assert scores.read(text) == value, why


def test_a_list_that_is_not_closed_is_refused() -> None:
    for text in ('["V1"', '{"a": 1', "[" * 5000):
        with pytest.raises(BadInput):
            scores.read(text)


def test_what_is_written_into_a_form_is_read_back() -> None:
    for value in ("95", None, {"valid": 3, "staff": 4}, ["V1"], True):
        assert scores.read(scores.written(value)) == value


def test_a_path_leads_to_its_value_or_to_nothing() -> None:
    facts = {"levels": {"P": "92"}, "days_of_data": 30}
    found = [scores.value_at(facts, path) for path in ("levels.P", "days_of_data", "levels.X", "nothing", "days_of_data.x")]
    assert found == ["92", 30, None, None, None]


def run_in(state: RunState, **changes: Any) -> Run:
    known = Run(
        id="r",
        scheme="zhenhai",
        month=MONTH,
        version=1,
        state=state,
        catalogue_version="c",
        config_hash="h",
        frozen_at=CUT,
        provisional_at=CUT,
        objection_until=AFTER_WINDOW,
        publish_at=PUBLISH,
        calendar="legal",
        outage=timedelta(0),
        started_at=CUT,
        moved_at=CUT,
    )
    return replace(known, **changes)


APPEALED = PUBLISH + timedelta(days=30)
WINDOWS: list[tuple[str, Run, datetime, datetime | None]] = [
    ("before the provisional result", run_in(RunState.FROZEN), CUT, None),
    ("inside the window", run_in(RunState.OBJECTION_WINDOW), IN_WINDOW, AFTER_WINDOW),
    ("at its last instant", run_in(RunState.OBJECTION_WINDOW), AFTER_WINDOW, AFTER_WINDOW),
    ("after it", run_in(RunState.OBJECTION_WINDOW), AFTER_WINDOW + timedelta(seconds=1), None),
    ("between window and publication", run_in(RunState.FINAL), PUBLISH, None),
    ("30 days after publication", run_in(RunState.PUBLISHED, published_at=PUBLISH), APPEALED, APPEALED),
    ("a second later", run_in(RunState.PUBLISHED, published_at=PUBLISH), APPEALED + timedelta(seconds=1), None),
]


@pytest.mark.parametrize(("why", "run", "now", "until"), WINDOWS, ids=[row[0] for row in WINDOWS])
def test_until_when_one_may_object(why: str, run: Run, now: datetime, until: datetime | None) -> None:
    assert scores.object_until(run, now) == until, why


def test_everybody_sees_their_own(here: Place) -> None:
    shop = merchant()
    strangers = (Actor(id="u", role=Role.MERCHANT, uscc="x"), Actor(id="u", role=Role.INSPECTOR, region="330225"))
    assert [scores.may_see(who, shop) for who in (OWNER, OFFICER, CLERK, *strangers)] == [True, True, True, False, False]
    assert not scores.may_see(CLERK, None)


def test_every_number_says_what_it_cost_and_opens_what_it_rests_on(here: Place) -> None:
    here.observe(*(word(day, 10 + quarter / 4) for day in range(1, 31) if day % 5 for quarter in range(40)))
    here.tell({key: value for key, value in GOOD.items() if key not in ("I05", "I19")} | {"I19": "applied"}, evidence="证书 7 号")
    assert scores.scored(here.assessor, merchant(), IN_WINDOW) is None  # nothing to see before the provisional run
    here.run(IN_WINDOW)
    told = scores.scored(here.assessor, merchant(), IN_WINDOW)
    assert told is not None
    items = {item.line["id"]: item for item in told.items}
    assert (items["I19"].path, items["I19"].value) == ("indicators.I19", "applied")
    assert [proof.id for proof in items["I19"].shown] == ["证书 7 号"]
    lost = [item.lost for item in told.losses]
    assert lost == sorted(lost, reverse=True)
    assert items["I19"] in told.losses
    assert (told.object_until, [run.month for run in told.runs]) == (told.run.objection_until, [MONTH])
    with pytest.raises(NotFound):
        scores.scored(here.assessor, merchant(), IN_WINDOW, month="2026-10")


def test_a_value_that_no_scheme_can_rate_is_refused_before_anybody_decides(here: Place) -> None:
    here.tell(GOOD)
    run = here.run(IN_WINDOW)
    scores.check(here.assessor, run.id, USCC, {"indicators.I19": "applied"})
    for changes in ({"indicators.I19": "perhaps"}, {"indicators.I05": "101"}, {"indicators.I99": "1"}):
        with pytest.raises(BadInput):
            scores.check(here.assessor, run.id, USCC, changes)
    with pytest.raises(NotFound):
        scores.check(here.assessor, run.id, "x", {})


def test_a_record_that_counted_can_be_read_and_one_that_came_later_cannot(here: Place) -> None:
    inside, late = (seen(Kind.RATING_NEW, merchant(), at(day, 10), {"stars": 5, "device_hash": "d"}) for day in (3, 4))
    here.observe(inside, replace(late, received_at=CUT + timedelta(hours=1)))
    run = here.run(IN_WINDOW)
    with here.store.reading() as uow:
        assert scores.record(uow, run, USCC, inside.event_id).body["stars"] == 5
        with pytest.raises(NotFound):
            scores.record(uow, run, USCC, late.event_id)
        with pytest.raises(NotFound):
            scores.record(uow, run, "another", inside.event_id)
