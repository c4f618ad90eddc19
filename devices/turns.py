"""Who must wait for his turn: messages of devices that are beyond their rate, each device's in the order they came.

Facts and frames have a rate each and wait apart. What comes while others of its kind wait goes behind them, even if the device
has become quiet enough meanwhile: else it would overtake them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine

from devices import metrics
from devices.writer import Job


class Turns:
    """Queues of jobs that are due later.

    Args:
        begin: runs a coroutine as a task; ends it when the gateway stops.
        come: called with each job when its turn has come.
    """

    def __init__(self, *, begin: Callable[[Coroutine[object, object, None]], None], come: Callable[[Job], None]) -> None:
        self._begin, self._come = begin, come
        self._queues: dict[tuple[str, bool], deque[tuple[float, Job]]] = {}

    def taken(self, job: Job) -> bool:
        """Whether others of its device and kind wait."""
        return bool(self._queues) and _place(job) in self._queues

    def wait(self, job: Job, wait_s: float) -> None:
        """Let a job wait so long, and until those before it are gone."""
        place, due = _place(job), asyncio.get_running_loop().time() + wait_s
        queue = self._queues.get(place)
        if queue is not None:
            queue.append((due, job))
            return
        self._queues[place] = deque([(due, job)])
        self._begin(self._serve(place))

    async def _serve(self, place: tuple[str, bool]) -> None:
        queue, now = self._queues[place], asyncio.get_running_loop().time
        try:
            while queue:
                due, job = queue[0]
                await asyncio.sleep(due - now())
                queue.popleft()
                self._come(job)
        finally:
            del self._queues[place]


def _place(job: Job) -> tuple[str, bool]:
    return job.device_id, job.kind == metrics.FRAME
