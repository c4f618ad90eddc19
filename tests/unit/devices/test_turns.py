"""Those who must wait: each device's messages come in their order, and nothing overtakes what waits."""

import asyncio

from devices import metrics
from devices.connection import Delivery
from devices.turns import Turns
from devices.writer import Job
from tests.unit.devices.things import NOW

WITHIN_S = 5.0


def job(number: int, device: str = "scl-0a1b2c3d", kind: str = "scale.weigh") -> Job:
    delivery = Delivery(topic="t", payload=b"", qos=1, retained=False, mid=number, generation=1, resumed=False)
    return Job(delivery, None, NOW, 0.0, kind, device)


class Hall:
    def __init__(self):
        self.come: list[int] = []
        self.tasks: set[asyncio.Task] = set()
        self.turns = Turns(begin=self.begin, come=lambda job: self.come.append(job.delivery.mid))

    def begin(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def until_empty(self):
        async with asyncio.timeout(WITHIN_S):
            while self.tasks:
                await asyncio.wait(self.tasks)


async def test_a_shorter_wait_does_not_overtake_a_longer_one_of_the_same_device():
    hall = Hall()
    for number, wait_s in enumerate([0.05, 0.0, 0.02, 0.0]):
        hall.turns.wait(job(number), wait_s)
    await hall.until_empty()
    assert hall.come == [0, 1, 2, 3]
    assert not hall.turns.taken(job(4))


async def test_other_devices_and_frames_do_not_wait_behind_it():
    hall = Hall()
    hall.turns.wait(job(0), 0.05)
    assert hall.turns.taken(job(1))
    assert not hall.turns.taken(job(2, device="scl-51640001"))
    assert not hall.turns.taken(job(3, kind=metrics.FRAME))
    hall.turns.wait(job(2, device="scl-51640001"), 0.0)
    hall.turns.wait(job(3, kind=metrics.FRAME), 0.01)
    await hall.until_empty()
    assert hall.come == [2, 3, 0]


async def test_what_comes_when_the_last_turn_has_come_begins_anew():
    hall = Hall()
    hall.turns.wait(job(0), 0.0)
    await hall.until_empty()
    hall.turns.wait(job(1), 0.0)
    await hall.until_empty()
    assert hall.come == [0, 1]
