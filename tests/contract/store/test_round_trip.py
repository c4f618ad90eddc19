"""What is put in comes back the same: to the microsecond, the last digit and the last odd character."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.deductions import DeductionState
from domain.errors import BadInput, Code, Conflict, NotFound
from domain.escalation import Escalation, QuietHours, Step, Until
from domain.findings import FindingState, Review
from domain.parties import Role
from domain.rules import Level
from domain.warnings import Disposition, State
from store.ports import Store
from tests.contract.store.builders import (
    CAMERA,
    NOW,
    OTHER_USCC,
    USCC,
    batch,
    deduction,
    delivery,
    device,
    evidence,
    finding,
    letter,
    merchant,
    observation,
    session,
    step,
    subscription,
    user,
    warning,
    weighing,
)

FULL_WARNING = warning(
    state=State.SUBMITTED,
    camera=CAMERA,
    zone="stove",
    notified_at=NOW,
    rectify_by=NOW + timedelta(hours=2, microseconds=1),
    acknowledged_at=NOW,
    submitted_at=NOW,
    submitted_by="user-1",
    on_time=True,
    closed_at=NOW,
    disposition=Disposition.VERIFIED,
    controlled_until=NOW,
    extended=True,
    attempt=2,
    rectify_overdue=True,
    closure_overdue=True,
    escalation_level=2,
    reminded_percent=75,
    rectify_reminded_percent=50,
    escalation=Escalation(
        chain="red",
        steps=(
            Step(after=timedelta(minutes=30), until=Until.DELIVERED, roles=(Role.INSPECTOR,), channels=("sms",), routes=("a",)),
            Step(after=timedelta(hours=22), until=Until.CLOSED),
        ),
        started_at=NOW,
        quiet=QuietHours(begins=time(21, 30), ends=time(6)),
        done=(0,),
    ),
    next_due_at=NOW + timedelta(microseconds=7),
    version=9,
)


def test_a_merchant_comes_back_and_can_be_replaced(store: Store) -> None:
    with store.writing() as unit:
        assert unit.merchants.get(USCC) == merchant()
        changed = merchant(name="new", opening=None, licence_verified=False)
        unit.merchants.put(changed)
        unit.commit()
    with store.reading() as unit:
        assert unit.merchants.get(USCC) == changed
        assert [item.uscc for item in unit.merchants.list()] == [USCC, OTHER_USCC]
        assert unit.merchants.get("92330211MA2ABC125X") is None


def test_a_device_comes_back_with_its_key_and_keeps_its_presence_when_registered_again(store: Store) -> None:
    with store.writing() as unit:
        assert unit.devices.get(CAMERA) == device()
        assert unit.devices.presence(CAMERA) is None
        assert unit.devices.set_presence(CAMERA, online=True, at=NOW)
        unit.devices.put(device(name="again", key=None, revoked=True))
        unit.commit()
    with store.reading() as unit:
        assert unit.devices.get(CAMERA) == device(name="again", key=None, revoked=True)
        assert unit.devices.presence(CAMERA) == (True, NOW)
        assert [item.id for item in unit.devices.list(uscc=USCC)] == [CAMERA]
        assert not unit.devices.list(uscc=OTHER_USCC)


def test_presence_says_since_when_and_ignores_what_is_older_than_the_last_word(store: Store) -> None:
    def at(seconds: int) -> datetime:
        return NOW + timedelta(seconds=seconds)

    told = [  # online, told at, changed?, since
        (True, 0, True, 0),
        (True, 60, False, 0),
        (False, 30, False, 0),  # a last will that comes after a newer status
        (False, 90, True, 90),
        (True, 90, True, 90),
    ]
    with store.writing() as unit:
        for online, when, changed, since in told:
            assert unit.devices.set_presence(CAMERA, online=online, at=at(when)) is changed
            known = unit.devices.presence(CAMERA)
            assert known is not None
            assert known[1] == at(since)
        assert known == (True, at(90))


def test_a_user_keeps_the_password_when_registered_again_without_one(store: Store) -> None:
    with store.writing() as unit:
        unit.users.put(user(name="renamed", phone="13800138000", email="a@example.org"))
        unit.users.put(user(id="user-2", login="inspector", role=Role.INSPECTOR, uscc=None, region="3302"))
        unit.commit()
    with store.reading() as unit:
        assert unit.users.by_login("merchant") == (user(name="renamed", phone="13800138000", email="a@example.org"), "argon2")
        assert unit.users.by_login("inspector") == (unit.users.get("user-2"), "")
        assert unit.users.by_login("nobody") is None
        assert [item.id for item in unit.users.list(role=Role.INSPECTOR)] == ["user-2"]
        assert [item.id for item in unit.users.list(uscc=USCC)] == ["user-1"]
    with store.writing() as unit:
        unit.users.put(user(), password_hash="other")
        assert unit.users.by_login("merchant") == (user(), "other")


def test_sessions_end_when_told_and_when_their_time_is_over(store: Store) -> None:
    short, long = session(token_hash="a", expires_at=NOW), session(token_hash="b", expires_at=NOW + timedelta(microseconds=1))
    with store.writing() as unit:
        for item in (short, long, session()):
            unit.users.add_session(item)
        assert unit.users.session(session().token_hash) == session()
        unit.users.end_session(session().token_hash)
        assert unit.users.session(session().token_hash) is None
        assert unit.users.end_expired_sessions(NOW) == 1
        assert unit.users.session("a") is None
        assert unit.users.session("b") == long


def test_observations_come_in_one_by_one_and_by_the_hundred(store: Store) -> None:
    many = [observation(event_id=f"many-{n:04}", content_hash=f"{n:064}", seq=n) for n in range(1201)]
    with store.writing() as unit:
        unit.observations.add(observation())
        unit.observations.add_all(many)
        unit.observations.add_all([])
        unit.commit()
    with store.reading() as unit:
        assert unit.observations.count() == 1202
        assert unit.observations.known(observation().event_id) == observation().content_hash
        assert unit.observations.known("never") is None
        known = unit.observations.known_all([*(item.event_id for item in many), "never"])
        assert known == {item.event_id: item.content_hash for item in many}


def test_a_batch_and_a_weighing_come_back(store: Store) -> None:
    other = batch(lot="LOT-2", qty_g=Decimal(0), apart_g=Decimal("0.5"), produced_on="2026-11-01", expiry_judged_at=NOW)
    with store.writing() as unit:
        unit.batches.put(batch())
        unit.batches.put(other)
        assert unit.batches.get(USCC, "LOT-1") == batch()
        assert unit.batches.get(OTHER_USCC, "LOT-1") is None
        assert unit.batches.list(USCC) == [batch(), other]
        later = weighing(event_id="weigh-0", at=NOW + timedelta(microseconds=1), suspect=True, code_conflict=True)
        unit.weighings.add(later)
        unit.weighings.add(weighing())
        assert unit.weighings.by_trace_code(weighing().trace_code) == [weighing(), later]


def test_weighings_are_added_and_found_together(store: Store) -> None:
    many = [weighing(event_id=f"weigh-{n}", trace_code=f"code-{n % 600}") for n in range(1200)]
    with store.writing() as unit:
        unit.weighings.add_all(many)
        unit.weighings.add_all([])
        found = unit.weighings.by_trace_codes([f"code-{n}" for n in range(600)] + ["nobody's"])
        assert found.pop("nobody's") == []
        assert {code: len(sales) for code, sales in found.items()} == {f"code-{n}": 2 for n in range(600)}
        with pytest.raises(Conflict), unit.savepoint():
            unit.weighings.add_all([weighing(event_id="weigh-new"), many[0]])


def test_a_findings_review_clock_comes_back_and_is_due_while_it_waits(store: Store) -> None:
    first = Review(review_by=NOW, expires_at=NOW + timedelta(days=2))
    with store.writing() as unit:
        unit.findings.add(finding(), FindingState.REVIEW, review=first)
        unit.findings.add(finding(id="finding-0"), FindingState.REVIEW, review=Review(review_by=NOW - timedelta(hours=1)))
        assert unit.findings.review("finding-1") == first
        due = [item.id for item in unit.findings.reviews_due(NOW, limit=5)]
        assert due == ["finding-0"], "a deadline itself is in time"
        assert len(unit.findings.reviews_due(NOW + timedelta(microseconds=1), limit=5)) == 2
        assert len(unit.findings.reviews_due(NOW + timedelta(microseconds=1), limit=1)) == 1
        unit.findings.set_review("finding-1", replace(first, escalated=True))
        unit.findings.set_review("finding-0", Review(review_by=NOW - timedelta(hours=1), escalated=True))
        assert unit.findings.reviews_due(NOW + timedelta(days=2), limit=5) == []
        assert [item.id for item in unit.findings.reviews_due(NOW + timedelta(days=9), limit=5)] == ["finding-1"]
        unit.findings.set_state("finding-1", FindingState.EXPIRED_UNREVIEWED)
        assert unit.findings.reviews_due(NOW + timedelta(days=9), limit=5) == []
        assert unit.findings.review("nobody's") is None


def test_a_finding_comes_back_and_its_state_changes(store: Store) -> None:
    bare = finding(id="finding-0", camera=None, zone=None, confidence=None, evidence=(), detected_at=NOW)
    with store.writing() as unit:
        unit.findings.add(finding(), FindingState.REVIEW)
        unit.findings.add(bare, FindingState.REVIEW)
        unit.commit()
    with store.reading() as unit:
        assert unit.findings.get("finding-1") == (finding(), FindingState.REVIEW)
        assert unit.findings.in_state(FindingState.REVIEW) == [bare, finding()]
        assert unit.findings.in_state(FindingState.REVIEW, limit=1) == [bare]
        assert not unit.findings.in_state(FindingState.REVIEW, uscc=OTHER_USCC)
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.findings.set_state("finding-1", FindingState.RAISED, warning_id="warning-1")
        assert unit.findings.get("finding-1") == (finding(), FindingState.RAISED)
        with pytest.raises(NotFound):
            unit.findings.set_state("finding-9", FindingState.DISCARDED)


def test_what_waits_and_what_was_refused_are_narrowed_to_a_region_before_they_are_cut_off(store: Store) -> None:
    soon, later = Review(review_by=NOW + timedelta(hours=1)), Review(review_by=NOW + timedelta(hours=2))
    with store.writing() as unit:
        unit.findings.add(finding(id="other", uscc=OTHER_USCC), FindingState.REVIEW, review=soon)
        unit.findings.add(finding(id="later", detected_at=NOW), FindingState.REVIEW, review=later)
        unit.findings.add(finding(id="soon", detected_at=NOW + timedelta(minutes=1)), FindingState.REVIEW, review=soon)
        for number, uscc in enumerate((USCC, "nobody's", OTHER_USCC, OTHER_USCC)):
            unit.dead_letters.add(letter(key=f"{number}", uscc=uscc, received_at=NOW + timedelta(seconds=number)))
        unit.commit()
    cases = [  # region, limit, findings, letters
        ("330211", 2, ["soon", "later"], ["1", "0"]),
        ("330211", 1, ["soon"], ["1"]),
        ("330225", 9, ["other"], ["3", "2", "1"]),
        ("3302", 9, ["other", "soon", "later"], ["3", "2", "1", "0"]),
        ("%", 9, [], ["1"]),
    ]
    with store.reading() as unit:
        for region, limit, findings, letters in cases:
            waiting = unit.findings.in_state(FindingState.REVIEW, region=region, limit=limit)
            assert [item.id for item in waiting] == findings, region
            assert [item.key for item in unit.dead_letters.list(region=region, limit=limit)] == letters, region


@pytest.mark.parametrize("given_warning", [warning(), FULL_WARNING, warning(level=Level.ORDINARY, close_by=None, on_time=False)])
def test_a_warning_comes_back_with_every_field(store: Store, given_warning: object) -> None:
    assert isinstance(given_warning, type(FULL_WARNING))
    with store.writing() as unit:
        unit.warnings.add(given_warning)
        unit.commit()
    with store.reading() as unit:
        assert unit.warnings.get(given_warning.id) == given_warning
        assert unit.warnings.open_with_key(given_warning.open_key) == given_warning


def test_a_closed_warning_has_nothing_due(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(replace(FULL_WARNING, state=State.CLOSED))
        assert unit.warnings.get("warning-1") == replace(FULL_WARNING, state=State.CLOSED, next_due_at=None)


def test_evidence_is_attached_once_for_each_finding_and_attempt(store: Store) -> None:
    cases = [  # evidence, attached?, why
        (evidence(), True, "the first"),
        (evidence(id="evidence-2"), False, "the same bytes again"),
        (evidence(id="evidence-3", attempt=1), True, "another attempt may show the same"),
        (evidence(id="evidence-4", finding_id="finding-1"), True, "a finding brought it too"),
        (evidence(id="evidence-5", finding_id="finding-1"), False, "the finding was told twice"),
        (evidence(id="evidence-6", sha256="00" * 32), True, "other bytes"),
    ]
    with store.writing() as unit:
        unit.warnings.add(warning())
        unit.findings.add(finding(), FindingState.ATTACHED, warning_id="warning-1")
        for item, attached, why in cases:
            assert unit.evidence.add(item) is attached, why
        kept = [item for item, attached, _ in cases if attached]
        assert unit.evidence.of("warning-1") == kept
        assert unit.evidence.of_many(["warning-1", "none"]) == {"warning-1": kept, "none": []}
        assert unit.evidence.get("evidence-3") == cases[2][0]


def test_the_audit_trail_gives_back_what_it_was_told(store: Store) -> None:
    with store.writing() as unit:
        first = unit.audit.append(step())
        unit.audit.append(step(entity_id="warning-2"))
        third = unit.audit.append(step(to_state="closed", evidence_ids=()))
        unit.commit()
    with store.reading() as unit:
        assert unit.audit.of("warning", "warning-1") == [first, third]
        assert (first.seq, third.seq) == (1, 3)
        assert unit.audit.verify() == 3


def test_a_deduction_is_entered_once_for_its_key(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        assert unit.deductions.add(deduction())
        assert not unit.deductions.add(deduction(id="deduction-2", points=Decimal(99)))
        assert unit.deductions.by_key(deduction().key) == deduction()
        assert unit.deductions.get("deduction-2") is None
        unit.commit()
    with store.reading() as unit:
        assert unit.deductions.get("deduction-1") == deduction()
        assert unit.deductions.of_warning("warning-1") == [deduction()]
        assert unit.deductions.of_merchant(USCC, month="2026-11") == [deduction()]
        assert not unit.deductions.of_merchant(USCC, month="2026-10")
        assert not unit.deductions.of_merchant(OTHER_USCC)


def test_withdrawn_and_reversed_deductions_do_not_stand(store: Store) -> None:
    with store.writing() as unit:
        unit.warnings.add(warning())
        for state in DeductionState:
            unit.deductions.add(deduction(id=state.value, key=state.value, state=state, confirmed_by="user-1"))
        standing = unit.deductions.of_code_since(USCC, "XV04", NOW)
        assert {item.id for item in standing} == {"proposed", "objected", "final"}
        assert not unit.deductions.of_code_since(USCC, "XV04", NOW + timedelta(microseconds=1))
        assert not unit.deductions.of_code_since(USCC, "XV03", NOW)
        assert [item.id for item in unit.deductions.in_state(DeductionState.FINAL)] == ["final"]


def test_a_push_subscription_moves_to_whoever_signs_in_there(store: Store) -> None:
    with store.writing() as unit:
        unit.users.put(user(id="user-2", login="other"))
        unit.push_subscriptions.put(subscription())
        unit.push_subscriptions.put(subscription(user_id="user-2"))
        assert unit.push_subscriptions.get("subscription-1") == subscription(user_id="user-2")
        assert not unit.push_subscriptions.of_users(["user-1"])
        assert unit.push_subscriptions.of_users(["user-1", "user-2"]) == [subscription(user_id="user-2")]
        assert not unit.push_subscriptions.of_users([])
        unit.push_subscriptions.remove("subscription-1")
        assert unit.push_subscriptions.get("subscription-1") is None


def test_dead_letters_keep_the_original_bytes_whatever_their_words_are(store: Store) -> None:
    odd = letter(key="2", reason="\x00 \ud800 文", received_at=NOW + timedelta(seconds=1), code="E003")
    with store.writing() as unit:
        assert unit.dead_letters.add(letter())
        assert not unit.dead_letters.add(letter(code="E002"))
        assert unit.dead_letters.add(odd)
        newest, oldest = unit.dead_letters.list()
        assert oldest == letter()
        assert (newest.raw, newest.reason[-1]) == (odd.raw, "文")
        assert unit.dead_letters.list(code="E001") == [letter()]
        assert unit.dead_letters.counts() == {"E001": 1, "E003": 1}
        assert unit.dead_letters.drop_before(odd.received_at) == 1
        assert unit.dead_letters.counts() == {"E003": 1}


def test_an_outbox_entry_comes_back_with_its_payload(store: Store) -> None:
    with store.writing() as unit:
        assert unit.outbox.add(delivery())
        (taken,) = unit.outbox.claim(NOW, lanes=[delivery().lane], limit=9, lease_until=NOW + timedelta(minutes=1))
        assert replace(taken, id=0) == delivery(attempts=1, next_attempt_at=NOW + timedelta(minutes=1))


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800"])
def test_text_no_database_holds_is_refused_as_bad_input_on_both(store: Store, text: str) -> None:
    with store.writing() as unit:
        with pytest.raises(BadInput) as refused, unit.savepoint():
            unit.batches.put(batch(name=text))
        assert refused.value.code is Code.FIELD
        unit.batches.put(batch())
        unit.commit()


def test_a_naive_instant_is_refused(store: Store) -> None:
    with store.writing() as unit, pytest.raises(Exception, match="time zone"):
        unit.warnings.add(warning(raised_at=NOW.replace(tzinfo=None)))


EAST = timezone(timedelta(hours=8))
_INSTANTS = st.timedeltas(timedelta(days=-700_000), timedelta(days=2_900_000)).map(lambda span: NOW.astimezone(EAST) + span)
_POINTS = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=_INSTANTS, points=_POINTS, body=st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.booleans()))
def test_any_instant_decimal_and_json_comes_back_exactly(store: Store, at: datetime, points: Decimal, body: dict) -> None:
    with store.writing() as unit:  # never committed
        unit.warnings.add(warning())
        unit.deductions.add(deduction(points=points, proposed_at=at, components=body))
        kept = unit.deductions.get("deduction-1")
    assert kept is not None
    assert (kept.proposed_at, kept.points, kept.components) == (at, points, body)
    assert kept.proposed_at.utcoffset() == timedelta()
