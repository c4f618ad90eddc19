"""One Apache Kafka 4 node for the tests: fetched by Maven, formatted, started on free loopback ports, stopped by pid.

The rule to know: a test never decides for itself whether Kafka may be missing. It calls ``kafka_or_skip``, which
skips on a laptop without Java or network and fails where the environment says ``CI=true``.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.services import CannotBeHad, required_in_ci

VERSION: Final = "4.1.0"
CACHE_VARIABLE: Final = "BRIGHT_KITCHEN_KAFKA_CACHE"
READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 20.0

_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>kafka-runtime</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>
  </dependencies>
</project>
"""

_PROPERTIES: Final = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={logs}
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=100
log.cleaner.backoff.ms=500
"""

_GUARDED: Final = """listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},GUARDED://127.0.0.1:{guarded}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT
listener.name.guarded.sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.guarded.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""
"""One listener more, which wants a secret; these lines take the place of the earlier ones of their names."""


class KafkaUnavailable(Exception):
    """Apache Kafka cannot be had here; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A formatted node that may be started, killed and started again over the same directory and port."""

    home: Path
    port: int
    command: list[str]
    guarded: int

    def answers(self) -> bool:
        """Whether it names itself as a live broker."""
        return _answers(self.port)


def prepare(home: Path, secret: tuple[str, str] | None = None) -> Prepared:
    """Format the log directory of one node below ``home``; starts nothing.

    Args:
        home: an empty directory.
        secret: user and password for a further listener, at port ``guarded``, that wants them (SCRAM-SHA-256).

    Raises:
        KafkaUnavailable: no Java 17, no Maven, no network.
    """
    java = _java()
    classpath = f"{_jars()}/*"
    port, controller, guarded = _free_ports(3)
    properties = home / "server.properties"
    written = _PROPERTIES.format(port=port, controller=controller, logs=home / "logs")
    if secret is not None:
        written += _GUARDED.format(port=port, controller=controller, guarded=guarded)
    properties.write_text(written)
    cluster = _short(uuid.uuid4())
    storage = [java, "-cp", classpath, "kafka.tools.StorageTool", "format"]
    # One word, because an id may begin with a dash.
    format_command = [*storage, f"--cluster-id={cluster}", f"--config={properties}"]
    if secret is not None:
        format_command.append(f"--add-scram=SCRAM-SHA-256=[name={secret[0]},password={secret[1]}]")
    formatted = subprocess.run(format_command, capture_output=True, text=True, check=False)
    if formatted.returncode:
        raise KafkaUnavailable(f"formatting the log directory failed: {formatted.stdout}{formatted.stderr}")
    return Prepared(home, port, [java, "-Xmx512m", "-Xms256m", "-cp", classpath, "kafka.Kafka", str(properties)], guarded)


@contextlib.contextmanager
def apache_kafka(secret: tuple[str, str] | None = None) -> Iterator[str]:
    """Run one Kafka node for the time of the ``with`` block.

    Args:
        secret: user and password that clients must show (SCRAM-SHA-256).

    Yields:
        The bootstrap address, ``127.0.0.1:port``.

    Raises:
        KafkaUnavailable: no Java 17, no Maven, no network, or the node does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="kafka-") as scratch:
        prepared = prepare(Path(scratch), secret)
        output = prepared.home / "output"
        with output.open("wb") as sink:
            node = subprocess.Popen(prepared.command, stdout=sink, stderr=subprocess.STDOUT, cwd=prepared.home)
        try:
            _await_ready(node, prepared.port, output)
            yield f"127.0.0.1:{prepared.port if secret is None else prepared.guarded}"
        finally:
            _stop(node)


@contextlib.contextmanager
def kafka_or_skip(secret: tuple[str, str] | None = None) -> Iterator[str]:
    """``apache_kafka``, or a skipped test where it cannot be had; a failed one where ``CI=true``."""
    with contextlib.ExitStack() as stack:
        try:
            address = stack.enter_context(apache_kafka(secret))
        except KafkaUnavailable as problem:
            if os.environ.get("CI") == "true":
                pytest.fail(f"Apache Kafka cannot be had: {problem}")
            pytest.skip(f"Apache Kafka cannot be had: {problem}")
        yield address


def tools_classpath() -> str:
    """The class path of Kafka's own command-line tools, or a skipped test; a failed one where ``CI=true``."""
    with required_in_ci():
        try:
            _java()
            return f"{_jars()}/*"
        except KafkaUnavailable as problem:
            raise CannotBeHad(str(problem)) from problem


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise KafkaUnavailable("there is no java on the PATH; install a Java 17 runtime")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found.group(1)) < 17:
        raise KafkaUnavailable(f"Kafka 4 needs Java 17, this is {told.splitlines()[0] if told else 'unknown'}")
    return java


def _jars() -> Path:
    """The folder with Kafka and what it depends on, fetched once."""
    configured = os.environ.get(CACHE_VARIABLE)
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(configured) if configured else user_cache / "bright-kitchen" / "kafka"
    cache.mkdir(parents=True, exist_ok=True)
    jars = cache / f"{VERSION}-with-tools"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _fetch(jars)
    return jars


def _fetch(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailable(f"there is no mvn on the PATH to fetch Kafka with; install Maven or fill {jars}")
    with tempfile.TemporaryDirectory(dir=jars.parent) as scratch:
        (Path(scratch) / "pom.xml").write_text(_POM)
        target = Path(scratch) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        try:
            fetched = subprocess.run(
                [maven, "-q", "-B", *goal], cwd=scratch, capture_output=True, text=True, check=False, timeout=600
            )
        except subprocess.TimeoutExpired as problem:
            raise KafkaUnavailable("Maven did not fetch Kafka within 10 minutes") from problem
        if fetched.returncode or not target.is_dir():
            raise KafkaUnavailable(f"Maven could not fetch Kafka {VERSION}: {fetched.stdout[-2000:]}{fetched.stderr[-500:]}")
        target.rename(jars)


def _await_ready(node: subprocess.Popen[bytes], port: int, output: Path) -> None:
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at:
        if node.poll() is not None:
            raise KafkaUnavailable(f"the node ended with {node.returncode}: {output.read_text(errors='replace')[-2000:]}")
        if _answers(port):
            return
        time.sleep(0.2)
    raise KafkaUnavailable(f"no answer within {READY_WITHIN_S} s: {output.read_text(errors='replace')[-2000:]}")


def _answers(port: int) -> bool:
    """Whether the node names itself as a live broker: Metadata version 1 for no topic."""
    request = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as peer:
            peer.sendall(struct.pack(">i", len(request)) + request)
            answer = peer.recv(4096)
    except OSError:
        return False
    return len(answer) > 12 and struct.unpack_from(">i", answer, 8)[0] >= 1


def _stop(node: subprocess.Popen[bytes]) -> None:
    node.terminate()
    try:
        node.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _short(value: uuid.UUID) -> str:
    """A UUID as Kafka writes one: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()
