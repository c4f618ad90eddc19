"""``log_address``: each contract test runs on the embedded log and on Apache Kafka 4."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract.log.logs import LogProcess
from tests.services.kafka import kafka_or_skip


@pytest.fixture(scope="session")
def kafka_address() -> Iterator[str]:
    """One Apache Kafka for the whole session: it takes seconds to start."""
    with kafka_or_skip() as address:
        yield address


@pytest.fixture(scope="module", params=["embedded", "apache-kafka-4"])
def log_address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a running log."""
    if request.param == "apache-kafka-4":
        yield request.getfixturevalue("kafka_address")
        return
    log = LogProcess(tmp_path_factory.mktemp("log"), "--upkeep-every", "0.5")
    log.start()
    yield log.address
    status, seconds = log.stop()
    assert status == 0
    assert seconds < 2


@pytest.fixture
def embedded(request: pytest.FixtureRequest) -> bool:
    """Whether this run of the test is on the embedded log: what differs is stated for both (docs/log.md)."""
    return "embedded" in request.node.name


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LogProcess]:
    """An embedded log of the test's own, which it may kill; stopped however the test ends."""
    running = LogProcess(tmp_path / "log")
    running.start()
    yield running
    running.stop()


@pytest.fixture
def topic() -> str:
    """A topic name nobody has used."""
    return f"topic-{uuid4().hex[:12]}"


@pytest.fixture
def group() -> str:
    """A group name nobody has used."""
    return f"group-{uuid4().hex[:12]}"
