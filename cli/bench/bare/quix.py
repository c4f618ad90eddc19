"""A bare quixstreams application with state: decode an event, count it under its key; the library's own commits and changelog.

``python -m cli.bench.bare.quix BOOTSTRAP TOPIC DIRECTORY``
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application

from cli.bench.bare.progress import Progress


def work(bootstrap: str, topic: str, directory: str) -> None:
    """Work until killed."""
    progress = Progress()
    app = Application(
        broker_address=bootstrap,
        consumer_group="bench-bare-quix",
        auto_offset_reset="earliest",
        state_dir=directory,
        auto_create_topics=True,
        loglevel="WARNING",
    )

    def count(value: Any, state: Any) -> None:
        state.set("weighed", state.get("weighed", 0) + 1)
        assert value["uscc"]
        progress.count += 1

    events = app.dataframe(app.topic(topic, value_deserializer="json", key_deserializer="bytes"))
    events.update(count, stateful=True)
    progress.ready()
    app.run()


if __name__ == "__main__":
    work(*sys.argv[1:])
