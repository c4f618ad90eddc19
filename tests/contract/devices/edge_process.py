"""``python -m tests.contract.devices.edge_process PORT PASSWORD FOLDER FIRST``: a scale that writes down what it accepted."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from devices.connection import MqttSettings
from devices.edge import EdgeDevice, EdgeLimits, EdgePublisher
from tests.unit.devices.things import REGION, SCALE, USCC, jpeg, weighing_body


def main(port: int, password: str, folder: Path, first: int) -> None:
    settings = MqttSettings(port=port, user=SCALE.id, password=password, reconnect_most_s=0.5)
    device = EdgeDevice(id=SCALE.id, uscc=USCC, region=REGION)
    limits = EdgeLimits(per_second=500)
    with (folder / "accepted").open("a") as accepted, EdgePublisher(settings, device, folder / "spool", limits) as publisher:
        for number in range(first, first + 100_000):
            envelope = publisher.envelope("scale.weigh", weighing_body(operator=str(number)), datetime.now(UTC))
            publisher.fact(envelope)
            accepted.write(f"{envelope['event_id']} {envelope['event_time']}\n")
            accepted.flush()
            if number % 10 == 0:
                publisher.frame(jpeg(), datetime.now(UTC))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
