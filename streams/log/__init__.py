"""The embedded Kafka-protocol log: one node, one process, loopback only.

It speaks the Kafka protocol so that the same clients and the same Faust code run on a laptop and in a cluster.
The rule to know: "acked" means synced to disk, for every topic not set otherwise (``TopicSettings.fsync``).
"""

from streams.log.embedded import Log
from streams.log.errors import Damaged, LogError, Refused, WireError
from streams.log.metrics import LogCollector, Metrics
from streams.log.settings import KITCHEN_TOPICS, TopicSettings

__all__ = [
    "KITCHEN_TOPICS",
    "Damaged",
    "Log",
    "LogCollector",
    "LogError",
    "Metrics",
    "Refused",
    "TopicSettings",
    "WireError",
]
