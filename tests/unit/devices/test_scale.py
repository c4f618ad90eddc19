"""The simulated scale: right arithmetic, unique valid codes, one story told once."""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.scale import END_OF_STORY, GOODS, Fact, ScaleState, Simulation, amount_fen, read_state, weighing, write_state
from domain.ids import trace_code_valid
from domain.observations import Kind, parse_envelope
from domain.time import parse_instant
from tests.unit.devices.things import NOW, SCALE, envelope

STORY = Simulation(device_id=SCALE.id, story=True, expires_after=timedelta(seconds=20))


def play(
    simulation: Simulation, steps: int, *, state: ScaleState | None = None, start=NOW, every_s: float = 5
) -> tuple[list[Fact], ScaleState]:
    state, facts = state or ScaleState(), []
    for number in range(steps):
        more, state = simulation.step(state, start + timedelta(seconds=every_s * number))
        facts += more
    return facts, state


@given(st.integers(0, 2**32))
def test_every_weighing_adds_up_and_carries_a_valid_trace_code(seed):
    body = weighing(GOODS[0], "L1", random.Random(seed))
    found = parse_envelope(envelope(body=body), NOW)
    assert found.flags == ()
    assert trace_code_valid(body["trace_code"])


@pytest.mark.parametrize(("net_g", "price", "fen"), [(512, 6800, 3482), (500, 1, 1), (499, 1, 0), (125, 1234, 154)])
def test_the_amount_is_rounded_half_up(net_g, price, fen):
    assert amount_fen(net_g, price) == fen


def test_every_fact_of_a_long_run_is_one_the_gateway_takes():
    facts, _ = play(STORY, 200)
    for fact in facts:
        found = parse_envelope(envelope(kind=fact.kind.value, body=dict(fact.body), at=fact.event_time), fact.event_time)
        assert found.flags == ()


def test_the_same_seed_state_and_times_give_the_same_facts():
    assert play(STORY, 20) == play(STORY, 20)
    assert play(STORY, 20)[0] != play(Simulation(device_id=SCALE.id, seed=1, story=True), 20)[0]


def test_trace_codes_and_event_ids_never_repeat_over_a_restart():
    first, state = play(STORY, 50)
    second, _ = play(STORY, 50, state=state, start=NOW + timedelta(hours=1))
    again, _ = play(STORY, 50, start=NOW + timedelta(hours=2))
    codes = [fact.body["trace_code"] for fact in first + second + again if fact.kind is Kind.SCALE_WEIGH]
    assert len(set(codes)) == len(codes)
    ids = [fact.event_id for fact in first + second + again]
    assert len(set(ids)) == len(ids)


def doomed(facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if str(fact.body["lot"]).endswith("-1009")]


def test_the_storys_lot_is_put_on_sale_sold_while_good_and_sold_after_it_expired():
    lot, good, expired = doomed(play(STORY, 30)[0])
    expires_at = parse_instant(lot.body["expires_at"], "lot")
    assert (lot.kind, lot.body["kind"], lot.body["state"]) == (Kind.BATCH_UPSERT, "product", "on_sale")
    assert expires_at == NOW + timedelta(seconds=20)
    assert good.event_time < expires_at <= expired.event_time
    assert {good.kind, expired.kind} == {Kind.SCALE_WEIGH}


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_scale_started_again_in_the_middle_tells_the_story_to_its_end_once(cut, tmp_path):
    first, state = play(STORY, cut)
    write_state(tmp_path / "state.json", state)
    later, end = play(STORY, 10, state=read_state(tmp_path / "state.json"), start=NOW + timedelta(minutes=5))
    story = doomed(first + later)
    assert len({fact.body["lot"] for fact in story}) == 1
    assert sum(fact.kind is Kind.BATCH_UPSERT for fact in story) == 1
    assert end.told == END_OF_STORY
    assert doomed(play(STORY, 10, state=end, start=NOW + timedelta(days=9))[0]) == []


def test_a_fact_told_twice_because_of_a_kill_has_the_same_id():
    once, _ = play(STORY, 1)
    twice, _ = STORY.step(ScaleState(born=play(STORY, 1)[1].born), NOW)
    assert [fact.event_id for fact in doomed(once)] == [fact.event_id for fact in doomed(twice)]


def test_ordinary_lots_are_renewed_before_they_expire():
    facts, state = play(Simulation(device_id=SCALE.id), 40, every_s=6 * 3600)
    live: dict[str, object] = {}
    for fact in facts:
        if fact.kind is Kind.BATCH_UPSERT:
            live[str(fact.body["lot"])] = parse_instant(fact.body["expires_at"], "x")
        else:
            assert fact.event_time < live[str(fact.body["lot"])]
    gone = [fact for fact in facts if fact.body.get("state") == "depleted"]
    assert gone
    assert len(state.lots) == len(GOODS)


def test_a_state_file_that_cannot_be_read_begins_afresh(tmp_path):
    (tmp_path / "state.json").write_text("{broken")
    assert read_state(tmp_path / "state.json") == ScaleState()
    assert read_state(tmp_path / "none.json") == ScaleState()
