"""Metrics of the web face. Requests are counted by route template, never by path, so that ids do not become labels."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("kitchen_web_requests", "HTTP requests by route template", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "kitchen_web_request_seconds",
    "Time to the first byte of an answer",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
LIVE_CLIENTS = Gauge("kitchen_web_live_clients", "Open live streams")
LIVE_DROPPED = Counter("kitchen_web_live_dropped", "Live streams ended because the client did not keep up")
LIVE_RECONNECTS = Counter("kitchen_web_live_reconnects", "Times the reader of the live stream had to reconnect to Redis")
SIGN_INS = Counter("kitchen_web_sign_ins", "Sign-in attempts", ["result"])
OBSERVATIONS = Counter("kitchen_web_observations", "Observations received over HTTP", ["result"])

for _result in ("ok", "refused", "limited"):
    SIGN_INS.labels(_result)
for _result in ("accepted", "replayed", "refused"):
    OBSERVATIONS.labels(_result)
