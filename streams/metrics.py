"""Prometheus metrics of the stream workers; closed sets are present at zero."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from domain.errors import Code

FRAMES = Counter("kitchen_frames", "Frames taken from the topic, by what became of them", ["result"])
DETECTION_SECONDS = Histogram(
    "kitchen_detection_seconds",
    "Time the detector took for one frame",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
FRAME_TO_FINDING_SECONDS = Histogram(
    "kitchen_frame_to_finding_seconds",
    "From the receipt of the frame that confirmed it to the finding on its topic",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
FINDINGS = Counter("kitchen_findings", "Findings produced by the vision worker", ["class", "automatic"])
STREAM_EVENTS = Counter("kitchen_stream_events", "Events taken from a topic, by result", ["topic", "result"])
STREAM_LAG = Gauge("kitchen_stream_lag", "Records between the committed offset and the end of the topic", ["topic"])
COMMIT_AGE_SECONDS = Gauge("kitchen_stream_commit_age_seconds", "Since the last progress while there was lag", ["topic"])
STREAM_DEAD_LETTERS = Counter("kitchen_stream_dead_letters", "Records a worker refused, by code", ["code"])
SWEEP_HEARTBEAT = Gauge("kitchen_sweep_heartbeat_timestamp_seconds", "When the deadline sweep last finished, unix time")
SWEEP_SECONDS = Histogram(
    "kitchen_sweep_seconds", "Duration of one deadline sweep", buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)
)
CLOSURE_OVERDUE_UNFLAGGED = Gauge(
    "kitchen_closure_overdue_unflagged", "Open red warnings past close_by that no sweep has flagged; must be 0"
)
LOOP_LAG_SECONDS = Gauge("kitchen_event_loop_lag_seconds", "How late the event loop woke the watchdog's task")

for _result in ("detected", "skipped", "refused"):
    FRAMES.labels(_result)
for _code in Code:
    STREAM_DEAD_LETTERS.labels(_code.value)
