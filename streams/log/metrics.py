"""What the log counts, and how Prometheus reads it.

The rule to know: counting is plain addition on ``Metrics``; prometheus_client sees the values only when somebody
scrapes, through ``LogCollector``. Names are ``kitchen_log_…``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_GAUGES = frozenset({"connections", "topics", "partitions", "segments", "stored_bytes", "failed_partitions"})


@dataclass(slots=True)
class Metrics:
    """Counts since the log was started; those in ``_GAUGES`` are current values."""

    connections: int = 0
    topics: int = 0
    partitions: int = 0
    connections_opened: int = 0
    connections_refused: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    """Requests by API name."""
    refusals: Counter[str] = field(default_factory=Counter)
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
    """Appends that the disk did not take."""
    failed_partitions: int = 0
    """Partitions that take no more because a sync or write failed in a way that cannot be repeated."""
    compactions: int = 0
    compacted_bytes: int = 0
    """Bytes that compaction gave back."""
    compaction_seconds: float = 0.0
    damaged_ranges: int = 0
    damaged_bytes: int = 0
    expired_producers: int = 0
    rebalances: int = 0
    expired_members: int = 0
    committed_offsets: int = 0


class LogCollector(Collector):
    """Shows a log's metrics to a prometheus_client registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield every value under its name."""
        for each in fields(self._metrics):
            value = getattr(self._metrics, each.name)
            name = f"kitchen_log_{each.name}"
            help_text = f"Embedded log: {each.name.replace('_', ' ')}"
            if isinstance(value, Counter):
                family = CounterMetricFamily(name, help_text, labels=["api" if each.name == "requests" else "error"])
                for label, count in sorted(value.items()):
                    family.add_metric([label], count)
                yield family
            elif each.name in _GAUGES:
                yield GaugeMetricFamily(name, help_text, value=value)
            else:
                yield CounterMetricFamily(name, help_text, value=value)
