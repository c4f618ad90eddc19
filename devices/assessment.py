"""What the gateway makes of one message besides judging it: blocked devices, faults, the security log, the dead letter.

A refused message always leaves a record: its dead letter. Only one whose dead letter does not fit leaves nothing but a log line.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from devices import metrics
from devices.judgement import Message, dead_letter, judge
from devices.limits import Limits, SignatureWatch
from devices.metrics import Result, SecurityEvent
from devices.registers import Registers
from devices.sink import Record
from domain.errors import BadInput, Code

log = structlog.get_logger(__name__)
security = structlog.get_logger("security")

_SECURITY_EVENTS = {
    Code.DEVICE_FORBIDDEN: SecurityEvent.FORBIDDEN,
    Code.SIGNATURE_WRONG: SecurityEvent.SIGNATURE_WRONG,
}


class Assessor:
    """Judges messages and remembers who signed wrongly."""

    def __init__(self, registers: Registers, limits: Limits) -> None:
        self._registers, self._limits = registers, limits
        self._signatures = SignatureWatch(limits)

    def assess(self, message: Message, device_id: str, received_at: datetime) -> tuple[tuple[Record, ...], Result]:
        """The records to write and what the message counts as; ``device_id`` as registered, or ``unknown``."""
        try:
            records = self._judge(message, device_id, received_at)
        except BadInput as error:
            return (self.refuse(message, error, received_at),), Result.REFUSED
        return records, Result.ACCEPTED if records else Result.IGNORED

    def refuse(self, message: Message, error: BadInput, received_at: datetime) -> Record:
        """Tell of a refusal; returns the dead letter."""
        event = _SECURITY_EVENTS.get(error.code)
        if event is None:
            log.info("gateway.refused", topic=message.topic, code=error.code.value, reason=str(error))
        else:
            metrics.SECURITY_EVENTS.labels(event.value).inc()
            security.warning("device.refused", topic=message.topic, code=error.code.value, reason=str(error))
        return self.letter(message, error, received_at)

    def letter(self, message: Message, error: BadInput, received_at: datetime) -> Record:
        """The dead letter, counted."""
        metrics.DEAD_LETTERS.labels(error.code.value).inc()
        return dead_letter(message, error, self._limits, received_at)

    def _judge(self, message: Message, device_id: str, received_at: datetime) -> tuple[Record, ...]:
        registered = self._registers.device(device_id)
        if self._signatures.blocked(device_id, registered):
            raise BadInput(
                Code.DEVICE_FORBIDDEN, f"{device_id} is blocked after wrong signatures", hint="give it a new key and register it"
            )
        try:
            return judge(message, self._registers, self._limits, received_at)
        except BadInput as error:
            if error.code is Code.SIGNATURE_WRONG and self._signatures.failed(device_id, registered, received_at):
                metrics.SECURITY_EVENTS.labels(SecurityEvent.BLOCKED.value).inc()
                security.error("device.blocked", device=device_id, topic=message.topic)
            raise
        except Exception as error:  # one message must not stop the channel
            metrics.FAULTS.inc()
            log.exception("gateway.fault", topic=message.topic)
            raise BadInput(Code.MALFORMED, f"could not be judged: {error!r}", where=message.topic[:200]) from error
