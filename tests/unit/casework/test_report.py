"""The report and the pages behind it: words in both languages, goals, comparison, what an objection is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from casework.assessment_comparison import Change, Choice, compared, explained, part_of
from casework.assessment_history import versions
from casework.assessment_objections import decide, file, involved
from casework.assessment_scores import contested, of_run
from casework.report import report
from casework.report_goals import goal_of
from casework.report_pdf import item_address
from casework.report_seal import seal
from casework.report_words import HOWS, NUMBERS, REASONS, STATES, WORDS
from credit.rating.plan import leaves_of
from domain.errors import BadInput
from domain.parties import Actor, Role
from tests.unit.casework.assessing import CLERK, CUT, GOOD, LEADER, MONTH, OFFICER, USCC, Place, configuration, merchant, place
from web.language import translator
from web.report_page import report_file, words_of

BEFORE = "2026-10"
STALL = "92330225MA2XHK067M"
STALLHOLDER = Actor(id="u-stall", role=Role.MERCHANT, uscc=STALL)
CHINESE = re.compile("[\u3400-\u9fff]")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        yield found


def test_every_fixed_word_of_a_report_has_its_english() -> None:
    english = translator("en")
    said = [text for words in (WORDS, STATES, HOWS, NUMBERS, REASONS) for text in words.values()]
    assert [text for text in said if CHINESE.search(english(text))] == []


def test_an_english_report_says_nothing_in_chinese_that_is_ours(here: Place) -> None:
    here.register(merchant(name="Noodles", site="Street"))
    here.tell(GOOD | {"I05": "82", "I17": 2}, source="register")
    content = report(here.assessor, here.run().id, USCC, site="https://kitchen.example")
    sealed = seal(content, Ed25519PrivateKey.generate())
    page = report_file(sealed, "html", "en").decode()
    assert CHINESE.search(page.partition('<script type="application/json"')[0]) is None
    line = next(each for each in content["lines"] if each["id"] == "I05")
    address = f"https://kitchen.example/scores/{USCC}/items/{line['place']}"
    assert item_address(content, line).startswith(address)
    assert address in page  # a number opens its evidence
    assert "≥ 95%" in next(way for way in content["regain"] if way["id"] == "I05")["en"]
    lost = {each["id"]: Decimal(each["lost"]) for each in content["dimensions"]}
    assert len(lost) == 11
    assert sum(lost.values()) == pytest.approx(100 - Decimal(content["unrounded"]), abs=Decimal("0.0001"))
    assert words_of("en").state("final") != words_of("zh").state("final")


def test_every_indicator_of_zhenhai_says_what_gives_full_points() -> None:
    leaves = list(leaves_of(configuration().ratings["zhenhai"].rating.root))
    goals = {leaf.id: goal_of(leaf.rule, leaf.max) for leaf in leaves}
    assert [id for id, goal in goals.items() if goal is None] == []
    told = {id: goals[id].render("zh") for id in ("P01", "P06", "I05", "I17", "I14", "I21", "G02", "I06")}
    assert told == {
        "P01": "“是”即得满分",  # yes or no
        "P06": "没有发生即得满分",  # so much for each
        "I05": "≥ 95% 即得满分",  # by steps
        "I17": "≤ 0 即得满分",  # by steps, downwards
        "I14": "全部做到即得满分",  # a share
        "I21": "“A级”即得满分",  # one of several words
        "G02": "100 即得满分",  # in proportion
        "I06": "没有发生即得满分",  # events
    }


def two_months(here: Place) -> str:
    """Three shops: one that fell, one that rose, one as before; and one that is new."""
    codes = [USCC, "92330211MA03CYHQ9Y", "92330211MAYX279L8K", "91330211MA2XWYX124"]
    poor = {"I05": "50", "I17": 3, "I19": "none", "I21": "none", "I23": "none", "I01": "no", "I12": {"valid": 0, "staff": 3}}
    here.register(*(merchant(uscc=code, name=f"店{at}") for at, code in enumerate(codes[:3])))
    for month, bad in ((BEFORE, codes[1]), (MONTH, codes[0])):
        cut = here.assessor.dates(month).frozen_at
        if month == MONTH:
            here.register(merchant(uscc=codes[3], name="新店"))
        for code in codes if month == MONTH else codes[:3]:
            here.tell(GOOD | (poor if code == bad else {}), uscc=code, month=month, at=cut - timedelta(hours=2))
        if month == BEFORE:
            here.publish(month=month)
    return here.run().id


def test_a_run_says_who_rose_who_fell_and_why_a_part_at_a_time(here: Place) -> None:
    run_id = two_months(here)
    seen = compared(here.assessor, run_id, LEADER)
    assert [row.change for row in seen.rows] == [Change.WORSE, Change.BETTER, Change.NEW, Change.SAME]
    assert seen.month_before == BEFORE
    whys = explained(here.assessor, seen.progress.run, seen.rows)
    fell, rose = (whys[row.beside.uscc] for row in seen.rows[:2])
    assert all(points < 0 for _, points in fell.lines)
    assert all(points > 0 for _, points in rose.lines)
    assert fell.lines[0][0].render("en") == "Camera online rate"
    walked, cursor = [], ""
    while True:
        part, count, cursor = part_of(seen.rows, Choice(after=cursor), 3)
        walked += part
        assert count == 4
        if not cursor:
            break
    assert walked == list(seen.rows)
    assert [row.beside.name for row in part_of(seen.rows, Choice(text="新"), 9)[0]] == ["新店"]
    assert part_of(seen.rows, Choice(change="changed", grade=seen.rows[0].beside.grade), 9)[1] == 1
    elsewhere = replace(OFFICER, region="371100")
    assert compared(here.assessor, run_id, elsewhere).rows == []


def stall(here: Place) -> str:
    here.register(merchant(uscc=STALL, scheme="xiangshan", region="330225", name="卤味"))
    unknown = dict.fromkeys(("notified_at", "rectified_at", "rectify_by", "incident_id"))
    told = [{"code": "XV17", "at": f"2026-11-{day}T10:00:00+08:00", "subject": f"投诉-{day}", **unknown} for day in ("04", "14")]
    here.tell({"violations.complaints": told}, uscc=STALL)
    training = [{"code": "XV18", "at": "2026-11-09T10:00:00+08:00", "subject": "培训", **unknown}]
    here.tell({"violations.weekly": training}, uscc=STALL)
    return here.run(scheme="xiangshan").id


def test_an_objection_to_a_violation_stays_with_it_when_the_list_gets_shorter(here: Place) -> None:
    run_id, now = stall(here), CUT + timedelta(hours=11)
    with here.store.reading() as uow:
        run = uow.assessments.run(run_id)
        inputs = uow.assessments.inputs(run_id, STALL)
    assert [each["code"] for each in inputs.facts["violations"]] == ["XV17", "XV18", "XV17"]
    first = file(here.assessor, run_id, STALLHOLDER, "不是我家", now, facts=["violations.0"])
    last = file(here.assessor, run_id, STALLHOLDER, "已和解", now, facts=["violations.2"])
    assert (first.facts, last.facts) == (("violation:XV17|投诉-04",), ("violation:XV17|投诉-14",))
    with pytest.raises(BadInput):
        file(here.assessor, run_id, STALLHOLDER, "没有的", now, facts=["violations.3"])
    with here.store.reading() as uow:
        assert CLERK.id in involved(uow, first)  # who told it does not decide
    (case, _) = contested(here.assessor, run, LEADER, now)
    assert [item.line["key"] for item in case.items] == ["投诉-04"]
    decide(here.assessor, first.id, LEADER, now, upheld=True, reason="查实", changes={"violations.0": None})
    (case, *_) = contested(here.assessor, run, LEADER, now)
    assert (case.objection.id, [item.line["key"] for item in case.items]) == (last.id, ["投诉-14"])
    decide(here.assessor, last.id, LEADER, now, upheld=True, reason="查实", changes={"violation:XV17|投诉-14": None})
    with here.store.reading() as uow:
        left = uow.assessments.inputs(run_id, STALL).facts["violations"]
    assert [each["subject"] for each in left] == ["培训"]


def test_the_corrected_result_stands_beside_the_earlier_one_with_what_moved_it(here: Place) -> None:
    run_id, now = stall(here), CUT + timedelta(hours=11)
    own = merchant(uscc=STALL, scheme="xiangshan", region="330225", name="卤味")
    inside = file(here.assessor, run_id, STALLHOLDER, "不是我家", now, facts=["violations.0"])
    decide(here.assessor, inside.id, LEADER, now, upheld=True, reason="查实", changes={"violations.0": None})
    published = here.publish(scheme="xiangshan")
    later = published.published_at + timedelta(days=2)
    appeal = file(here.assessor, run_id, STALLHOLDER, "请假了", later, facts=["violation:XV18|培训"])
    decide(
        here.assessor, appeal.id, replace(LEADER, id="u-other"), later, upheld=True, reason="属实", changes={"violations.0": None}
    )
    found = versions(here.assessor, own, MONTH)
    assert [(each.run.version, each.result.revision) for each in found] == [(1, 1), (1, 2), (2, 1)]
    assert [each.result.score for each in found] == sorted(each.result.score for each in found)
    assert found[0].why is None
    assert [title.render("en") for title, _ in found[2].why.lines] == ["Training absent"]
    earlier = report(here.assessor, run_id, STALL, revision=1)
    assert earlier["score"] == f"{found[0].result.score:f}"
    shown = of_run(here.assessor, own, found[2].run, later)
    assert [each.id for each in shown.objections] == [inside.id, appeal.id]  # also of the version it corrects
