"""Several notifications for one receiver as one message that names them: what is red first, and how many more there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from casework import words
from domain.events import Delivery
from domain.rules import Level

NAMED = 10
"""So many are named; a push message has room for no more."""
LONGEST_LINE = 60
"""Characters."""


def by_urgency(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """What is red first, else in the order in which it happened."""
    return sorted(deliveries, key=lambda item: (not is_red(item), item.id))


def is_red(delivery: Delivery) -> bool:
    """Whether it is about a red warning."""
    data = delivery.payload.get("data")
    return isinstance(data, Mapping) and data.get("level") == Level.RED.value


def payload(deliveries: Sequence[Delivery], translate: words.Translate) -> Mapping[str, Any]:
    """The fields of ``alerts.channels.Message``; of a single delivery its own.

    Args:
        deliveries: for one receiver, the most urgent first.
        translate: the reader's translator.
    """
    first = deliveries[0]
    if len(deliveries) == 1:
        return first.payload
    red = sum(is_red(item) for item in deliveries)
    named, more = deliveries[:NAMED], len(deliveries) - NAMED
    lines = [_line(item.payload) for item in named]
    if more > 0:
        lines.append(words.fill(words.NOT_NAMED, {"count": more}, translate))
    title = words.RED_DIGEST if red else words.DIGEST
    return {
        "title": words.fill(title, {"count": len(deliveries), "red": red}, translate),
        "body": "\n".join(lines),
        "url": "/",
        "tag": f"digest-{first.id}",
        "urgent": bool(red),
        "locale": str(first.payload.get("locale", "")),
        "data": {"event": "digest", "count": len(deliveries), "items": [_item(item.payload) for item in named]},
    }


def _line(of: Mapping[str, Any]) -> str:
    about = str(of.get("body", "")).partition("。")[0]
    line = f"{of.get('title', '')} · {about}" if about else str(of.get("title", ""))
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


def _item(of: Mapping[str, Any]) -> dict[str, Any]:
    data = of.get("data") or {}
    return {name: data.get(name) for name in ("event", "warning")}
