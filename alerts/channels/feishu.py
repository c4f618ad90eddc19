"""A group robot of Feishu (飞书自定义机器人), with the security setting "signature" (签名校验).

The signature goes into the body: ``timestamp`` in seconds, and ``sign``, the Base64 of the HMAC-SHA256 of nothing under
timestamp, a line feed and the secret: what is the text with DingTalk is the key here. A robot takes 100 messages in a minute,
five in a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from alerts.channels.robot import Robot, signature


class Feishu(Robot):
    """The channel ``feishu``."""

    name = "feishu"
    code_field = "code"
    too_fast = frozenset({11232, 99991400})
    busy = frozenset({-1, 11233})
    most_bytes = 18_000

    def request(self, url: httpx.URL, secret: str, text: str, link: str, at: datetime) -> tuple[httpx.URL, Mapping[str, Any]]:
        """As ``Robot.request``. A post, not a text: a text would read ``<at user_id="all">`` as a call to everybody."""
        title, _, rest = text.partition("\n")
        lines: list[list[dict[str, str]]] = [[{"tag": "text", "text": rest}]]
        if link:
            lines.append([{"tag": "a", "text": link, "href": link}])
        body: dict[str, Any] = {"msg_type": "post", "content": {"post": {"zh_cn": {"title": title, "content": lines}}}}
        if secret:
            stamp = str(int(at.timestamp()))
            body |= {"timestamp": stamp, "sign": signature(f"{stamp}\n{secret}", "")}
        return url, body
