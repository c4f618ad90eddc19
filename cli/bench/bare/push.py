"""Bare pywebpush: encrypt, sign and post one message, as its documentation shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from py_vapid import Vapid02
from pywebpush import webpush


def send(subscription: Mapping[str, Any], text: bytes, vapid_pem: str) -> None:
    """Send one push and return when it is accepted."""
    key = Vapid02.from_pem(vapid_pem.encode())
    webpush(
        subscription_info=dict(subscription),
        data=text,
        vapid_private_key=key,
        vapid_claims={"sub": "mailto:bench@example.org"},
        ttl=60,
        timeout=10,
    )
