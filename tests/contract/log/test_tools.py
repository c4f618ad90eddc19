"""Tools that people have at hand, kcat and Apache Kafka's own, on both logs: what they do and what they print."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.services import CannotBeHad, required_in_ci
from tests.services.kafka import tools_classpath

pytestmark = pytest.mark.service

QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx128m")
"""A tool lives two seconds: less time for the compiler, no threads for the collector."""


def kcat(address: str, *arguments: str, given: bytes = b"") -> bytes:
    with required_in_ci():
        if shutil.which("kcat") is None:
            raise CannotBeHad("kcat is not installed (apt install kcat)")
    return subprocess.run(["kcat", "-b", address, *arguments], input=given, capture_output=True, timeout=30, check=True).stdout


def tool(name: str, address: str, *arguments: str, given: str = "", fails: bool = False) -> str:
    """Run one of Kafka's command-line classes; returns what it printed."""
    command = ["java", *QUICK, "-cp", tools_classpath(), name, "--bootstrap-server", address, *arguments]
    ended = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode != 0) is fails, f"{name}: {ended.stdout}{ended.stderr}"
    return ended.stdout + (ended.stderr if fails else "")


def test_kcat_produces_consumes_and_lists(log_address: str, topic: str, group: str) -> None:
    kcat(log_address, "-P", "-t", topic, "-K:", "-H", "source=scale", "-z", "gzip", given=b"a:1\nb:2\na:3\n")
    form = "%o %k=%s %h\n"
    assert kcat(log_address, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", form) == (
        b"0 a=1 source=scale\n1 b=2 source=scale\n2 a=3 source=scale\n"
    )
    assert kcat(log_address, "-C", "-t", topic, "-o", "-1", "-e", "-q") == b"3\n"
    listed = json.loads(kcat(log_address, "-L", "-J", "-t", topic))
    assert [each["topic"] for each in listed["topics"]] == [topic]
    grouped = kcat(log_address, "-G", group, "-q", "-e", "-X", "auto.offset.reset=earliest", topic)
    assert grouped == b"1\n2\n3\n"
    assert kcat(log_address, "-Q", "-t", f"{topic}:0:-1") == f"{topic} [0] offset 3\n".encode()


def test_kafkas_own_tools_do_what_they_say(log_address: str, topic: str, group: str, tmp_path: Path) -> None:
    """One topic's life: made, filled, read, changed, cut, measured, deleted."""
    topics = "org.apache.kafka.tools.TopicCommand"
    groups = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    tool(topics, log_address, "--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=500000")
    tool(
        "org.apache.kafka.tools.ConsoleProducer",
        log_address,
        *("--topic", topic, "--property", "parse.key=true", "--property", "key.separator=:"),
        *("--producer-property", "compression.type=lz4"),
        given="".join(f"k{number}:v{number}\n" for number in range(20)),
    )
    read = tool(
        "org.apache.kafka.tools.consumer.ConsoleConsumer",
        log_address,
        *("--topic", topic, "--from-beginning", "--max-messages", "20", "--group", group, "--timeout-ms", "20000"),
    )
    assert sorted(read.split()) == sorted(f"v{number}" for number in range(20))
    with ThreadPoolExecutor(3) as at_once:
        counted = at_once.submit(tool, "org.apache.kafka.tools.GetOffsetShell", log_address, "--topic", topic, "--time", "-1")
        reset = at_once.submit(
            tool, groups, log_address, *("--group", group, "--topic", topic, "--reset-offsets", "--to-earliest", "--execute")
        )
        changed = ("--entity-type", "topics", "--entity-name", topic, "--alter", "--add-config", "retention.ms=600000")
        altered = at_once.submit(tool, "kafka.admin.ConfigCommand", log_address, *changed)
    assert sum(int(line.rsplit(":", 1)[1]) for line in counted.result().split()) == 20
    assert reset.result().count(topic) == 2
    altered.result()
    cut = tmp_path / "cut.json"
    cut.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": -1}]}))
    with ThreadPoolExecutor(3) as at_once:
        emptied = at_once.submit(tool, "org.apache.kafka.tools.DeleteRecordsCommand", log_address, "--offset-json-file", str(cut))
        dirs = at_once.submit(tool, "org.apache.kafka.tools.LogDirsCommand", log_address, "--describe", "--topic-list", topic)
        described = at_once.submit(tool, topics, log_address, "--describe", "--topic", topic)
    assert "low_watermark" in emptied.result()
    assert f"{topic}-1" in dirs.result()
    assert "PartitionCount: 2" in described.result()
    assert "retention.ms=600000" in described.result()
    tool(topics, log_address, "--delete", "--topic", topic)


def test_what_is_not_offered_is_refused_by_the_tool_itself(log_address: str, embedded: bool) -> None:
    """The difference: access lists are Kafka's (and need an authorizer there); the tool is told, and does not hang."""
    told = tool("org.apache.kafka.tools.AclCommand", log_address, "--list", fails=True)
    assert ("UnsupportedVersionException" in told) is embedded
    assert ("SecurityDisabledException" in told) is not embedded
