"""How long the embedded log takes to start, and what an idle one weighs, beside Apache Kafka; each round starts both anew."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Final

from cli.bench import meter
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from cli.bench.kafka_node import answers_metadata, apache_kafka
from cli.bench.parts import Child, free_port, running
from cli.plan import KITCHEN

NAME = "log-start"
TITLE = "Embedded log: start"
ROUNDS: Final = {Size.FULL: 3, Size.QUICK: 1, Size.TINY: 1}
SETTLE_S: Final = 1.0
QUANTITIES: Final = (
    Quantity(key="start", name="process start to first answered request", unit="s", more_is_better=False),
    Quantity(key="cpu", name="CPU time until then", unit="s", more_is_better=False),
    Quantity(key="idle", name="resident memory a second later", unit="MB", more_is_better=False),
)


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Nothing is opened beforehand."""
    del stack
    rounds = 0

    def embedded() -> Mapping[str, Reading]:
        nonlocal rounds
        rounds += 1
        port, data = free_port(), ground.scratch / f"log-{rounds}"
        command = [*KITCHEN, "run", "log", "--data", str(data), "--config", str(data), "--port", str(port)]
        with running("log", command, ground.scratch) as child:
            return _weighed(child, child.ready(answers_metadata(port)))

    def kafka() -> Mapping[str, Reading]:
        with apache_kafka(ground.kafka_jars, ground.scratch) as (child, _, seconds):
            return _weighed(child, seconds)

    return Contest(
        quantities=QUANTITIES,
        product=Contender(name="embedded log", round=embedded),
        baselines=(Contender(name="Apache Kafka", round=kafka),),
        rounds=ROUNDS[ground.size],
        note="empty directories, Kafka's formatted beforehand",
    )


def _weighed(child: Child, seconds: float) -> Mapping[str, Reading]:
    cpu_s = child.cpu_s()
    time.sleep(SETTLE_S)
    return {
        "start": Reading(value=seconds),
        "cpu": Reading(value=cpu_s),
        "idle": Reading(value=meter.resident_mb(child.pid)),
    }
