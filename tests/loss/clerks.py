"""Merchants who put right a part of the warnings, and an inspector who verifies it; each request is repeated until answered.

A submission carries a token of its own, and one in four is told a second time after it was answered, as by a client whose answer
was lost on the way. A verification that comes again meets a closed warning and is refused, which says that it was taken.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

import httpx

from tests.e2e.product import Product
from tests.loss.ledger import Client, Fact, Ledger, Row
from tests.loss.site import Site

LOOK_EVERY_S, PAUSE_S, MOST_TRIES = 1.0, 0.3, 400
ONE_IN = 3
"""How many warnings there are for each that is put right; the others fall due."""


class Clerks:
    """Use as a context manager."""

    def __init__(
        self,
        product: Product,
        site: Site,
        ledger: Ledger,
        *,
        clock: Callable[[], datetime],
        passwords: Callable[[str], str],
        photo: bytes,
    ) -> None:
        self._product, self._site, self._ledger, self._clock = product, site, ledger, clock
        self._passwords, self._photo = passwords, photo
        self._stop = threading.Event()
        self._seen: set[str] = set()
        self._tokens: dict[str, str] = {}
        self._thread = threading.Thread(target=self._work, name="clerks", daemon=True)
        self.refused: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Begin nothing new; what is begun is finished."""
        self._stop.set()
        self._thread.join(120)

    def _work(self) -> None:
        with httpx.Client(base_url=self._product.url, timeout=20, trust_env=False) as client:
            while not self._stop.wait(LOOK_EVERY_S):
                for item in self._open(client):
                    if self._stop.is_set():
                        return
                    self._put_right(client, item)

    def _open(self, client: httpx.Client) -> list[dict[str, Any]]:
        """Warnings seen for the first time that are among those to be put right."""
        answer = self._asked(client, "inspector", "GET", "/api/v1/warnings?state=open&limit=200")
        if answer is None:
            return []
        found = [item for item in answer.json()["items"] if item["id"] not in self._seen]
        self._seen |= {item["id"] for item in found}
        return [item for item in found if hashlib.sha256(item["id"].encode()).digest()[0] % ONE_IN == 0]

    def _put_right(self, client: httpx.Client, item: dict[str, Any]) -> None:
        warning_id, login = item["id"], self._site.merchants[item["merchant"]]
        token = f"rectified-{warning_id}"
        if self._told(client, login, Row.SUBMISSION, token, item, f"/api/v1/warnings/{warning_id}/submit", token=token):
            self._told(
                client, "inspector", Row.VERIFICATION, f"verified-{warning_id}", item, f"/api/v1/warnings/{warning_id}/verify"
            )

    def _told(
        self, client: httpx.Client, login: str, row: Row, name: str, item: dict[str, Any], path: str, *, token: str = ""
    ) -> bool:
        """Send it until it is answered; whether it was taken."""
        fact = Fact(
            row=row, client=Client.HTTP, id=name, uscc=item["merchant"], published_at=self._clock(), warning_id=item["id"]
        )
        self._ledger.publish(fact)
        again = hashlib.sha256(name.encode()).digest()[1] % 4 == 0
        sent = 0
        while True:
            answer = self._command(client, login, path, token)
            if answer is None:
                sent += 1
                if sent > MOST_TRIES:
                    return False
                time.sleep(PAUSE_S)
                continue
            taken = answer.is_success or (answer.status_code == 409 and sent > 0)
            if not taken:
                self.refused.append(f"{row.value}: {answer.status_code} {answer.text[:200]}")
                return False
            self._ledger.acknowledge(name)
            if not (again and token):
                return True
            again, sent = False, sent + 1

    def _command(self, client: httpx.Client, login: str, path: str, token: str) -> httpx.Response | None:
        if not token:
            return self._asked(client, login, "POST", path, json={"ok": True, "note": ""})
        return self._asked(
            client,
            login,
            "POST",
            path,
            data={"note": "下架"},
            files=[("photos", ("photo.jpg", self._photo, "image/jpeg"))],
            headers={"Idempotency-Key": token},
        )

    def _asked(self, client: httpx.Client, login: str, method: str, path: str, **request: Any) -> httpx.Response | None:
        """One request; None where nobody answered, or the answer was that the other end has a problem."""
        try:
            headers = {**request.pop("headers", {}), "Authorization": f"Bearer {self._token(client, login)}"}
            answer = client.request(method, path, headers=headers, **request)
        except (httpx.HTTPError, KeyError, ValueError):
            return None
        if answer.status_code == 401:
            self._tokens.pop(login, None)
        return None if answer.status_code in (401, 429) or answer.status_code >= 500 else answer

    def _token(self, client: httpx.Client, login: str) -> str:
        if login not in self._tokens:
            answer = client.post("/api/v1/session", json={"user": login, "password": self._passwords(login)})
            answer.raise_for_status()
            self._tokens[login] = answer.json()["token"]
        return self._tokens[login]
