"""The log's ``/metrics``, in Prometheus's text format.

The rule to know: it is written by hand because the log is to be small, and the usual library with its HTTP server takes
more memory than the log's own code. One short answer per connection; nothing else is served.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final

from streams.log.metrics import GAUGES, LABELS, Metrics

PREFIX: Final = "kitchen_log_"
_MOST_BYTES: Final = 4096
_WITHIN_S: Final = 5.0
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposed(metrics: Metrics) -> str:
    """Every value with its name, help and type."""
    lines: list[str] = []
    for each in fields(metrics):
        value = getattr(metrics, each.name)
        gauge = each.name in GAUGES
        name = PREFIX + each.name + ("" if gauge else "_total")
        lines.append(f"# HELP {name} Embedded log: {each.name.replace('_', ' ')}")
        lines.append(f"# TYPE {name} {'gauge' if gauge else 'counter'}")
        if isinstance(value, Counter):
            lines += [f"{name}{{{_labelled(each.name, key)}}} {float(count)}" for key, count in sorted(value.items())]
        else:
            lines.append(f"{name} {float(value)}")
    return "\n".join([*lines, *_of_process()]) + "\n"


async def show(metrics: Metrics, host: str, port: int) -> asyncio.Server:
    """Serve ``/metrics`` until the server returned is closed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_WITHIN_S):
                asked = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(asked, metrics))
                await writer.drain()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port, limit=_MOST_BYTES)


def _answer(asked: bytes, metrics: Metrics) -> bytes:
    method, _, rest = asked.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    status, content = "200 OK", b""
    if method not in (b"GET", b"HEAD"):
        status = "405 Method Not Allowed"
    elif path not in (b"/metrics", b"/"):
        status = "404 Not Found"
    else:
        content = exposed(metrics).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {_TYPE}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    return head.encode() + (b"" if method == b"HEAD" else content)


def _labelled(name: str, key: str | tuple[str, ...]) -> str:
    values = (key,) if isinstance(key, str) else key
    return ",".join(f'{label}="{value}"' for label, value in zip(LABELS[name], values, strict=True))


def _of_process() -> Iterator[str]:
    """What every process shows, under the names that Prometheus's own libraries use; Linux only."""
    try:
        statistics = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only
    except OSError:
        return
    ticks = os.sysconf("SC_CLK_TCK")
    yield "# TYPE process_cpu_seconds_total counter"
    yield f"process_cpu_seconds_total {(int(statistics[11]) + int(statistics[12])) / ticks}"
    yield "# TYPE process_resident_memory_bytes gauge"
    yield f"process_resident_memory_bytes {float(int(statistics[21]) * os.sysconf('SC_PAGE_SIZE'))}"
    yield "# TYPE process_open_fds gauge"
    yield f"process_open_fds {float(files)}"
