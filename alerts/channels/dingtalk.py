"""A group robot of DingTalk (钉钉自定义机器人), with the security setting "additional signature" (加签).

The signature goes into the address: ``timestamp`` in milliseconds, and ``sign``, the Base64 of the HMAC-SHA256 of timestamp, a
line feed and the secret under the secret. Who sends more than 20 messages in a minute is shut out for ten.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from alerts.channels.robot import Robot, signature, with_link


class DingTalk(Robot):
    """The channel ``dingtalk``."""

    name = "dingtalk"
    too_fast = frozenset({130101, 410100})
    busy = frozenset({-1})
    most_bytes = 18_000

    def request(self, url: httpx.URL, secret: str, text: str, link: str, at: datetime) -> tuple[httpx.URL, Mapping[str, Any]]:
        """As ``Robot.request``."""
        if secret:
            stamp = str(int(at.timestamp() * 1000))
            url = url.copy_merge_params({"timestamp": stamp, "sign": signature(secret, f"{stamp}\n{secret}")})
        return url, {"msgtype": "text", "text": {"content": with_link(text, link)}, "at": {"isAtAll": False}}
