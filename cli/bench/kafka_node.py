"""One Apache Kafka node as a baseline: from a folder of jars, formatted and started on free loopback ports.

The jars are looked for in ``--kafka-jars DIR``, then ``KITCHEN_BENCH_KAFKA_JARS``; nothing is ever fetched.
"""

from __future__ import annotations

import base64
import re
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.bench.parts import Child, free_port, running
from cli.plan import LOOPBACK
from cli.readiness import Ready
from domain.errors import Unavailable

VARIABLE: Final = "KITCHEN_BENCH_KAFKA_JARS"
LEAST_JAVA: Final = 17
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={logs}
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"""


AS_SHIPPED: Final = (
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)
"""What Kafka's own start script gives the Java machine when nobody says otherwise."""


def jars_named(option: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The folder of jars that the option or the environment names."""
    named = environment.get(VARIABLE, "")
    return option or (Path(named) if named else None)


@contextmanager
def apache_kafka(jars: Path | None, scratch: Path) -> Iterator[tuple[Child, str, float]]:
    """Run a node; yields it, its ``host:port`` and the seconds from its start to its first answer.

    Raises:
        Unavailable: saying what is missing.
    """
    classpath, java = f"{_checked(jars)}/*", _java()
    folder = scratch / f"kafka-{uuid.uuid4().hex[:6]}"
    folder.mkdir()
    port, controller = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(host=LOOPBACK, port=port, controller=controller, logs=folder / "logs"), "utf-8")
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    storage = [java, "-cp", classpath, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={properties}"]
    formatted = subprocess.run(storage, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own command
    if formatted.returncode:
        raise Unavailable(f"Apache Kafka's directory cannot be formatted: {formatted.stderr.strip()[-200:]}")
    command = [java, *AS_SHIPPED, "-cp", classpath, "kafka.Kafka", str(properties)]
    with running(folder.name, command, scratch) as child:
        yield child, f"{LOOPBACK}:{port}", child.ready(answers_metadata(port))


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise Unavailable("no java on the PATH")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30).stderr  # noqa: S603
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < LEAST_JAVA:
        raise Unavailable(f"Apache Kafka 4 needs Java {LEAST_JAVA}")
    return java


def _checked(jars: Path | None) -> Path:
    if jars is None:
        raise Unavailable(f"no jars named (--kafka-jars DIR or {VARIABLE})")
    if not any(jars.glob("kafka_*.jar")):
        raise Unavailable(f"no Kafka jars in {jars}")
    return jars


def answers_metadata(port: int) -> Ready:
    """Ready when a node names itself as a live broker; the same question to Apache Kafka and to the embedded log."""

    async def ask() -> bool:
        return _answers(port)

    return ask


def _answers(port: int) -> bool:
    """Metadata version 1 for no topic."""
    request = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as peer:
            peer.sendall(struct.pack(">i", len(request)) + request)
            answer = peer.recv(4096)
    except OSError:
        return False
    return len(answer) > 12 and int(struct.unpack_from(">i", answer, 8)[0]) >= 1
