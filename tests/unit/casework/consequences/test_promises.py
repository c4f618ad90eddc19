"""Commitments, penalties with their repair, vouchers and entitlements, measures, reminders, evaluations, documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from alerts.routing import WEBPUSH
from casework import assessment_registers
from casework.consequences import (
    commitments,
    declarations,
    documents,
    entitlements,
    penalties,
    proposals,
    repairs,
    training,
    vouchers,
    watching,
)
from credit.commitments import CommitmentState
from credit.entitlements import Entitled
from credit.measures import Measure, ProposalState
from credit.repair import RepairState
from credit.vouchers import Answer, VoucherKind
from domain.deductions import Deduction, DeductionState
from domain.errors import BadInput, ConfigurationError, Forbidden, IllegalTransition, NotFound
from domain.events import Lane
from domain.parties import BusinessForm
from store.registers import Purse
from tests.unit.casework.consequences.street import LEADER, PUBLISHED, TOMORROW, command, found, ordered, publish, street
from tests.unit.casework.scene import (
    CAMERA,
    FAR_INSPECTOR,
    HOUR,
    INSPECTOR,
    MERCHANT,
    OTHER,
    STAFF,
    STRANGER,
    USCC,
    Scene,
    configuration,
)

MONDAY = PUBLISHED
CONDITIONS = ["duties_performed", "harm_removed", "no_further_penalty", "on_no_list"]


def sign(scene: Scene, at: datetime = MONDAY) -> str:
    filed = ordered(scene, commitments.sign_now, USCC, actor=MERCHANT, at=at, values={"signer": "王师傅"})
    scene.office.sweep(at)
    return str(filed.case.id)


def test_a_commitment_is_public_after_the_next_sweep_with_its_ten_clauses_and_their_hash(scene: Scene) -> None:
    case = sign(scene)
    (filed,) = found(scene, "commitments")
    assert filed.case.state is CommitmentState.PUBLISHED
    assert filed.case.content_hash == configuration().consequences.template.content_hash()
    assert len(filed.about["clauses"]) == 10
    listed, without = scene.office.bureau.ask(lambda work: commitments.public_list(work, None, MONDAY))
    assert ([one.case.id for one in listed], without) == ([case], (OTHER,))
    with pytest.raises(Forbidden):
        ordered(scene, commitments.sign_now, USCC, actor=STAFF, at=MONDAY, values={"signer": "小赵"})


def test_its_signer_is_reminded_30_7_and_1_days_before_and_a_new_signature_takes_its_place(scene: Scene) -> None:
    case = sign(scene)
    ends = datetime.fromisoformat("2027-12-07T00:00:00+08:00")
    for days in (31, 30, 29, 8, 7, 2, 1):
        scene.office.sweep(ends - timedelta(days=1 + days - 1) - timedelta(days=1) + timedelta(hours=1))
    with scene.store.reading() as uow:
        assert len(uow.audit.of("reminder", case)) == 3
    again = sign(scene, ends - HOUR)
    states = {one.case.id: one.case.state for one in found(scene, "commitments")}
    assert states == {case: CommitmentState.RENEWED, again: CommitmentState.PUBLISHED}
    scene.office.sweep(ends + timedelta(days=800))
    assert {one.case.state for one in found(scene, "commitments")} == {CommitmentState.RENEWED, CommitmentState.EXPIRED}


def test_a_false_commitment_is_revoked_by_a_leader_and_blocks_for_twelve_months(scene: Scene) -> None:
    case = sign(scene)
    with pytest.raises(BadInput, match="evidence"):
        command(scene, "commitments", case, "find_false", INSPECTOR, MONDAY, "与事实不符")
    command(scene, "commitments", case, "find_false", INSPECTOR, MONDAY, "与事实不符", evidence_ids=["e1"])
    with pytest.raises(Forbidden):
        command(scene, "commitments", case, "revoke", INSPECTOR, MONDAY, "属实")
    command(scene, "commitments", case, "revoke", LEADER, MONDAY, "属实")
    until = scene.office.bureau.ask(lambda work: commitments.blocked_until(work, USCC, MONDAY))
    assert until == datetime.fromisoformat("2027-12-08T00:00:00+08:00")
    assert scene.office.bureau.ask(lambda work: commitments.blocked_until(work, USCC, until)) is None


def deduction(scene: Scene, number: int, points: str, code: str = "XV04", state: str = "final") -> Deduction:
    warning = scene.office.take_finding(scene.finding(zone=f"z{number}", subject=f"{CAMERA}/z{number}"), scene.now)[0].entity_id
    made = Deduction(
        id=f"d{number}",
        key=f"k{number}",
        scheme="xiangshan",
        uscc=USCC,
        warning_id=warning,
        violation_code=code,
        incident_id=f"i{number}",
        points=Decimal(points),
        state=DeductionState(state),
        month="2026-11",
        ordinal=1,
        proposed_at=scene.now,
        objection_until=scene.now,
        components={"base": points, "at": scene.now.isoformat()},
        confirmed_by=LEADER.id,
    )
    with scene.store.writing() as uow:
        uow.deductions.add(made)
        uow.commit()
    return made


def served(scene: Scene, at: datetime = MONDAY, **values: Any) -> str:
    filed = ordered(scene, penalties.file, USCC, actor=INSPECTOR, at=at, reason="抽检不合格", values={"doc_no": "罚1"})
    said = {"kind": "fine", "class": "other", "amount_fen": 500_000, **values}
    command(scene, "penalties", filed.case.id, "decide", LEADER, at, "事实清楚", **said)
    command(scene, "penalties", filed.case.id, "serve", INSPECTOR, at, decision_delivery_id="EMS1", notice_delivery_id="EMS1")
    return str(filed.case.id)


@pytest.mark.parametrize(("decision", "notice"), [("EMS1", ""), ("EMS1", "EMS2"), ("", "")])
def test_no_penalty_is_served_without_its_repair_notice_in_the_same_delivery(scene: Scene, decision: str, notice: str) -> None:
    filed = ordered(scene, penalties.file, USCC, actor=INSPECTOR, at=MONDAY, reason="立案", values={"doc_no": "罚1"})
    values = {"kind": "fine", "class": "other"}
    command(scene, "penalties", filed.case.id, "decide", LEADER, MONDAY, "事实清楚", **values)
    said = {"decision_delivery_id": decision, "notice_delivery_id": notice}
    with pytest.raises(IllegalTransition, match="without its repair notice"):
        command(scene, "penalties", filed.case.id, "serve", INSPECTOR, MONDAY, **said)
    with pytest.raises(Exception, match="one_delivery"), scene.store.writing() as uow:
        uow.registers.serve(filed.case.id, decision=decision, notice=notice, at=MONDAY)


def test_a_repair_from_the_notice_to_the_vanished_penalty(scene: Scene) -> None:
    penalty = served(scene)
    (filed,) = found(scene, "repairs", MERCHANT)
    case = filed.case.id
    with pytest.raises(IllegalTransition):  # food: not within a year
        command(scene, "repairs", case, "apply", MERCHANT, MONDAY + TOMORROW, shown=CONDITIONS)
    year = datetime.fromisoformat("2027-12-07T00:00:00+08:00")
    scene.office.sweep(year - timedelta(seconds=1))
    assert found(scene, "repairs")[0].case.state is RepairState.ELIGIBLE_PENDING
    scene.office.sweep(year)
    at = year + 10 * HOUR
    with pytest.raises(NotFound):
        command(scene, "repairs", case, "apply", STRANGER, at, shown=CONDITIONS)
    told = command(scene, "repairs", case, "apply", MERCHANT, at, shown=CONDITIONS[:2])
    assert told.filed.case.decide_by == datetime.fromisoformat("2027-12-08T00:00:00+08:00")
    # the law allows two working days to accept and fifteen to decide: Tuesday 7 December and seventeen working days
    assert told.filed.about["statutory_by"].startswith("2027-12-31T00:00:00")
    command(scene, "repairs", case, "accept", INSPECTOR, at)
    with pytest.raises(BadInput, match="no_further_penalty, on_no_list"):
        command(scene, "repairs", case, "check", INSPECTOR, at)
    command(scene, "repairs", case, "reject", INSPECTOR, at, "材料不全")
    command(scene, "repairs", case, "apply", MERCHANT, at + HOUR, shown=CONDITIONS)
    for what in ("accept", "check", "approve"):
        command(scene, "repairs", case, what, INSPECTOR, at + 4 * HOUR)
    scene.office.sweep(at + 4 * HOUR)
    (after,) = found(scene, "repairs")
    assert (after.case.state, after.case.effective_on.isoformat()) == (RepairState.PUBLISHED, "2027-12-08")
    assert [one.case.state for one in found(scene, "penalties")] == [penalties.PenaltyState.ENDED]
    terms = scene.office.bureau.terms
    kept = repairs.promise([after], terms.repair, terms.calendar, at)
    assert (kept.decided, kept.same_day, kept.hours, kept.faster_percent) == (1, 1, Decimal("3.0"), Decimal("97.5"))
    command(scene, "repairs", case, "revoke", LEADER, at + TOMORROW, "材料虚假", evidence_ids=["e1"])
    (restored,) = found(scene, "penalties")
    assert (restored.case.id, restored.case.state) == (penalty, penalties.PenaltyState.SERVED)


def test_revoking_a_repair_is_a_false_commitment_too(scene: Scene) -> None:
    served(scene)
    sign(scene)
    case = found(scene, "repairs")[0].case.id
    at = datetime.fromisoformat("2027-12-06T10:00:00+08:00")
    sign(scene, at)
    at += TOMORROW
    scene.office.sweep(at)
    command(scene, "repairs", case, "apply", MERCHANT, at, shown=CONDITIONS)
    for what in ("accept", "check", "approve"):
        command(scene, "repairs", case, what, INSPECTOR, at)
    command(scene, "repairs", case, "revoke", LEADER, at, "材料虚假", evidence_ids=["e1"])
    assert CommitmentState.FALSE_FOUND in {one.case.state for one in found(scene, "commitments")}


def test_a_supplement_stops_the_clock_and_the_desk_is_told_before_it_ends(scene: Scene) -> None:
    served(scene, kind="fine", **{"class": "other"})
    at = datetime.fromisoformat("2027-12-08T09:00:00+08:00")
    scene.office.sweep(at)
    case = found(scene, "repairs")[0].case.id
    command(scene, "repairs", case, "apply", MERCHANT, at, shown=CONDITIONS)
    told = command(scene, "repairs", case, "request_supplement", INSPECTOR, at, "缺缴款凭证")
    assert (told.filed.case.decide_by, told.filed.due_at) == (None, None)
    later = at + timedelta(days=2, hours=8)  # Friday 17:00: due on Monday
    told = command(scene, "repairs", case, "supplement", MERCHANT, later)
    assert told.filed.case.decide_by == datetime.fromisoformat("2027-12-14T00:00:00+08:00")
    scene.office.sweep(told.filed.case.decide_by - timedelta(hours=4))
    assert found(scene, "repairs")[0].about["told"] is True


def test_a_heavier_penalty_of_the_listed_kinds_is_a_clue_and_no_listing(scene: Scene) -> None:
    served(scene, heavier=True, listed_kind=True)
    (clue,) = found(scene, "listings")
    assert (clue.case.state, clue.case.violation_listed, clue.case.heavier_penalty) == ("clue", True, True)


def quota(scene: Scene, size: int, kind: str = "consumption") -> Purse:
    values = {"kind": kind, "month": "2026-12", "size": size}
    return ordered(scene, vouchers.open_quota, "330211", actor=LEADER, at=MONDAY, values=values)  # type: ignore[no-any-return]


def ask_vouchers(scene: Scene, count: int, kind: str = "consumption", token: str = "") -> vouchers.VoucherApplication:
    filed = ordered(scene, vouchers.apply, USCC, actor=MERCHANT, at=MONDAY, values={"kind": kind, "count": count}, token=token)
    return filed.case  # type: ignore[no-any-return]


def test_vouchers_are_granted_by_grade_and_never_oversold(scene: Scene) -> None:
    assert ask_vouchers(scene, 1).answer is Answer.GRADE_HAS_NONE  # nothing was published yet
    publish(scene, {USCC: "blue"})
    assert ask_vouchers(scene, 1).answer is Answer.EXHAUSTED  # no quota was opened
    quota(scene, 50)
    assert ask_vouchers(scene, 61).answer is Answer.ABOVE_SHARE  # blue: 60
    assert ask_vouchers(scene, 40, token="a").answer is Answer.GRANTED
    assert ask_vouchers(scene, 40, token="a").answer is Answer.GRANTED  # the same application
    assert ask_vouchers(scene, 11).answer is Answer.EXHAUSTED
    assert ask_vouchers(scene, 1, "service").answer is Answer.EXHAUSTED  # the other kind has its own quota
    assert ask_vouchers(scene, 10).answer is Answer.GRANTED
    with pytest.raises(Exception, match="granted already"):
        quota(scene, 49)
    with scene.store.reading() as uow:
        assert uow.registers.purses.get("330211", VoucherKind.CONSUMPTION, "2026-12").granted == 50  # type: ignore[union-attr]


def entitled(scene: Scene, kind: str, fen: int, at: datetime = MONDAY) -> tuple[int, Entitled]:
    values = {"kind": kind, "asked_fen": fen, "document": "发票"}
    case = ordered(scene, entitlements.ask, USCC, actor=MERCHANT, at=at, values=values).case
    return case.fen, case.why


def test_a_green_merchant_gets_a_loan_of_500_000_and_at_most_240_yuan_a_year(scene: Scene) -> None:
    publish(scene, {USCC: "green"})
    assert entitled(scene, "loan", 60_000_000) == (50_000_000, Entitled.ABOVE_CEILING)
    assert entitled(scene, "subsidy", 20_000) == (20_000, Entitled.GRANTED)
    assert entitled(scene, "subsidy", 20_000) == (4_000, Entitled.ABOVE_CEILING)
    assert entitled(scene, "subsidy", 20_000) == (0, Entitled.CEILING_REACHED)
    publish(scene, {USCC: "yellow"}, month="2026-12", at=MONDAY + timedelta(days=30))
    later = MONDAY + timedelta(days=31)  # the next year, but yellow has 80 yuan and no loan
    assert entitled(scene, "loan", 100, later) == (0, Entitled.GRADE_HAS_NONE)
    assert entitled(scene, "subsidy", 20_000, later) == (8_000, Entitled.ABOVE_CEILING)
    assert len(found(scene, "entitlements")) == 6  # what was granted stays


def test_points_propose_measures_and_a_reversal_takes_them_back(scene: Scene) -> None:
    follow = lambda: scene.office.bureau.do(lambda work: proposals.follow(work, USCC, scene.now))  # noqa: E731
    deduction(scene, 1, "30")
    assert [one.case.measure for one in follow()] == [Measure.INTERVIEW]
    assert not follow()
    deduction(scene, 2, "40")  # 70: 40 and 60 are passed in one step
    assert [one.case.measure for one in follow()] == [Measure.SUSPENSION, Measure.BID_BAN]
    assert not follow()  # each once
    ban = next(one.case.id for one in found(scene, "measures") if one.case.measure is Measure.BID_BAN)
    command(scene, "measures", ban, "notify", INSPECTOR, scene.now, "拟不得参加下轮招投标")
    with pytest.raises(BadInput, match="may still be heard"):
        command(scene, "measures", ban, "decide", LEADER, scene.now, "属实")
    ordered(scene, proposals.be_heard, ban, actor=MERCHANT, at=scene.now, reason="已整改")
    command(scene, "measures", ban, "decide", LEADER, scene.now + timedelta(days=8), "属实")
    command(scene, "measures", ban, "execute", INSPECTOR, scene.now + timedelta(days=8))
    assert scene.office.bureau.ask(lambda work: proposals.bid_banned(work, USCC, scene.now.date()))
    with scene.store.writing() as uow:
        one = uow.deductions.get("d2")
        assert one is not None
        uow.deductions.save(replace(one, state=DeductionState.REVERSED, version=2), expected_version=1)
        uow.commit()
    follow()
    states = {one.case.measure: one.case.state for one in found(scene, "measures")}
    assert states == {
        Measure.INTERVIEW: ProposalState.PROPOSED,
        Measure.SUSPENSION: ProposalState.WITHDRAWN,
        Measure.BID_BAN: ProposalState.CORRECTED,
    }
    assert not scene.office.bureau.ask(lambda work: proposals.bid_banned(work, USCC, scene.now.date()))


def test_what_runs_out_is_reminded_of_three_times_through_the_outbox(scene: Scene) -> None:
    scene.subscribe(MERCHANT)
    values = {"kind": "licence", "subject": "JY1", "last_on": "2027-01-31"}
    case = ordered(scene, watching.watch, USCC, actor=INSPECTOR, at=MONDAY, values=values).case.id
    last = datetime.fromisoformat("2027-01-31T08:00:00+08:00")
    for days in (31, 30, 30, 20, 7, 1, 0, -1):
        scene.office.sweep(last - timedelta(days=days))
    with scene.store.writing() as uow:
        sent = [one for one in uow.outbox.claim(last, lanes=[Lane.NOTIFY], limit=50, lease_until=last) if one.target == WEBPUSH]
        assert len(uow.audit.of("reminder", case)) == 3
    assert [one.payload["title"] for one in sent if "许可证" in one.payload["title"]] == [
        "许可证将于 2027-01-31 到期，请及时办理"
    ] * 3


def test_a_declaration_is_public_and_may_be_taken_back_by_its_own_merchant_only(scene: Scene) -> None:
    values = {"about": "honest_operation", "text": "不缺斤短两"}
    case = ordered(scene, declarations.declare, USCC, actor=MERCHANT, at=MONDAY, values=values).case.id
    with pytest.raises(NotFound):
        command(scene, "declarations", case, "withdraw", STRANGER, MONDAY)
    command(scene, "declarations", case, "withdraw", MERCHANT, MONDAY)


def test_who_missed_a_training_is_counted_unless_excused(scene: Scene) -> None:
    begins = MONDAY + TOMORROW
    values = {"title": "添加剂", "begins_at": begins.isoformat()}
    with pytest.raises(NotFound):
        ordered(scene, training.plan, "330211", actor=FAR_INSPECTOR, at=MONDAY, values=values)
    ordered(scene, training.plan, "330211", actor=INSPECTOR, at=MONDAY, values=values)
    (mine,) = found(scene, "attendances", MERCHANT)
    with pytest.raises(BadInput, match="not begun"):
        command(scene, "attendances", mine.case.id, "miss", INSPECTOR, MONDAY)
    command(scene, "attendances", mine.case.id, "miss", INSPECTOR, begins)
    until = begins + HOUR

    def absent(before: datetime) -> int:
        with scene.store.reading() as uow:
            return len(assessment_registers.absences(uow, USCC, since=MONDAY, before=before))

    assert absent(until) == 1
    command(scene, "attendances", mine.case.id, "excuse", INSPECTOR, until, "住院")
    assert (absent(until), absent(until + HOUR)) == (1, 0)  # an excuse given later changes the next month


def test_every_workshop_is_evaluated_once_a_week_and_what_failed_is_counted_by_gravity(scene: Scene) -> None:
    street(scene, {"blue": 1}, "xiangshan", BusinessForm.WORKSHOP)
    for at in (MONDAY, MONDAY + HOUR, MONDAY + 3 * TOMORROW):
        scene.office.sweep(at)
        scene.another_office().sweep(at)
    (first,) = [one for one in found(scene, "tasks") if one.case.origin == "weekly"]
    assert first.case.due_by == datetime.fromisoformat("2026-12-14T00:00:00+08:00")
    officer = next(one for one in (INSPECTOR, LEADER, replace(INSPECTOR, id="u-colleague")) if one.id in first.case.officers)
    command(scene, "tasks", first.case.id, "start", officer, MONDAY)
    items = [
        {"key": "workshop.clothing", "ok": False},
        {"key": "workshop.pests", "ok": False},
        {"key": "supervision.complaints", "ok": True},
    ]
    told = command(scene, "tasks", first.case.id, "enter_result", officer, MONDAY, finding="ordered_to_correct", items=items)
    assert [item["gravity"] for item in told.filed.about["items"] if not item["ok"]] == ["minor", "major"]
    with pytest.raises(BadInput, match="no document has an item"):
        scene.office.bureau.terms.rulebook.cite("workshop.nothing")
    scene.office.sweep(MONDAY + 7 * TOMORROW)
    assert len([one for one in found(scene, "tasks") if one.case.origin == "weekly"]) == 2


def test_documents_stay_readable_in_every_version_and_none_changes_silently(scene: Scene) -> None:
    bureau = scene.office.bureau
    assert bureau.do(lambda work: documents.adopt(work, MONDAY)) == 4
    assert bureau.do(lambda work: documents.adopt(work, MONDAY)) == 0
    known = bureau.terms.rulebook
    first = known.documents[0]
    changed = replace(first, clauses=first.clauses[:-1])
    desk = scene.office.desk

    def adopt(document: Any) -> int:
        terms = replace(bureau.terms, rulebook=replace(known, documents=(document, *known.documents[1:])))
        made = type(bureau)(scene.store, replace(desk, terms=terms))
        return made.do(lambda work: documents.adopt(work, MONDAY))

    with pytest.raises(ConfigurationError, match="says something else"):
        adopt(changed)
    assert adopt(replace(changed, version="2027-1")) == 1
    states = {(one.case.document.version, one.case.state.value) for one in found(scene, "documents") if one.topic == first.id}
    assert states == {("2026-1", "superseded"), ("2027-1", "in_force")}


def test_every_violation_code_and_every_clause_can_be_read_somewhere() -> None:
    known = configuration()
    codes = known.schemes["xiangshan"].rules
    assert known.rulebook.uncited(codes) == ()
    assert [code for code in codes if not known.consequences.template.clauses_of(code)] == []
