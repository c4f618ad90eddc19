"""Group commit: one sync to disk for everything that arrived while the last one ran.

The rule to know: a caller is answered by a sync that *began after* it asked. One that was already running may
have missed its bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor


class GroupCommit:
    """Runs one sync function, never twice at a time, in an executor.

    Args:
        prepare: called on the event loop when a sync begins; returns the function that does the blocking work.
        executor: where the blocking work runs.
        finished: called on the event loop with the failure or None, before those who asked are answered.
    """

    def __init__(
        self,
        prepare: Callable[[], Callable[[], None]],
        executor: Executor,
        finished: Callable[[BaseException | None], None],
    ) -> None:
        self._prepare = prepare
        self._executor = executor
        self._finished = finished
        self._waiting: asyncio.Future[None] | None = None
        self._running: asyncio.Future[None] | None = None

    def request(self) -> asyncio.Future[None]:
        """Ask for a sync of everything written so far.

        Returns:
            A future shared with everybody who asks before that sync begins; it fails with the sync's OSError.
            Do not cancel it: shield it.
        """
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        waiting = self._waiting
        if self._running is None:
            self._begin()
        return waiting

    async def idle(self) -> None:
        """Wait until nothing is asked for and nothing runs; failures are left to those who asked."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def _begin(self) -> None:
        asked, self._waiting = self._waiting, None
        if asked is None:
            return
        self._running = asked
        blocking = asyncio.get_running_loop().run_in_executor(self._executor, self._prepare())
        blocking.add_done_callback(lambda done: self._finish(asked, done))

    def _finish(self, asked: asyncio.Future[None], done: asyncio.Future[None]) -> None:
        self._running = None
        failure = done.exception()
        try:
            self._finished(failure)
        except BaseException as problem:
            failure = failure or problem
            raise
        finally:  # whatever went wrong with telling it, those who asked are answered
            self._begin()
            if failure is None:
                asked.set_result(None)
            else:
                asked.set_exception(failure)
                asked.exception()  # a producer that did not wait (acks=0) leaves nobody to look at it
