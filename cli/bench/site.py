"""A made-up installation to measure: stalls with scales and cameras, the limits on rates out of the way.

Nothing else is relaxed: what the product judges and stores elsewhere it judges and stores here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from aiokafka import AIOKafkaProducer

from cli.bench.parts import Installation
from cli.datadir import DataDirectory
from cli.installation import Prepared, broker_users, prepare_demo
from cli.plan import LOOPBACK
from configs.secrets import read_secrets
from devices.nats import BrokerUser
from devices.registers import device_record, merchant_record, told_record
from domain.ids import DeviceKind, uscc_check_character
from domain.parties import Device
from domain.topics import Topic

REGION: Final = "330211"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeUpSite:
    """A prepared data directory with its configuration."""

    prepared: Prepared
    scratch: Path

    def devices(self, kind: DeviceKind) -> list[Device]:
        """The registered devices of a kind."""
        return [device for device in self.prepared.configuration.devices if device.kind is kind]

    def merchants(self) -> list[str]:
        """The codes of the merchants."""
        return [merchant.uscc for merchant in self.prepared.configuration.merchants]

    def users(self) -> Sequence[BrokerUser]:
        """Who may connect to the MQTT broker."""
        return broker_users(self.prepared.configuration, read_secrets(self.prepared.data.secrets))

    def installation(self, *, kafka: str, redis: str = "", mqtt_port: int = 0) -> Installation:
        """Where the product's workers run, given the addresses of the other parts."""
        urls = {"KITCHEN_KAFKA_URL": f"kafka://{kafka}"}
        if redis:
            urls["KITCHEN_REDIS_URL"] = redis
        if mqtt_port:
            urls["KITCHEN_MQTT_URL"] = f"mqtt://{LOOPBACK}:{mqtt_port}"
        return Installation(data=self.prepared.data.root, config=self.prepared.config, scratch=self.scratch, urls=urls)

    def tell_registers(self, kafka: str) -> None:
        """Write the ``registers`` topic as casework does, for a figure in which casework does not run."""
        configuration = self.prepared.configuration
        records = [merchant_record(merchant) for merchant in configuration.merchants]
        records += [device_record(device) for device in configuration.devices]
        records.append(told_record(len(configuration.merchants), len(configuration.devices)))
        asyncio.run(_write(kafka, records))


async def _write(kafka: str, records: Sequence[tuple[str, Mapping[str, object]]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        for key, value in records:
            await producer.send_and_wait(Topic.REGISTERS.value, key=key.encode(), value=orjson.dumps(dict(value)))


def make(scratch: Path, *, merchants: int = 4, scales: int = 0, cameras: int = 0) -> MadeUpSite:
    """Write the configuration and prepare the data directory.

    Args:
        scratch: where both go.
        merchants: how many stalls; devices are dealt out to them in turn.
        scales: how many scales in all.
        cameras: how many cameras in all.
    """
    codes = [_uscc(number) for number in range(merchants)]
    files: dict[str, object] = {
        "site.yaml": {
            "name": "bench",
            "region": REGION,
            "scheme": "xiangshan",
            "push": {"subject": "mailto:bench@example.org", "hosts": [LOOPBACK]},
            "frames": {"per_second": 60},
            "rates": {"events_per_second": 1000},
        },
        "merchants.yaml": {
            "merchants": [
                {"uscc": code, "name": f"摊位{code[-6:]}", "region": REGION, "business_form": "stall"} for code in codes
            ]
        },
        "devices.yaml": {
            "devices": [
                {"id": f"{kind}-{number + 1:08x}", "uscc": codes[number % merchants], "name": f"{kind} {number}"}
                for kind, count in (("scl", scales), ("cam", cameras))
                for number in range(count)
            ]
        },
        "users.yaml": {
            "users": [
                {"login": "merchant", "name": "merchant", "role": "merchant", "uscc": codes[0]},
                {"login": "inspector", "name": "inspector", "role": "inspector", "region": REGION},
            ]
        },
    }
    config = scratch / "config"
    config.mkdir()
    for name, content in files.items():
        (config / name).write_text(json.dumps(content, ensure_ascii=False), "utf-8")  # JSON is YAML
    return MadeUpSite(prepared=prepare_demo(DataDirectory(scratch / "data"), config), scratch=scratch)


def _uscc(number: int) -> str:
    first = f"92{REGION}MA2A{number:05d}"
    return first + uscc_check_character(first)
