"""What a handler knows of the request beside its body, and what all handlers share.

The rule to know: a handler is a coroutine from a request to an answer, both in the newest version served (``Api.as_asked``
apart). It must do what changes the log *before* its first ``await``: requests of one connection are started in order, not
awaited in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from kio.schema.errors import ErrorCode
from kio.schema.types import BrokerId
from kio.static.primitive import i32
from kio.static.protocol import Entity

from streams.log.limits import Share

NODE_ID: Final = BrokerId(0)
CLUSTER_ID: Final = "bright-kitchen"
NO_TRANSACTIONS: Final = "transactions are not supported by the embedded log: use an idempotent producer, or Apache Kafka"


class Peer:
    """Who is at the other end of a connection; each connection is another one, and its end is theirs.

    Attributes:
        host: the address it came from.
        authenticated: whether it may do more than say who it is.
        exchange: the SASL exchange under way.
        refused: whether it has shown a wrong secret.
    """

    __slots__ = ("authenticated", "exchange", "host", "refused")

    def __init__(self, host: str = "", *, authenticated: bool = True) -> None:
        self.host = host
        self.authenticated = authenticated
        self.exchange: Any = None
        self.refused = False


@dataclass(frozen=True, slots=True)
class Call:
    """The circumstances of a request: version asked, client's name for itself, who it came from, room for a large answer."""

    version: int
    client_id: str
    peer: Peer
    share: Share


@dataclass(frozen=True, slots=True)
class Address:
    """Where clients are told to connect."""

    host: str
    port: int

    @property
    def wire_port(self) -> i32:
        """The port as kio's type."""
        return i32(self.port)


Handler = Callable[[Any, Call], Awaitable[Entity | None]]
"""From a request body to its answer; None for a produce request that wants none."""


def counted(refusals: Counter[str], code: ErrorCode) -> ErrorCode:
    """The code, counted by name unless it is ``none``."""
    if code is not ErrorCode.none:
        refusals[code.name] += 1
    return code
