"""A group robot of WeCom (企业微信群机器人). It knows no signature: whoever has the key may send, so the address is the secret.

A robot takes 20 messages in a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from alerts.channels.robot import Robot, with_link


class WeCom(Robot):
    """The channel ``wecom``."""

    name = "wecom"
    too_fast = frozenset({45009, 45033})
    busy = frozenset({-1})
    most_bytes = 2048

    def request(self, url: httpx.URL, secret: str, text: str, link: str, at: datetime) -> tuple[httpx.URL, Mapping[str, Any]]:
        """As ``Robot.request``."""
        del secret, at
        return url, {"msgtype": "text", "text": {"content": with_link(text, link)}}
