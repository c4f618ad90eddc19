"""``python -m cli.auditor``: asks every two seconds whether the sweep has missed anything, and says so where Prometheus looks.

The rule to know: it changes nothing and repairs nothing. It shares neither process nor code nor index with the sweep, so that
whatever makes the sweep fail leaves the auditor standing; and it is quiet only while it really looks: its heartbeat is set after
a look that was answered, and ``/readyz`` fails when none was for a while.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import Final

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, disable_created_metrics, generate_latest

from cli import clock
from cli.logs import set_up_logging
from domain.errors import ConfigurationError, Unavailable
from store.oversight import Lapse, Oversight, open_oversight

log = structlog.get_logger(__name__)

EVERY: Final = timedelta(seconds=2)
GRACE: Final = timedelta(seconds=12)
"""Longer than a restart of the sweep takes (10 s), so that a restart is no lapse."""
QUIET_AFTER: Final = timedelta(seconds=15)
"""Without an answered look for so long the auditor is not ready."""
RARELY: Final = 20
"""Looking may take one part in so many of the time, however many warnings there are."""

HEARTBEAT = Gauge("kitchen_auditor_heartbeat_timestamp_seconds", "When the auditor last looked and was answered")
LAPSES = Gauge("kitchen_auditor_lapses", "What has passed and nobody dealt with; must be 0", ["lapse"])
LOOK_SECONDS = Gauge("kitchen_auditor_look_seconds", "How long the last look took")
FAILURES = Counter("kitchen_auditor_failures", "Looks that were not answered")

for _lapse in Lapse:
    LAPSES.labels(_lapse.value)


class Auditor:
    """Looks again and again.

    Args:
        oversight: the system of record, seen from outside.
        grace: what is later than this has been missed.
    """

    def __init__(self, oversight: Oversight, *, grace: timedelta = GRACE) -> None:
        self._oversight, self._grace = oversight, grace
        self._answered_at: datetime | None = None
        self._missed: dict[Lapse, int] = dict.fromkeys(Lapse, 0)

    def look(self, now: datetime) -> dict[Lapse, int] | None:
        """Look once, show and log what was found; None if nobody could be asked."""
        begun = perf_counter()
        try:
            found = self._oversight.look(now, grace=self._grace)
        except Unavailable as error:
            FAILURES.inc()
            log.warning("auditor.cannot_look", error=str(error))
            return None
        self._tell(found)
        LOOK_SECONDS.set(perf_counter() - begun)
        HEARTBEAT.set(now.timestamp())
        self._answered_at = now
        return found

    def is_ready(self, now: datetime) -> bool:
        """Whether a look was answered lately."""
        return self._answered_at is not None and now - self._answered_at <= QUIET_AFTER

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop."""
        while not stop.is_set():
            begun = perf_counter()
            try:
                self.look(clock.now())
            except Exception:  # the outermost loop: an auditor that ends says nothing any more
                FAILURES.inc()
                log.exception("auditor.failed")
            stop.wait(max(EVERY.total_seconds(), RARELY * (perf_counter() - begun)))
        self._oversight.close()

    def _tell(self, found: dict[Lapse, int]) -> None:
        """Set the gauges; a number that changed is worth a line."""
        for lapse, count in found.items():
            LAPSES.labels(lapse.value).set(count)
            if count != self._missed[lapse]:
                (log.error if count else log.info)("auditor.lapse", lapse=lapse.value, count=count)
        self._missed = found


def page(auditor: Auditor, host: str, port: int) -> ThreadingHTTPServer:
    """``/metrics``, ``/healthz`` and ``/readyz``; serve it from a thread."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = self._answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self, path: str) -> tuple[int, str, bytes]:
            if path == "/metrics":
                return 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
            if path == "/healthz":
                return 200, "application/json", b'{"status":"ok"}'
            if path == "/readyz":
                ready = auditor.is_ready(clock.now())
                return (200, "application/json", b'{"status":"ready"}') if ready else _NOT_READY
            return 404, "application/json", b'{"status":"not found"}'

        def log_message(self, format: str, *arguments: object) -> None:
            """A line for each scrape would be all there is to read."""

    server = ThreadingHTTPServer((host, port), Answers)
    server.daemon_threads = True
    return server


_NOT_READY: Final = (503, "application/json", b'{"status":"not ready","checks":{"database":"unavailable"}}')


def database(data: Path) -> str:
    """Where the database is: ``KITCHEN_DATABASE_URL``, which may hold a password, else the file of the data directory."""
    return os.environ.get("KITCHEN_DATABASE_URL") or f"sqlite:///{data.absolute() / 'kitchen.db'}"


def main() -> int:
    """Be the auditor until SIGTERM or Ctrl-C; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m cli.auditor", description="Checks that no deadline was missed.")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where everything is kept")
    parser.add_argument("--metrics-host", default="127.0.0.1")
    parser.add_argument("--metrics-port", type=int, default=0, help="0 shows nothing")
    options = parser.parse_args()
    set_up_logging()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    try:
        auditor = Auditor(open_oversight(database(options.data)))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.metrics_port:
        shown = page(auditor, options.metrics_host, options.metrics_port)
        threading.Thread(target=shown.serve_forever, name="page", daemon=True).start()
    log.info("process.started", process="auditor")
    auditor.run(stop)
    log.info("process.stopped", process="auditor")
    return 0


if __name__ == "__main__":
    for name in ("ssl", "rich", "better_exceptions"):  # loaded by structlog and urllib when they are there, of no use here
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    sys.exit(main())
