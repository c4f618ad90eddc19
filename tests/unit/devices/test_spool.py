"""What waits on the edge's disk: facts stay whatever happens, frames make room, the order is kept."""

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.spool import Spool


def texts(spool: Spool, count: int = 100) -> list[bytes]:
    return [item.payload for item in spool.next(count=count)]


def test_facts_come_before_frames_and_each_in_order(tmp_path):
    spool = Spool(tmp_path, most_bytes=1000)
    spool.put_frame("f", b"frame 1", {"seq": "1"})
    spool.put_fact("t", b"fact 1")
    spool.put_frame("f", b"frame 2", {})
    spool.put_fact("t", b"fact 2")
    assert texts(spool) == [b"fact 1", b"fact 2", b"frame 1", b"frame 2"]


def test_the_oldest_frames_make_room(tmp_path):
    spool = Spool(tmp_path, most_bytes=100)
    for number in range(15):
        spool.put_frame("f", b"%010d" % number, {})
    assert texts(spool) == [b"%010d" % number for number in range(5, 15)]
    assert spool.frames_dropped == 5


def test_a_fact_pushes_frames_out_and_never_another_fact(tmp_path):
    spool = Spool(tmp_path, most_bytes=100)
    spool.put_frame("f", b"x" * 90, {})
    for number in range(30):
        spool.put_fact("t", b"%010d" % number)
    assert texts(spool) == [b"%010d" % number for number in range(30)]
    assert spool.overfull


def test_a_frame_has_no_place_where_facts_fill_the_spool(tmp_path):
    spool = Spool(tmp_path, most_bytes=100)
    spool.put_fact("t", b"x" * 100)
    assert spool.put_frame("f", b"y", {}) is None
    assert (spool.frames_dropped, len(spool)) == (1, 1)


def test_what_is_on_its_way_is_left_out(tmp_path):
    spool = Spool(tmp_path, most_bytes=1000)
    first, second, third = (spool.put_fact("t", payload) for payload in (b"1", b"2", b"3"))
    assert [item.id for item in spool.next(count=1, without={first})] == [second]
    assert [item.id for item in spool.next(count=5, without={first, third})] == [second]


def test_everything_is_there_after_it_is_opened_again(tmp_path):
    spool = Spool(tmp_path, most_bytes=1000)
    spool.put_fact("t", b"fact")
    spool.put_frame("f", b"frame", {"seq": "4"})
    assert spool.count_up("fact") == 1
    spool.close()
    again = Spool(tmp_path, most_bytes=1000)
    assert texts(again) == [b"fact", b"frame"]
    assert again.next(count=2)[1].about == {"seq": "4"}
    assert again.size_bytes == 9
    assert again.count_up("fact") == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["fact", "frame", "remove"]), st.integers(1, 60)), max_size=60))
def test_no_order_of_events_drops_a_fact_or_breaks_the_bound(tmp_path_factory, events):
    spool = Spool(tmp_path_factory.mktemp("spool"), most_bytes=200)
    facts: list[bytes] = []
    for number, (event, size) in enumerate(events):
        payload = b"%d|" % number + b"x" * size
        if event == "fact":
            spool.put_fact("t", payload)
            facts.append(payload)
        elif event == "frame":
            spool.put_frame("f", payload, {})
        elif items := spool.next(count=1):
            spool.remove(items[0].id)
            facts = facts[0 if items[0].frame else 1 :]
        waiting = spool.next(count=100)
        assert [item.payload for item in waiting if not item.frame] == facts
        assert spool.size_bytes == sum(len(item.payload) for item in waiting)
        assert spool.size_bytes <= 200 or not any(item.frame for item in waiting)
    spool.close()
