"""Publishing recorded envelopes as their devices would, over each device's own connection where its password is known.

The envelopes go out as they were recorded: time, id and signature are the recording's. What happened stays when it happened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from devices.connection import Connection, MqttSettings
from domain.errors import BadInput, Code, Unavailable
from domain.observations import decode_json
from domain.topics import DeviceTopic


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A line that was not published, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What became of a recording."""

    published: int
    refused: tuple[Refused, ...] = ()


def region_of_code(uscc: str) -> str:
    """The region a unified social credit code was issued in (characters 3–8): a guess where no register is at hand."""
    return uscc[2:8]


class Replay:
    """Publishes envelopes and waits for every acknowledgement. Use as a context manager.

    Args:
        mqtt: the broker; its credentials serve devices that have none in ``passwords``.
        passwords: device id → MQTT password.
        region_of: merchant's code → region, for the topic.
        per_second: pace; None = as fast as the broker acknowledges.
    """

    def __init__(
        self,
        mqtt: MqttSettings,
        *,
        passwords: Mapping[str, str] | None = None,
        region_of: Callable[[str], str] = region_of_code,
        per_second: float | None = None,
        patience_s: float = 15.0,
    ) -> None:
        self._mqtt, self._passwords, self._region_of = mqtt, dict(passwords or {}), region_of
        self._per_second, self._patience_s = per_second, patience_s
        self._lines: dict[str, _Line] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for line in self._lines.values():
            line.close()

    def publish(self, lines: Iterable[str | bytes]) -> ReplayReport:
        """Publish JSON lines in order.

        A line that is no envelope of a device is reported and skipped; what is wrong inside is for the gateway to say.

        Raises:
            Unavailable: the broker cannot be reached or does not acknowledge.
        """
        published, refused, next_at = 0, [], time.monotonic()
        for number, line in enumerate(lines, 1):
            raw = line.encode() if isinstance(line, str) else line
            if not raw.strip():
                continue
            try:
                topic = self._address(raw)
            except BadInput as error:
                refused.append(Refused(line=number, reason=str(error)))
                continue
            if self._per_second is not None:
                time.sleep(max(0.0, next_at - time.monotonic()))
                next_at = max(next_at, time.monotonic()) + 1 / self._per_second
            self._line(topic.device_id).publish(str(topic), raw.strip())
            published += 1
        failed = 0
        for connection in self._lines.values():
            failed += connection.finish()
        if failed:
            refused.append(
                Refused(line=0, reason=f"the broker refused {failed} messages: may this user publish for these devices?")
            )
        return ReplayReport(published=published - failed, refused=tuple(refused))

    def _address(self, raw: bytes) -> DeviceTopic:
        envelope = decode_json(raw)
        parts = [envelope.get(name) for name in ("uscc", "device_id", "kind")]
        for name, part in zip(("uscc", "device_id", "kind"), parts, strict=True):
            if not isinstance(part, str) or not part or set(part) & set("/#+\x00"):
                raise BadInput(Code.FIELD, "an envelope needs it to find its topic", where=name)
        uscc, device_id, kind = (str(part) for part in parts)
        return DeviceTopic(self._region_of(uscc), uscc, device_id, kind.replace(".", "/"))

    def _line(self, device_id: str) -> _Line:
        known = device_id if device_id in self._passwords else ""
        if known not in self._lines:
            settings = replace(self._mqtt, client_id=f"replay-{known or self._mqtt.user or 'kitchen'}")
            if known:
                settings = replace(settings, user=known, password=self._passwords[known])
            self._lines[known] = _Line(settings, self._patience_s)
        return self._lines[known]


class _Line:
    """One connection that publishes with a bounded number of messages under way."""

    def __init__(self, settings: MqttSettings, patience_s: float) -> None:
        self._patience_s, self._most = patience_s, settings.in_flight
        self._changed = threading.Condition()
        self._up = False
        self._sent = self._acknowledged = self._failed = 0
        self._where = f"{settings.host}:{settings.port} as {settings.user or 'anonymous'}"
        self._connection = Connection(settings, on_up=self._on_up, on_published=self._on_published)
        self._connection.start()
        self._wait(lambda: self._up, "cannot be reached")

    def publish(self, topic: str, payload: bytes) -> None:
        """Send, waiting while too many are under way."""
        self._wait(lambda: self._sent - self._acknowledged < self._most, "does not acknowledge")
        if self._connection.publish(topic, payload) is None:
            raise Unavailable(f"the MQTT broker at {self._where} is gone")
        with self._changed:
            self._sent += 1

    def finish(self) -> int:
        """Wait for the rest; returns how many the broker refused."""
        self._wait(lambda: self._acknowledged >= self._sent, "does not acknowledge")
        return self._failed

    def close(self) -> None:
        self._connection.stop()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, self._patience_s):
                raise Unavailable(f"the MQTT broker at {self._where} {what}")

    def _on_up(self, _generation: int, _resumed: bool) -> None:  # noqa: FBT001
        with self._changed:
            self._up = True
            self._changed.notify_all()

    def _on_published(self, _mid: int, accepted: bool) -> None:  # noqa: FBT001
        with self._changed:
            self._acknowledged += 1
            self._failed += not accepted
            self._changed.notify_all()
