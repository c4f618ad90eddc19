"""A webhook's other end: takes every notification and remembers it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Inbox:
    """What was received: route and what the message says of itself, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    def take(self, route: str, body: bytes) -> None:
        """Remember one."""
        data = json.loads(body)["data"]
        with self._lock:
            self._received.append((route, data))

    def received(self) -> list[tuple[str, dict[str, Any]]]:
        """All of them."""
        with self._lock:
            return list(self._received)


class Server(ThreadingHTTPServer):
    """Takes a caller that is killed in the middle for what it is."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that broke; anything else is told."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextmanager
def listening() -> Iterator[Inbox]:
    """An inbox on a free loopback port."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # its sender was killed in the middle of the sentence
                self.close_connection = True
                return
            inbox.take(self.path.strip("/"), body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="inbox", daemon=True)
    thread.start()
    inbox.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
