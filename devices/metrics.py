"""Prometheus metrics of the gateway and the edge publishers; closed sets are present at zero."""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from domain.errors import Code
from domain.observations import Kind

FRAME = "frame"
UNKNOWN = "unknown"


class Result(StrEnum):
    """What became of a message."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DROPPED = "dropped"
    THROTTLED = "throttled"
    IGNORED = "ignored"


class SecurityEvent(StrEnum):
    """What the security log tells of."""

    FORBIDDEN = "forbidden"
    SIGNATURE_WRONG = "signature_wrong"
    BLOCKED = "blocked"


MESSAGES = Counter(
    "kitchen_gateway_messages", "MQTT messages, by what became of them (throttled ones are also accepted)", ["kind", "result"]
)
DEAD_LETTERS = Counter("kitchen_dead_letters", "Messages refused, by code of domain.md E.4", ["code"])
SECURITY_EVENTS = Counter("kitchen_gateway_security_events", "Entries of the security log", ["event"])
CONNECTED = Gauge("kitchen_gateway_connected", "1 while subscribed at the MQTT broker")
IN_HAND = Gauge("kitchen_gateway_in_hand", "MQTT messages taken and not yet finished")
ACK_SECONDS = Histogram(
    "kitchen_gateway_ack_seconds",
    "From the arrival of a message to its records being acknowledged by the log",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
PUT_RETRIES = Counter("kitchen_gateway_put_retries", "Writes to the log that failed and were tried again")
FAULTS = Counter("kitchen_gateway_faults", "Messages that failed by our own fault; see the log")

EDGE_SPOOL_BYTES = Gauge("kitchen_edge_spool_bytes", "Bytes waiting in the spool of this publisher")
EDGE_CONNECTED = Gauge("kitchen_edge_connected", "1 while connected to the MQTT broker")
EDGE_PUBLISHED = Counter("kitchen_edge_published", "Messages the broker acknowledged", ["kind"])
EDGE_FRAMES_DROPPED = Counter("kitchen_edge_frames_dropped", "Frames dropped because the spool was full")

KINDS = (*(kind.value for kind in Kind), FRAME, UNKNOWN)


def count(kind: str, result: Result) -> None:
    """Count a message."""
    _counter(kind, result).inc()


@cache
def _counter(kind: str, result: Result) -> Counter:
    """The counter itself; looking it up by its labels costs more than counting."""
    return MESSAGES.labels(kind, result.value)


def _initialise() -> None:
    for kind in KINDS:
        for result in Result:
            MESSAGES.labels(kind, result.value)
    for code in Code:
        DEAD_LETTERS.labels(code.value)
    for event in SecurityEvent:
        SECURITY_EVENTS.labels(event.value)
    for sent in (FRAME, "fact"):
        EDGE_PUBLISHED.labels(sent)


_initialise()
