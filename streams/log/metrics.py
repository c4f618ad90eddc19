"""What the log counts.

The rule to know: counting is plain addition on ``Metrics``, and every label that may come is there at zero from the start.
``streams.log.exposition`` shows it to Prometheus under ``kitchen_log_…``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from streams.log.apis import APIS

GAUGES = frozenset(
    {
        "connections",
        "topics",
        "partitions",
        "segments",
        "stored_bytes",
        "failed_partitions",
        "groups",
        "group_members",
    }
)
"""What may go down again; everything else only grows."""

LABELS = {"requests": ("api", "result"), "refusals": ("error",), "connections_ended": ("reason",)}
"""Label names of what is counted by label."""

RESULTS = ("answered", "malformed", "failed", "abandoned")
REASONS = ("client", "malformed", "unauthenticated", "slow_request", "slow_reader", "idle", "failed", "stopped")
REFUSALS = (
    "corrupt_message",
    "fenced_instance_id",
    "group_id_not_found",
    "group_max_size_reached",
    "illegal_generation",
    "illegal_sasl_state",
    "inconsistent_group_protocol",
    "invalid_config",
    "invalid_partitions",
    "invalid_producer_epoch",
    "invalid_record",
    "invalid_request",
    "invalid_topic_exception",
    "kafka_storage_error",
    "member_id_required",
    "message_too_large",
    "non_empty_group",
    "offset_out_of_range",
    "out_of_order_sequence_number",
    "rebalance_in_progress",
    "sasl_authentication_failed",
    "topic_already_exists",
    "transactional_id_authorization_failed",
    "unknown_member_id",
    "unknown_topic_or_partition",
    "unsupported_sasl_mechanism",
)
"""The refusals that are shown before they happen; a rarer one appears when it comes."""


def _requests() -> Counter[tuple[str, str]]:
    return Counter({(api.name, result): 0 for api in APIS.values() for result in RESULTS})


@dataclass(slots=True)
class Metrics:
    """Counts since the log was started; those in ``GAUGES`` are current values."""

    connections: int = 0
    topics: int = 0
    partitions: int = 0
    connections_opened: int = 0
    connections_refused: int = 0
    connections_ended: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REASONS, 0)))
    """Connections by why they ended."""
    requests: Counter[tuple[str, str]] = field(default_factory=_requests)
    """Requests by API name and what became of them."""
    refusals: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(REFUSALS, 0)))
    """Refused requests or partitions of requests, by Kafka error name."""
    malformed_requests: int = 0
    failed_requests: int = 0
    """Requests that ended in an error of the log itself; each is logged with its traceback."""
    received_bytes: int = 0
    sent_bytes: int = 0
    appended_batches: int = 0
    appended_records: int = 0
    appended_bytes: int = 0
    duplicate_batches: int = 0
    fetched_bytes: int = 0
    syncs: int = 0
    sync_seconds: float = 0.0
    sync_failures: int = 0
    recovered_cut_bytes: int = 0
    dropped_segments: int = 0
    dropped_bytes: int = 0
    segments: int = 0
    stored_bytes: int = 0
    storage_failures: int = 0
    """Appends and commits that the disk did not take."""
    failed_partitions: int = 0
    """Partitions that take no more because a sync or write failed in a way that cannot be repeated."""
    failed_upkeeps: int = 0
    """Rounds of upkeep, of a partition or in all, that ended in an error of the log itself; each is logged with its traceback."""
    compactions: int = 0
    compacted_bytes: int = 0
    """Bytes that compaction gave back."""
    compaction_seconds: float = 0.0
    damaged_ranges: int = 0
    damaged_bytes: int = 0
    expired_producers: int = 0
    groups: int = 0
    group_members: int = 0
    rebalances: int = 0
    expired_members: int = 0
    committed_offsets: int = 0
