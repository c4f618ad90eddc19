"""A month's assessment from its data cut to its correction."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from casework import assessment_objections as objections
from casework.assessment_facts import FactImport
from cli.demo_market import market
from configs.assessment_files import Publication
from domain.errors import BadInput, Forbidden, IllegalTransition
from domain.parties import SYSTEM
from store.assessments import ObjectionState, RunState
from tests.contract.store.raw import execute
from tests.unit.casework.assessing import (
    AFTER_WINDOW,
    CLERK,
    CUT,
    GOOD,
    IN_WINDOW,
    LEADER,
    MONTH,
    OFFICER,
    OWNER,
    PUBLISH,
    TOLD_AT,
    USCC,
    Place,
    assessor_of,
    configuration,
    interruption,
    place,
    sqlite,
)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        found.register()
        yield found


def result(here: Place, run_id: str, uscc: str = USCC):
    with here.store.reading() as uow:
        return uow.assessments.result(run_id, uscc)


def test_a_month_goes_its_way_by_the_clock(here: Place) -> None:
    here.tell(GOOD)
    with pytest.raises(BadInput, match="has not ended"):
        here.assessor.begin("zhenhai", MONTH, CUT - timedelta(seconds=1))
    run = here.run(CUT)
    assert run.state is RunState.FROZEN
    assert here.run(CUT + timedelta(hours=1, minutes=59)).state is RunState.FROZEN
    run = here.run(CUT + timedelta(hours=2))
    assert (run.state, result(here, run.id).grade, result(here, run.id).score) == (
        RunState.OBJECTION_WINDOW,
        "green",
        Decimal("100.00"),
    )
    assert here.run(run.objection_until - timedelta(seconds=1)).state is RunState.OBJECTION_WINDOW
    assert here.run(AFTER_WINDOW).state is RunState.FINAL
    with pytest.raises(BadInput, match="published from"):
        here.assessor.publish(run.id, LEADER, PUBLISH - timedelta(seconds=1))
    with pytest.raises(Forbidden):
        here.assessor.publish(run.id, OFFICER, PUBLISH)
    published = here.assessor.publish(run.id, LEADER, PUBLISH)
    assert (published.state, published.published_by, published.publish_at) == (RunState.PUBLISHED, "u-leader", PUBLISH)
    with pytest.raises(IllegalTransition):
        here.assessor.publish(run.id, LEADER, PUBLISH)


def test_a_site_may_let_the_sweep_publish_at_its_instant(here: Place) -> None:
    here.tell(GOOD)
    here.assessor = assessor_of(here.store, publication=Publication.SWEEP)
    assert here.run(PUBLISH - timedelta(seconds=1)).state is RunState.FINAL
    swept = here.run(PUBLISH)
    assert (swept.state, swept.published_by) == (RunState.PUBLISHED, SYSTEM.id)


def test_the_sweep_begins_the_month_that_has_ended_once_there_is_anything(here: Place) -> None:
    assert here.assessor.sweep(IN_WINDOW) == 0
    here.tell(GOOD)
    fresh = assessor_of(here.store)
    for _ in range(20):
        fresh.sweep(IN_WINDOW)
    with here.store.reading() as uow:
        (run,) = uow.assessments.runs()
    assert (run.month, run.state) == (MONTH, RunState.OBJECTION_WINDOW)


def test_what_is_told_after_the_cut_enters_the_next_run_as_a_prior_period_item(here: Place) -> None:
    here.tell(GOOD)
    here.tell({"I17": 2}, at=CUT + timedelta(hours=1))
    november = here.publish()
    assert result(here, november.id).score == Decimal("100.00")
    here.tell(GOOD, month="2026-12", at=CUT + timedelta(days=30))
    december = here.run(CUT + timedelta(days=31, hours=3), month="2026-12")
    with here.store.reading() as uow:
        prior = uow.assessments.inputs(december.id, USCC).origins["prior_period"]["items"]
    assert [(item["fact"], item["month"], item["value"]) for item in prior] == [("indicators.I17", MONTH, 2)]


def test_a_colour_improves_by_one_step_from_the_published_one(here: Place) -> None:
    here.tell(GOOD | {"P15": "yes"})  # on the serious list: red, whatever the score
    assert result(here, here.publish().id).grade == "red"
    here.tell(GOOD, month="2026-12", at=CUT + timedelta(days=30))
    december = result(here, here.run(CUT + timedelta(days=31, hours=3), month="2026-12").id)
    assert (december.previous, december.band, december.grade) == ("red", "green", "yellow")


def test_what_a_merchant_must_supply_scores_nothing_until_it_does(here: Place) -> None:
    here.tell({key: value for key, value in GOOD.items() if key != "I21"})
    run = here.run()
    before = result(here, run.id)
    assert {line[0]: line[2] for line in before.lines}["I21"] == "0"
    here.tell({"I21": "A"}, at=IN_WINDOW + timedelta(hours=1))
    here.tell({"I17": 3}, at=IN_WINDOW + timedelta(hours=1))  # not asked for: it comes too late
    final = here.run(AFTER_WINDOW)
    after = result(here, final.id)
    assert (final.state, after.revision, after.score) == (RunState.FINAL, 2, Decimal("100.00"))


def test_nothing_supplied_after_the_window_counts(here: Place) -> None:
    here.tell({key: value for key, value in GOOD.items() if key != "I21"})
    here.run()
    here.tell({"I21": "A"}, at=AFTER_WINDOW)
    assert result(here, here.run(AFTER_WINDOW + timedelta(minutes=1)).id).revision == 1


def test_an_outage_of_the_platform_lengthens_the_window(here: Place) -> None:
    here.tell(GOOD)
    run = here.run()
    with here.store.writing() as uow:
        uow.assessments.add_interruption(interruption("platform", IN_WINDOW, IN_WINDOW + timedelta(hours=30)))
        uow.assessments.add_interruption(interruption("area", IN_WINDOW, IN_WINDOW + timedelta(hours=50), region="33"))
        uow.commit()
    longer = here.run(AFTER_WINDOW)
    assert longer.state is RunState.OBJECTION_WINDOW
    assert longer.objection_until == run.objection_until + timedelta(hours=30)
    assert here.run(longer.objection_until).state is RunState.FINAL


def test_a_shop_that_was_closed_is_unrated_and_the_step_looks_further_back(here: Place) -> None:
    here.tell(GOOD | {"P15": "yes"})
    here.publish()
    ends = CUT + timedelta(days=31)
    with here.store.writing() as uow:
        uow.assessments.add_interruption(interruption("closure", CUT, ends, announced=CUT - timedelta(days=1), uscc=USCC))
        uow.commit()
    december = here.publish(month="2026-12")
    assert (result(here, december.id).grade, result(here, december.id).reasons) == ("unrated", ("closed",))
    here.tell(GOOD, month="2027-01", at=ends + timedelta(days=30))
    january = result(here, here.run(ends + timedelta(days=31, hours=3), month="2027-01").id)
    assert (january.previous, january.grade) == ("red", "yellow")


def test_few_days_of_data_make_a_grade_provisional(here: Place) -> None:
    here.tell(GOOD | {"days_of_data": 14})
    found = result(here, here.run().id)
    assert (found.grade, found.band) == ("provisional", "green")


def test_an_upheld_objection_is_as_if_what_fell_had_never_been(here: Place, tmp_path: Path) -> None:
    here.tell(GOOD)
    clean = result(here, here.run().id)
    (tmp_path / "other").mkdir()
    with place(tmp_path / "other") as other:
        other.register()
        other.tell(GOOD | {"I17": 2})
        run = other.run()
        worse = result(other, run.id)
        assert worse.score < clean.score
        filed = objections.file(other.assessor, run.id, OWNER, "不是我们的投诉", IN_WINDOW, facts=["indicators.I17"])
        with pytest.raises(Forbidden, match="took part"):
            objections.decide(other.assessor, filed.id, CLERK, IN_WINDOW, upheld=True, reason="r", changes={"indicators.I17": 0})
        with pytest.raises(BadInput, match="changes a fact"):
            objections.decide(other.assessor, filed.id, LEADER, IN_WINDOW, upheld=True, reason="r")
        decided = objections.decide(
            other.assessor, filed.id, LEADER, IN_WINDOW, upheld=True, reason="投诉对象有误", changes={"indicators.I17": 0}
        )
        better = result(other, run.id)
        assert (decided.state, better.revision) == (ObjectionState.UPHELD, 2)
        assert (better.score, better.grade, better.lines, better.hash) == (clean.score, clean.grade, clean.lines, clean.hash)
        kept, again = other.assessor.recompute(run.id, USCC)
        assert kept == again
        with other.store.reading() as uow:
            assert uow.assessments.result(run.id, USCC, 1) == worse


@pytest.mark.parametrize(
    ("who", "when", "error"),
    [
        (OFFICER, IN_WINDOW, Forbidden),
        (OWNER, AFTER_WINDOW + timedelta(days=40), BadInput),
    ],
)
def test_who_may_not_object_or_comes_too_late_is_told(here: Place, who, when, error) -> None:
    here.tell(GOOD)
    run = here.publish()
    with pytest.raises(error):
        objections.file(here.assessor, run.id, who, "note", when)


def test_an_appeal_after_publication_makes_a_version_and_rewrites_nothing(here: Place) -> None:
    here.tell(GOOD | {"I17": 2})
    first = here.publish()
    before = result(here, first.id)
    filed = objections.file(here.assessor, first.id, OWNER, "申诉", PUBLISH + timedelta(days=3))
    objections.decide(
        here.assessor,
        filed.id,
        LEADER_TWO,
        PUBLISH + timedelta(days=4),
        upheld=True,
        reason="有误",
        changes={"indicators.I17": 0},
    )
    with here.store.reading() as uow:
        second, old = uow.assessments.runs(month=MONTH)
        (standing,) = uow.assessments.standing(USCC, "zhenhai")
    assert (second.version, second.state, old.state) == (2, RunState.PUBLISHED, RunState.CORRECTED)
    assert (standing.run.version, standing.result.score) == (2, Decimal("100.00"))
    assert "有误" in second.reason
    assert result(here, first.id) == before


def test_a_corrected_month_may_still_be_appealed_and_makes_the_next_version(here: Place) -> None:
    here.tell(GOOD | {"I17": 2})
    first = here.publish()
    here.assessor.correct(first.id, LEADER, "重新归集", PUBLISH, usccs=[USCC])
    filed = objections.file(here.assessor, first.id, OWNER, "申诉", PUBLISH + timedelta(days=3))
    later = PUBLISH + timedelta(days=4)
    changes = {"indicators.I17": 0}
    objections.decide(here.assessor, filed.id, LEADER_TWO, later, upheld=True, reason="有误", changes=changes)
    with here.store.reading() as uow:
        (standing,) = uow.assessments.standing(USCC, "zhenhai")
    assert (standing.run.version, standing.result.score) == (3, Decimal("100.00"))
    with pytest.raises(BadInput, match="passed"):
        objections.file(here.assessor, first.id, OWNER, "太迟", PUBLISH + timedelta(days=31))


LEADER_TWO = replace(LEADER, id="u-leader-two")


def test_a_correction_needs_a_reason_a_person_and_the_last_version(here: Place) -> None:
    here.tell(GOOD)
    run = here.publish()
    with pytest.raises(BadInput, match="reason"):
        here.assessor.correct(run.id, LEADER, " ", PUBLISH, usccs=[USCC])
    with pytest.raises(Forbidden):
        here.assessor.correct(run.id, OFFICER, "r", PUBLISH, usccs=[USCC])
    here.assessor.correct(run.id, LEADER, "重新归集", PUBLISH, usccs=[USCC])
    with pytest.raises(IllegalTransition):
        here.assessor.correct(run.id, LEADER, "again", PUBLISH, usccs=[USCC])


def test_the_database_itself_refuses_to_change_what_was_frozen(here: Place, tmp_path: Path) -> None:
    here.tell(GOOD)
    here.run()
    for table in ("assessment_inputs", "assessment_results", "assessment_facts", "assessment_catalogues"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET rowid = rowid"):
            with pytest.raises(Exception, match="refuses"):
                execute(sqlite(tmp_path), statement)


def test_the_live_rating_follows_a_new_fact_and_publishes_nothing(here: Place) -> None:
    now = CUT - timedelta(days=2)
    here.tell(GOOD, at=now - timedelta(hours=1))
    before = here.assessor.live(USCC, now)
    here.tell({"I17": 1}, at=now)
    after = here.assessor.live(USCC, now)
    # D9 has 5 + 3 applicable points: 15 × 6/8 = 11.25 instead of 15; 3.75 × 0.6 = 2.25
    assert (before.score, after.score) == (Decimal("100.00"), Decimal("97.75"))
    with here.store.reading() as uow:
        assert not uow.assessments.runs()


def test_a_provincial_score_stands_for_level_p_until_it_is_too_old(here: Place) -> None:
    here.tell(GOOD)
    here.tell({"provincial_score": "800"}, until="open", observed_at="2026-10-28")
    found = result(here, here.run().id)
    assert (found.score, found.reasons) == (Decimal("94.00"), ())  # 0.3 × 80 + 0.7 × 100
    december = here.run(CUT + timedelta(days=31, hours=3), month="2026-12")
    assert "local_fallback" in result(here, december.id).reasons


def test_any_order_of_telling_gives_the_same_hash(tmp_path: Path) -> None:
    known = configuration()
    drawn = market(MONTH, known.schemes["xiangshan"], seed=5)
    some = {each.uscc for each in drawn.merchants[:12]}
    rows = [row for row in drawn.rows if row["uscc"] in some]
    cases = [each for each in drawn.cases if each[0].uscc in some]
    hashes = []
    for turn in range(3):
        shuffled = random.Random(turn)
        shuffled.shuffle(rows)
        shuffled.shuffle(cases)
        directory = tmp_path / str(turn)
        directory.mkdir()
        with place(directory) as found:
            found.register(*(each for each in drawn.merchants if each.uscc in some))
            with found.store.writing() as uow:
                for warning, entry in cases:
                    uow.warnings.add(warning)
                    uow.deductions.add(entry)
                uow.commit()
            half = len(rows) // 2
            taker = FactImport(found.store, known.ratings)
            for part in (rows[:half], rows[half:], rows[:half]):  # and some of it twice
                taker.take(part, CLERK, TOLD_AT)
            run = found.run(scheme="xiangshan")
            with found.store.reading() as uow:
                hashes.append([(each.uscc, each.hash) for each in uow.assessments.results(run.id)])
    assert len(hashes[0]) == 12
    assert hashes[0] == hashes[1] == hashes[2]


DRIVER = """
import sys
from datetime import datetime
from pathlib import Path
sys.path.insert(0, {root!r})
import casework.assessment as module
module.SNAPSHOT_AT_ONCE = module.RATED_AT_ONCE = 20
from store import open_store
from tests.unit.casework.assessing import IN_WINDOW, assessor_of
assessor = assessor_of(open_store({url!r}))
run = assessor.begin("xiangshan", "2026-11", IN_WINDOW)
while assessor.advance(run.id, IN_WINDOW):
    print(assessor.progress(run.id).rated, flush=True)
"""


def test_a_run_that_is_killed_goes_on_and_comes_to_the_same(tmp_path: Path) -> None:
    known = configuration()
    drawn = market(MONTH, known.schemes["xiangshan"])
    outcomes = []
    for name in ("whole", "killed"):
        directory = tmp_path / name
        directory.mkdir()
        with place(directory) as found:
            drawn.store(found.store)
            assert not FactImport(found.store, known.ratings).take(drawn.rows, CLERK, TOLD_AT).problems
            if name == "killed":
                _kill_in_the_middle(directory)
                with found.store.reading() as uow:
                    (run,) = uow.assessments.undone()
                    snapshots, rated = uow.assessments.progress(run.id)
                assert snapshots == 206
                assert 0 < rated < 206
            run = found.run(scheme="xiangshan")
            with found.store.reading() as uow:
                outcomes.append([(each.uscc, each.grade, each.hash) for each in uow.assessments.results(run.id)])
                assert uow.assessments.counts(run.id) == {"blue": 91, "yellow": 113, "orange": 2}
    assert outcomes[0] == outcomes[1]


def _kill_in_the_middle(directory: Path) -> None:
    """Drive the run in a process of its own, and kill it once it has begun to rate."""
    root = str(Path(__file__).parents[3])
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(root=root, url=sqlite(directory))], stdout=subprocess.PIPE, cwd=root
    )
    assert driver.stdout is not None
    for line in driver.stdout:
        if line.strip().isdigit() and int(line) >= 40:
            break
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait(timeout=30)
    driver.stdout.close()
    assert driver.returncode == -signal.SIGKILL
