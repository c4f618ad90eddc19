"""One camera's pictures to findings: decode, detect, judge, confirm, keep the snapshot. Everything but the waiting.

An ``Eye`` belongs to one thread: it remembers each camera's confirmation. Losing that memory costs a few frames, never a second
warning: casework merges by event time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from domain.errors import BadInput, Code
from domain.findings import EvidenceKind, EvidenceRef, Finding, Reason, ReasonCode
from domain.ids import derived_id
from domain.observations import Observation
from domain.parties import Camera
from domain.rules import Rules
from domain.time import format_instant
from vision.confirmation import Confirmation, Sighting, advance
from vision.decode import decode_jpeg
from vision.detector import Detector
from vision.health import CAMERA_OBSTRUCTED, measure, obstruction
from vision.rules import Positive, judge
from vision.told import moments_of, positive_of

JPEG = "image/jpeg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of one camera: JPEG bytes, when it was taken, when the server got it."""

    camera: str
    uscc: str
    jpeg: bytes
    captured_at: datetime
    received_at: datetime


class Eye:
    """Looks at frames and hears what other eyes have seen.

    Args:
        detector: the model.
        rules: the site's rules.
        cameras: device id → camera with its zones; a camera not in it is judged over its whole picture.
        keep: stores bytes with their media type and returns their SHA-256.
        kept: whether bytes of a SHA-256 are stored.
    """

    def __init__(
        self,
        *,
        detector: Detector,
        rules: Rules,
        cameras: Mapping[str, Camera],
        keep: Callable[[bytes, str], str],
        kept: Callable[[str], bool],
    ) -> None:
        self._detector, self._rules, self._cameras = detector, rules, cameras
        self._keep, self._kept = keep, kept
        self._own: dict[str, Confirmation] = {}
        self._others: dict[tuple[str, str, str], Confirmation] = {}

    def look(self, frame: Frame, now: datetime) -> list[Finding]:
        """Take one frame of this camera into account.

        Args:
            frame: the picture.
            now: server time, for ``detected_at``.

        Returns:
            The findings it confirms, each with the frame as its snapshot.

        Raises:
            BadInput: E001 if the bytes are no picture.
        """
        image = decode_jpeg(frame.jpeg)
        height, width = image.shape[:2]
        camera = self._cameras.get(frame.camera)
        positives = list(
            judge(
                self._detector.detect(image),
                self._rules.camera.values(),
                camera.zones if camera else (),
                width,
                height,
                thresholds=self._detector.info.thresholds,
            )
        )
        obstructed = self._rules.camera.get(CAMERA_OBSTRUCTED)
        trouble = obstruction(measure(image), obstructed, width, height) if obstructed else None
        if trouble is not None:
            positives.append(trouble)
        state, sightings = advance(self._own.get(frame.camera, Confirmation()), positives, frame.captured_at)
        self._own[frame.camera] = state
        if not sightings:
            return []
        evidence = EvidenceRef(
            kind=EvidenceKind.SNAPSHOT, sha256=self._keep(frame.jpeg, JPEG), media_type=JPEG, at=frame.captured_at
        )
        return [
            self._finding(sighting, now, camera=frame.camera, uscc=frame.uscc, evidence=(evidence,), model=self._detector.info.id)
            for sighting in sightings
        ]

    def hear(self, observation: Observation, now: datetime) -> list[Finding]:
        """Take a finished detection of a smart camera or Frigate into account (``cam.detection``, domain.md E.2).

        It is confirmed as F.2 asks unless the sender already did; without a snapshot that we hold it goes to review (E060).

        Raises:
            BadInput: E003 if its class is none of C.9.
        """
        body = observation.body
        rule = self._rules.camera.get(str(body["class"]))
        if rule is None:
            raise BadInput(Code.FIELD, f"class {str(body['class'])[:40]!r} is not known", where="body.class")
        if not rule.enabled:
            return []
        camera = self._cameras.get(observation.device_id)
        positive = positive_of(rule, body, camera.zones if camera else ())
        if positive is None:
            return []
        sightings = self._confirm_told(positive, observation)
        sha256 = str(body.get("snapshot_sha256") or "")
        evidence: tuple[EvidenceRef, ...] = ()
        if sha256 and self._kept(sha256):
            evidence = (EvidenceRef(kind=EvidenceKind.SNAPSHOT, sha256=sha256, media_type=JPEG, at=observation.event_time),)
        model = str(body.get("model") or "device")
        return [
            self._finding(item, now, camera=observation.device_id, uscc=observation.uscc, evidence=evidence, model=model)
            for item in sightings
        ]

    def _confirm_told(self, positive: Positive, observation: Observation) -> list[Sighting]:
        """Confirm over time, each class and zone for itself: several may be seen in one picture.

        What comes late (a buffer replayed) is judged by itself; casework merges it by event time.
        """
        key = (observation.device_id, positive.class_, positive.zone)
        moments = moments_of(observation.body, observation.event_time)
        known = self._others.get(key, Confirmation())
        late = known.last_at is not None and moments[0] <= known.last_at
        state = Confirmation() if late else known
        sightings: list[Sighting] = []
        for at in moments:
            state, found = advance(state, (positive,), at)
            sightings += found
        if not late:
            self._others[key] = state
        told = int(observation.body.get("frames_positive") or 1)
        return [replace(item, frames_positive=max(item.frames_positive, told)) for item in sightings]

    def _finding(
        self, sighting: Sighting, now: datetime, *, camera: str, uscc: str, evidence: tuple[EvidenceRef, ...], model: str
    ) -> Finding:
        rule = self._rules.camera[sighting.class_]
        first = format_instant(sighting.first_seen_at)
        return Finding(
            id=derived_id("finding", uscc, sighting.class_, camera, sighting.zone, first, sighting.raised.value),
            uscc=uscc,
            rule=rule.name,
            class_=rule.name,
            violation_code=rule.violation_code,
            level=rule.level,
            subject=f"{camera}/{sighting.zone}",
            event_time=sighting.at,
            first_seen_at=sighting.first_seen_at,
            detected_at=now,
            automatic=sighting.automatic and bool(evidence),
            why=Reason(
                code=ReasonCode.CAMERA,
                params={
                    "class": rule.name,
                    "label": sighting.label,
                    "camera": camera,
                    "zone": sighting.zone,
                    "frames": str(sighting.frames_positive),
                    "confidence": f"{sighting.confidence:.2f}",
                    "model": model,
                },
            ),
            camera=camera,
            zone=sighting.zone,
            confidence=sighting.confidence,
            frames_positive=sighting.frames_positive,
            evidence=evidence,
            model=model,
        )
