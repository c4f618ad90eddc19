"""The way out of the gateway: nothing is lost, nothing of a key is overtaken, and each job is told of once."""

import asyncio
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.connection import Delivery
from devices.metrics import Result
from devices.sink import Record
from devices.writer import Job, Writer
from domain.errors import BadInput, Code
from tests.unit.devices.things import NOW

WITHIN_S = 10.0
NEVER = b"never"


def job(key: str, number: int, *, topic: str = "observations", value: bytes | None = None) -> Job:
    delivery = Delivery(topic="t", payload=b"", qos=1, retained=False, mid=number, generation=1, resumed=False)
    record = Record(topic=topic, key=key.encode(), value=value or b"%d" % number)
    return Job(delivery, None, NOW, 0.0, "scale.weigh", "scl-0a1b2c3d", Result.ACCEPTED, (record,))


class Log:
    """A sink that takes a turn of the loop for each call, and fails whole keys of a call as told, once each."""

    def __init__(self, failures=()):
        self.failures = iter(failures)
        self.away: set[str] = set()
        self.written = defaultdict(list)
        self.calls: list[list[Record]] = []
        self.together = self.most_together = 0

    async def put(self, record):
        (outcome,) = await self.put_all([record])
        if outcome is not None:
            raise outcome

    async def put_all(self, records):
        self.calls.append(list(records))
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        failing = next(self.failures, frozenset()) | self.away
        await asyncio.sleep(0)
        self.together -= 1
        outcomes = []
        for record in records:
            if record.value == NEVER:
                outcomes.append(BadInput(Code.MALFORMED, "too large", where=record.topic))
            elif record.key.decode() in failing:
                outcomes.append(ConnectionError("away"))
            else:
                self.written[record.key.decode()].append(int(record.value) if record.value.isdigit() else record.value)
                outcomes.append(None)
        return outcomes


class Desk:
    """A writer with its tasks and what it told."""

    def __init__(self, log, letter=None, linger_s=0.0):
        self.done: list[Job] = []
        self.tasks: set[asyncio.Task] = set()
        self.writer = Writer(
            log,
            begin=self.begin,
            written=self.done.extend,
            bury=lambda job, error: letter,
            first_pause_s=0.0001,
            linger_s=linger_s,
        )

    def begin(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def until_done(self, count):
        async with asyncio.timeout(WITHIN_S):
            while len(self.done) < count:  # noqa: ASYNC110 - the writer knows no listener
                await asyncio.sleep(0.0005)


KEYS = ("merchant-a", "merchant-b", "merchant-c")


@settings(max_examples=60, deadline=None)
@given(
    turns=st.lists(st.lists(st.sampled_from(KEYS), min_size=1, max_size=6), min_size=1, max_size=12),
    failures=st.lists(st.frozensets(st.sampled_from(KEYS)), max_size=12),
    gaps=st.lists(st.integers(0, 3), min_size=12, max_size=12),
)
def test_whatever_fails_the_facts_of_a_merchant_come_into_the_log_in_their_order_and_once(turns, failures, gaps):
    async def scene():
        log = Log(failures)
        desk = Desk(log)
        jobs = []
        for turn, gap in zip(turns, gaps, strict=False):
            some = [job(key, len(jobs) + place) for place, key in enumerate(turn)]
            jobs += some
            desk.writer.write(some)
            for _ in range(gap):
                await asyncio.sleep(0)
        await desk.until_done(len(jobs))
        return log, desk, jobs

    log, desk, jobs = asyncio.run(scene())
    for key in KEYS:
        assert log.written[key] == [int(one.records[0].value) for one in jobs if one.records[0].key == key.encode()]
    assert sorted(map(id, desk.done)) == sorted(map(id, jobs))


async def test_while_one_merchants_partition_is_away_the_others_go_on():
    log = Log()
    log.away = {"merchant-a"}
    desk = Desk(log)
    desk.writer.write([job("merchant-a", 0), job("merchant-b", 1)])
    await desk.until_done(1)
    desk.writer.write([job("merchant-a", 2), job("merchant-b", 3)])
    await desk.until_done(2)
    assert (log.written["merchant-a"], log.written["merchant-b"]) == ([], [1, 3])
    log.away = set()
    await desk.until_done(4)
    assert log.written["merchant-a"] == [0, 2]


async def test_what_comes_while_a_call_is_on_its_way_goes_together_with_the_next():
    log = Log()
    desk = Desk(log)
    desk.writer.write([job("merchant-a", 0)])
    await asyncio.sleep(0)
    for number in range(1, 6):
        desk.writer.write([job("merchant-a", number)])
    await desk.until_done(6)
    assert [len(call) for call in log.calls] == [1, 5]
    assert log.most_together == 1


@pytest.mark.parametrize(("count", "calls"), [(3, [6]), (50, [50, 50])], ids=["few wait for more", "enough do not wait"])
async def test_a_few_records_wait_a_moment_for_more(count, calls):
    log = Log()
    desk = Desk(log, linger_s=0.2)
    desk.writer.write([job("merchant-a", number) for number in range(count)])
    await asyncio.sleep(0)
    desk.writer.write([job("merchant-a", number) for number in range(count, 2 * count)])
    await desk.until_done(2 * count)
    assert [len(call) for call in log.calls] == calls


@pytest.mark.parametrize(
    ("letter", "written"),
    [
        (Record(topic="dead-letters", key=b"mqtt", value=b"why"), [b"why"]),
        (Record(topic="dead-letters", key=b"mqtt", value=NEVER), []),
        (None, []),
    ],
    ids=["its dead letter is written", "its dead letter does not fit either", "there is none"],
)
async def test_what_the_log_will_never_take_is_buried_and_its_message_is_done(letter, written):
    log = Log()
    letters = [letter]
    desk = Desk(log)
    desk.writer._bury = lambda job, error: letters.pop() if letters else None
    desk.writer.write([job("merchant-a", 0), job("merchant-a", 1, value=NEVER), job("merchant-a", 2)])
    await desk.until_done(3)
    assert log.written["merchant-a"] == [0, 2]
    assert log.written["mqtt"] == written


async def test_a_sink_that_fails_altogether_is_asked_again():
    class Broken(Log):
        async def put_all(self, records):
            if len(self.calls) < 3:
                self.calls.append([])
                raise OSError("no network")
            return await super().put_all(records)

    log = Broken()
    desk = Desk(log)
    desk.writer.write([job("merchant-a", number) for number in range(3)])
    await desk.until_done(3)
    assert log.written["merchant-a"] == [0, 1, 2]
