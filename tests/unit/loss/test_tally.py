"""The counting of the loss table must see what is wrong: each planted fault shows in its own column, and in no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alerts.deadlines import next_due_at
from domain.findings import Reason, ReasonCode
from domain.parties import SYSTEM
from domain.rules import Level, Rules
from domain.warnings import AuditEntry, State, Warning
from tests.loss import document
from tests.loss.chronicle import Chronicle, Kill, Outage
from tests.loss.ledger import Client, Fact, Row
from tests.loss.records import Records, Sent
from tests.loss.tally import Scene, count, is_late

T0 = datetime(2026, 3, 1, tzinfo=UTC)
RULES = Rules(close_within=timedelta(seconds=40))
USCC = "92330211MA2ABC125M"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def sale(name: str, *, acknowledged: bool = True, grams: int = 100) -> Fact:
    told = at(1) if acknowledged else None
    return Fact(
        row=Row.SALE, client=Client.FOREIGN, id=name, uscc=USCC, published_at=T0, acknowledged_at=told, lot="L", grams=grams
    )


def batch(lot: str, *, expires_at: datetime | None = None, grams: int = 1000) -> Fact:
    return replace(sale(f"batch {lot}"), row=Row.BATCH, lot=lot, expires_at=expires_at, grams=grams)


def warning(name: str = "w", lot: str = "L", *, raised: float = 0) -> Warning:
    made = Warning(
        id=name,
        uscc=USCC,
        region="330211",
        rule="RW2",
        violation_code="XV04",
        class_="product_expired",
        subject=lot,
        open_key=f"{USCC}|RW2|{lot}",
        level=Level.RED,
        state=State.NOTIFIED,
        event_time=T0,
        raised_at=at(raised),
        rectify_within=timedelta(seconds=15),
        why=Reason(code=ReasonCode.PRODUCT_EXPIRED, params={}),
        incident_id="i",
        notified_at=at(raised),
        rectify_by=at(raised + 15),
        rectify_reminded_percent=100,
        close_by=at(raised + 40),
    )
    return replace(made, next_due_at=next_due_at(made, RULES))


def step(reason: str, seconds: float, *, seq: int = 1, entity: str = "warning", name: str = "w") -> AuditEntry:
    return AuditEntry(
        seq=seq,
        entity=entity,
        entity_id=name,
        from_state="" if entity == "deduction" else "notified",
        to_state="notified",
        at=at(seconds),
        actor=SYSTEM.id,
        actor_role=SYSTEM.role.value,
        reason=reason,
        evidence_ids=(),
        previous_hash="",
        hash="",
    )


def stored(**changes: object) -> Records:
    nothing: dict[str, object] = {
        "observations": frozenset(),
        "weighings": {},
        "batches": {},
        "warnings": (),
        "audit": (),
        "committed_at": {},
        "evidence": frozenset(),
        "findings": frozenset(),
        "outbox": (),
        "dead_letters": (),
    }
    return Records(**{**nothing, **changes})  # type: ignore[arg-type]


def wrong(facts: list[Fact], records: Records, ended: float = 10, **scene: object) -> dict[str, tuple[int, int, int, int]]:
    """Row → its last four columns, where one is not zero."""
    tally = count(facts, records, Scene(rules=RULES, ended_at=at(ended), **scene))  # type: ignore[arg-type]
    rows = {name: (row.lost, row.duplicates, row.early, row.late) for name, row in tally.by_row().items()}
    return {name: four for name, four in rows.items() if any(four)}


def test_a_fact_acknowledged_and_not_stored_is_lost_and_one_never_acknowledged_is_not():
    kept = stored(observations=frozenset({"a"}), weighings={"a": (USCC, "L", 100)})
    assert wrong([sale("a"), sale("b", acknowledged=False)], kept) == {}
    assert wrong([sale("a"), sale("b")], kept) == {"sales": (1, 0, 0, 0)}


def test_a_sale_taken_twice_shows_in_what_remains_of_its_lot():
    facts = [batch("L"), sale("a")]
    kept = {"observations": frozenset({"a", "batch L"}), "weighings": {"a": (USCC, "L", 100)}}
    assert wrong(facts, stored(**kept, batches={(USCC, "L"): Decimal(900)})) == {}
    assert wrong(facts, stored(**kept, batches={(USCC, "L"): Decimal(800)})) == {"stock of lots after sales": (0, 1, 0, 0)}
    assert wrong(facts, stored(**kept, batches={(USCC, "L"): Decimal(1000)})) == {"stock of lots after sales": (1, 0, 0, 0)}


def test_an_expired_lot_without_a_warning_is_lost_and_with_two_is_doubled():
    facts, kept = [batch("L", expires_at=at(-60))], {"observations": frozenset({"batch L"})}
    assert wrong(facts, stored(**kept, warnings=(warning(),))) == {}
    assert wrong(facts, stored(**kept)) == {"expired lots → warnings": (1, 0, 0, 0)}
    assert wrong(facts, stored(**kept, warnings=(warning(), warning("v")))) == {"expired lots → warnings": (0, 1, 0, 0)}


def test_a_lot_judged_before_or_long_after_its_expiry_shows_unless_it_was_not_known():
    facts, kept = [batch("L", expires_at=at(20))], {"observations": frozenset({"batch L"})}

    def raised(seconds: float, **scene: object) -> dict[str, tuple[int, int, int, int]]:
        return wrong(facts, stored(**kept, warnings=(warning(raised=seconds),)), **scene)

    known = {"known_at": {(USCC, "L"): at(2)}}
    assert raised(20.5, **known) == {}
    assert raised(19.9, **known) == {"lots expiring → warnings": (0, 0, 1, 0)}
    assert raised(21.5, **known) == {"lots expiring → warnings": (0, 0, 0, 1)}
    assert raised(21.5) == {}, "never seen before it was raised: it was judged on arrival"


@pytest.mark.parametrize(
    ("applied", "outages", "late"),
    [
        (1.0, [], False),  # within the second
        (1.1, [], True),  # the sweep ran all the time
        (8.0, [(-2.0, 5.0)], False),  # three seconds after it was back
        (15.1, [(-2.0, 5.0)], True),  # more than ten
        (3.0, [(-19.0, -15.0)], True),  # back long before
        (3.0, [(-9.0, -5.0)], False),  # back five seconds before, and still catching up
        (8.0, [(0.5, 5.0)], False),  # away while the step waited for its second
        (8.0, [(2.0, 5.0)], True),  # it ran for two seconds before it went
        (40.0, [(-1.0, 5.0), (35.0, 38.0)], True),  # thirty seconds between two outages were enough
        (18.0, [(-1.0, 5.0), (9.0, 12.0)], False),  # four were not
    ],
)
def test_late_is_a_second_while_the_sweep_ran_and_ten_after_an_outage(applied, outages, late):
    away = [Outage("casework", at(since), at(until)) for since, until in outages]
    assert is_late(at(applied), T0, away) is late


def test_a_deadline_step_is_counted_early_late_doubled_and_lost():
    def after(*steps: AuditEntry, ended: float = 18, **more: object) -> dict[str, tuple[int, int, int, int]]:
        done = replace(warning(), rectify_overdue=True)
        return wrong([], stored(warnings=(done,), audit=steps, **more), ended=ended)

    assert after(step("rectify_overdue", 15.3)) == {}
    assert after(step("rectify_overdue", 15.0)) == {"deadline steps": (0, 0, 1, 0)}, "the instant itself is still on time"
    assert after(step("rectify_overdue", 16.5)) == {"deadline steps": (0, 0, 0, 1)}
    assert after(step("rectify_overdue", 15.3), committed_at={1: at(16.5)}) == {"deadline steps": (0, 0, 0, 1)}
    assert after(step("rectify_overdue", 15.3), step("rectify_overdue", 15.8, seq=2)) == {"deadline steps": (0, 1, 0, 0)}
    assert after(step("rectify_overdue", 15.3), ended=21) == {"deadline steps": (1, 0, 0, 0)}, (
        "half the time was to be reminded of"
    )


def test_a_charge_is_one_and_comes_after_both_clocks():
    flagged = replace(warning(), rectify_overdue=True, closure_overdue=True, reminded_percent=100)

    def charged(*seconds: float) -> dict[str, tuple[int, int, int, int]]:
        steps = tuple(step("", when, seq=n, entity="deduction", name=f"d{n}") for n, when in enumerate(seconds, 1))
        sent = tuple(entry(n, {"deduction": {"id": f"d{n}", "warning": "w"}}) for n in range(1, len(seconds) + 1))
        only = wrong([], stored(warnings=(flagged,), audit=steps, outbox=sent), ended=60)
        return {"deductions": only["deductions"]} if "deductions" in only else {}

    assert charged(40.4) == {}
    assert charged() == {"deductions": (1, 0, 0, 0)}
    assert charged(40.4, 40.6) == {"deductions": (0, 1, 0, 0)}
    assert charged(39.0) == {"deductions": (0, 0, 1, 0)}
    assert charged(42.0) == {"deductions": (0, 0, 0, 1)}


def entry(number: int, about: dict[str, object], *, state: str = "done", event: str = "deduction.proposed") -> Sent:
    payload = {"event": event, "at": "", "data": {}, **about}
    target = "deductions" if "deduction" in about else "warnings"
    return Sent(
        id=number, key=f"{number}", lane="kafka", target=target, recipient=USCC, payload=payload, created_at=T0, state=state
    )


def test_an_event_not_sent_not_in_the_topic_or_told_under_two_keys_shows():
    raised = {"warning": {"id": "w"}}
    one, other = entry(1, raised, event="warning.raised"), entry(2, raised, event="warning.raised")
    lies = {"topics": {"warnings": (one.payload,)}}
    assert wrong([], stored(outbox=(one,), **lies)) == {}
    assert wrong([], stored(outbox=(replace(one, state="pending"),), **lies)) == {"events to the log": (1, 0, 0, 0)}
    assert wrong([], stored(outbox=(one,), topics={"warnings": ()})) == {"events to the log": (1, 0, 0, 0)}
    assert wrong([], stored(outbox=(one, other), **lies)) == {"events to the log": (0, 1, 0, 0)}


def test_a_notification_received_again_is_none_but_one_without_a_cause_is_a_second_effect():
    data = {"event": "warning.raised", "warning": "w", "at": "1"}
    sent = Sent(
        id=1, key="1", lane="notify", target="webhook", recipient="phones", payload={"data": data}, created_at=T0, state="done"
    )
    assert wrong([], stored(outbox=(sent,)), received=[("phones", data), ("phones", data)]) == {}
    assert wrong([], stored(outbox=(sent,)), received=[]) == {"notifications": (1, 0, 0, 0)}
    other = ("phones", {**data, "at": "2"})
    assert wrong([], stored(outbox=(sent,)), received=[("phones", data), other]) == {"notifications": (0, 1, 0, 0)}


def test_every_item_is_counted_to_the_kill_nearest_in_time():
    facts = [replace(sale(str(n)), published_at=at(n)) for n in range(10)]
    tally = count(facts, stored(), Scene(rules=RULES, ended_at=at(60)))
    shares = tally.by_victim([Kill("log", at(2)), Kill("gateway", at(8))])
    assert {name: row.lost for name, row in shares.items()} == {"gateway": 4, "log": 6}
    assert sum(row.published for row in shares.values()) == tally.total().published == 10


def test_two_sweepers_are_away_only_while_both_are():
    now = [T0]
    chronicle = Chronicle(lambda: now[0])
    for seconds, tell, name in [(0, "down", "a"), (4, "down", "b"), (6, "up", "a"), (9, "up", "b"), (20, "down", "b")]:
        now[0] = at(seconds)
        getattr(chronicle, tell)(name)
    assert [(away.since, away.until) for away in chronicle.all_away(["a", "b"])] == [(at(4), at(6))]
    assert [(away.since, away.until) for away in chronicle.outages(["b"])] == [(at(4), at(9)), (at(20), None)]


def test_a_section_replaces_its_own_and_leaves_the_others(tmp_path):
    path = tmp_path / "docs" / "loss.md"
    for name, text in [("one", "first"), ("two", "second"), ("one", "first again")]:
        document.write(path, "# Title", name, text)
    text = path.read_text()
    assert text.startswith("# Title\n")
    assert (text.count("first again"), text.count("second"), text.count("first")) == (1, 1, 1)
