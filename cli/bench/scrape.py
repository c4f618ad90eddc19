"""Reads single values from a Prometheus page."""

from __future__ import annotations

import asyncio

from cli.readiness import get


def counter(page: str, name: str, **labels: str) -> float:
    """The sum over all series of a name that carry the labels; 0 while there are none."""
    _, text = asyncio.run(get(page))
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    total = 0.0
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if series.partition("{")[0] == name and all(word in series for word in wanted):
            total += float(value)
    return total
