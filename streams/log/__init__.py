"""The embedded Kafka-protocol log: one node, one process, loopback unless it has a secret.

It speaks the Kafka protocol so that the same clients and the same Faust code run on a laptop and in a cluster.
The rule to know: "acked" means synced to disk, for every topic not set otherwise (``TopicSettings.fsync``). What is exported
is loaded when it is asked for, so that the log's own process can first set aside what it does not need (``__main__``).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streams.log.access import Credentials
    from streams.log.embedded import Log
    from streams.log.errors import Damaged, LogError, Refused, WireError
    from streams.log.limits import Limits
    from streams.log.metrics import Metrics
    from streams.log.settings import KITCHEN_TOPICS, TopicSettings

__all__ = [
    "KITCHEN_TOPICS",
    "Credentials",
    "Damaged",
    "Limits",
    "Log",
    "LogError",
    "Metrics",
    "Refused",
    "TopicSettings",
    "WireError",
]

_MODULES = {
    "KITCHEN_TOPICS": "settings",
    "Credentials": "access",
    "Limits": "limits",
    "Log": "embedded",
    "Metrics": "metrics",
    "TopicSettings": "settings",
}


def __getattr__(name: str) -> Any:
    """An export, from its module (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'errors')}"), name)
