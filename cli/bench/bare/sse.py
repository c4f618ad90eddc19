"""A bare Starlette endpoint of server-sent events: what is posted to ``/publish`` goes to every open ``/live``.

``python -m cli.bench.bare.sse PORT``
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def application() -> Starlette:
    """The two endpoints."""
    queues: set[asyncio.Queue[bytes]] = set()

    async def events(queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
        yield b": hello\n\n"
        try:
            while True:
                yield b"event: warning\ndata: %b\n\n" % await queue.get()
        finally:
            queues.discard(queue)

    async def live(_: Request) -> Response:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        queues.add(queue)
        return StreamingResponse(events(queue), media_type="text/event-stream")

    async def publish(request: Request) -> Response:
        item = await request.body()
        for queue in queues:
            queue.put_nowait(item)
        return Response(status_code=204)

    return Starlette(routes=[Route("/live", live), Route("/publish", publish, methods=["POST"])])


def serve(port: int) -> None:
    """Serve until killed."""
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    uvicorn.run(application(), host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
