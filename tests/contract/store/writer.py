"""A process that writes until it is killed: one warning, audit entry, observation and delivery to a transaction.

Prints ``begin N`` before and ``committed N`` after each commit; the parent kills it in between.
"""

from __future__ import annotations

import sys

from store import open_store
from tests.contract.store.builders import delivery, observation, step, warning


def run(url: str, first: int) -> None:
    """Write transactions numbered from ``first`` on."""
    store = open_store(url)
    number = first
    while True:
        name = f"{number:06}"
        print(f"begin {number}", flush=True)  # noqa: T201
        with store.writing() as unit:
            unit.observations.add(observation(event_id=name))
            unit.warnings.add(warning(id=name, open_key=name))
            unit.audit.append(step(entity_id=name))
            with unit.savepoint():
                unit.outbox.add(delivery(key=name, warning_id=name))
            unit.commit()
        print(f"committed {number}", flush=True)  # noqa: T201
        number += 1


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
