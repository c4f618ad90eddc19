"""Names of the Kafka topics (architecture.md section 6) and of the MQTT topics (domain.md E.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import BadInput, Code


class Topic(StrEnum):
    """Kafka topics. Key and kept-for are in docs/design.md."""

    REGISTERS = "registers"
    FRAMES = "frames"
    OBSERVATIONS = "observations"
    DETECTIONS = "detections"
    FINDINGS = "findings"
    WARNINGS = "warnings"
    DEDUCTIONS = "deductions"
    DEAD_LETTERS = "dead-letters"


FRAME_LEAF = "cam/frame"
STATUS_LEAF = "status"
MQTT_ROOT = "fs/v1"
MQTT_WILDCARD = f"{MQTT_ROOT}/#"


@dataclass(frozen=True, slots=True)
class DeviceTopic:
    """``fs/v1/{region6}/{uscc}/{device_id}/{leaf}`` taken apart; the leaf is the kind with ``/`` for ``.``."""

    region: str
    uscc: str
    device_id: str
    leaf: str

    def __str__(self) -> str:
        return f"{MQTT_ROOT}/{self.region}/{self.uscc}/{self.device_id}/{self.leaf}"

    @property
    def kind(self) -> str:
        """The envelope kind the leaf names: ``scale/weigh`` is ``scale.weigh``."""
        return self.leaf.replace("/", ".")


def parse_device_topic(topic: str) -> DeviceTopic:
    """Take an MQTT topic apart (the parts are checked by whoever uses them).

    Raises:
        BadInput: E002 if it is not of the scheme of domain.md E.3.
    """
    parts = topic.split("/", 5)
    if len(parts) != 6 or parts[0] != "fs" or parts[1] != "v1" or not all(parts):
        raise BadInput(
            Code.UNKNOWN_KIND,
            "not a device topic",
            where=topic[:200],
            hint="publish on fs/v1/{region}/{uscc}/{device_id}/{kind}",
        )
    return DeviceTopic(*parts[2:])
