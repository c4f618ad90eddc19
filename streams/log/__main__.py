"""``python -m streams.log DIRECTORY [--port N]``: serve a log directory until SIGTERM or Ctrl-C.

The rule to know: the line ``ready HOST:PORT`` on standard output means that clients may connect.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from domain.errors import KitchenError
from streams.log.embedded import Log


def main() -> int:
    """Run the log; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m streams.log", description="The embedded Kafka-protocol log.")
    parser.add_argument("directory", type=Path, help="where everything is kept")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=9092, help="0 takes a free one")
    parser.add_argument("--no-auto-create", action="store_true", help="create only topics that a client creates")
    options = parser.parse_args()
    try:
        asyncio.run(_serve(options.directory, options.host, options.port, auto_create=not options.no_auto_create))
    except KitchenError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


async def _serve(directory: Path, host: str, port: int, *, auto_create: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Log(directory, host=host, port=port, auto_create=auto_create) as log:
        sys.stdout.write(f"ready {log.address}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
