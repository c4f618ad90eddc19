"""A made-up place with an assessor over a database of its own, and the dates of one month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from casework.assessment import Assessor
from casework.assessment_facts import FactImport, Imported
from casework.indicators_record import Record
from cli.demo_people import seen
from configs import Configuration, demo_directory, load
from configs.scheme_sources import scheme_content
from domain.ids import DeviceKind
from domain.observations import Kind, Observation
from domain.parties import Actor, BusinessForm, Device, Merchant, OpeningHours, Role
from domain.time import SHANGHAI
from store import open_store
from store.assessments import Interruption, InterruptionKind, Run, Seen
from store.ports import Store

MONTH = "2026-11"
USCC = "92330211MA2ABC125M"
CUT = datetime(2026, 12, 1, tzinfo=SHANGHAI)
IN_WINDOW = CUT + timedelta(hours=10)
AFTER_WINDOW = datetime(2026, 12, 5, 0, 0, 1, tzinfo=SHANGHAI)  # 1 December is a Tuesday: Wed, Thu, Fri
PUBLISH = datetime(2026, 12, 7, 10, tzinfo=SHANGHAI)
TOLD_AT = CUT - timedelta(hours=2)

CLERK = Actor(id="u-clerk", role=Role.SUPERVISOR)
LEADER = Actor(id="u-leader", role=Role.SUPERVISOR)
OFFICER = Actor(id="u-officer", role=Role.INSPECTOR, region="330211")
OWNER = Actor(id="u-owner", role=Role.MERCHANT, uscc=USCC)

GOOD: dict[str, Any] = {
    "P01": "yes", "P02": "on_time", "P05": "5", "P07": "paid", "P13": "yes", "P17": "kept", "P19": "city", "P20": 1,
    "I01": "yes", "I03": "online", "I04": "yes", "I05": "99", "I08": "99", "I09": "100", "I10": "yes", "I11": "ok",
    "I12": {"valid": 3, "staff": 3}, "I13": {"recorded": 30, "open_days": 30}, "I14": {"with_voucher": 9, "batches": 9},
    "I15": {"recorded": 30, "open_days": 30}, "I16": {"done": 35, "required": 35}, "I19": "certified", "I21": "A",
    "I22": "province", "I23": "certified", "G01": {"pass": 2, "total": 2}, "G02": "100", "days_of_data": 30,
}  # fmt: skip
"""What is told of a merchant without a fault."""


@cache
def configuration() -> Configuration:
    return load(demo_directory())


def merchant(**changes: Any) -> Merchant:
    known: dict[str, Any] = {
        "uscc": USCC,
        "name": "老五面馆",
        "region": "330211",
        "business_form": BusinessForm.CATERING,
        "scheme": "zhenhai",
        "opening": OpeningHours(opens=time(10), closes=time(20)),
    }
    return Merchant(**known | changes)


def assessor_of(store: Store, **changes: Any) -> Assessor:
    known = configuration()
    return Assessor(
        store,
        schemes=known.ratings,
        contents=scheme_content,
        rules=known.rules,
        assessing=replace(known.assessments, **changes),
        calendar=known.calendar,
    )


class Place:
    """One merchant's place, or several."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.assessor = assessor_of(store)

    def register(self, *merchants: Merchant) -> None:
        with self.store.writing() as uow:
            for each in merchants or (merchant(),):
                uow.merchants.put(each)
            uow.commit()

    def tell(
        self, facts: Mapping[str, Any], *, at: datetime = TOLD_AT, month: str = MONTH, uscc: str = USCC, **more: str
    ) -> Imported:
        rows = [
            {"uscc": uscc, "fact": fact, "value": value, "month": month, "source": "台账", **more}
            | ({"reason": "no such thing here"} if value is None else {})
            for fact, value in facts.items()
        ]
        found = FactImport(self.store, configuration().ratings).take(rows, CLERK, at)
        assert not found.problems, found.problems
        return found

    def observe(self, *observations: Observation) -> None:
        with self.store.writing() as uow:
            uow.observations.add_all(observations)
            uow.commit()

    def run(self, now: datetime = IN_WINDOW, *, month: str = MONTH, scheme: str = "zhenhai") -> Run:
        return self.assessor.drive(self.assessor.begin(scheme, month, now).id, now)

    def publish(self, *, month: str = MONTH, scheme: str = "zhenhai", now: datetime | None = None) -> Run:
        at = now or self.assessor.dates(month).published_at
        return self.assessor.publish(self.run(at, month=month, scheme=scheme).id, LEADER, at)


def sqlite(directory: Path) -> str:
    return f"sqlite:///{directory}/kitchen.db"


@cache
def empty_database() -> bytes:
    """A migrated database, made once."""
    with TemporaryDirectory() as directory:
        store = open_store(sqlite(Path(directory)))
        store.migrate()
        store.close()
        return (Path(directory) / "kitchen.db").read_bytes()


@contextmanager
def place(directory: Path) -> Iterator[Place]:
    (directory / "kitchen.db").write_bytes(empty_database())
    store = open_store(sqlite(directory))
    try:
        yield Place(store)
    finally:
        store.close()


CAMERA = Device(id="cam-0a1b2c3d", uscc=USCC, region="330211", kind=DeviceKind.CAMERA)


def record(*observations: Observation, **changes: Any) -> Record:
    """A record of these observations."""
    items = [
        Seen(o.event_id, o.kind, o.uscc, o.device_id, o.event_time, o.seq, o.body, (), o.received_at)
        for o in sorted(observations, key=lambda o: (o.event_time, o.seq, o.event_id))
    ]
    known: dict[str, Any] = {
        "merchant": merchant(),
        "month": MONTH,
        "cut_at": CUT,
        "rules": configuration().rules,
        "silence": timedelta(minutes=15),
        "seen": items,
        "devices": [CAMERA],
    }
    return Record(**known | changes)


def at(day: int, hour: float, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, tzinfo=SHANGHAI) + timedelta(hours=hour)


def word(day: int, hour: float, *, online: bool = True) -> Observation:
    return seen(Kind.CAM_STATUS, merchant(), at(day, hour), {"online": online}, device=CAMERA.id)


def interruption(kind: str, begins: datetime, ends: datetime, *, announced: datetime | None = None, **more: Any) -> Interruption:
    return Interruption(
        id=f"i-{kind}-{begins:%d%H}",
        kind=InterruptionKind(kind),
        uscc=more.get("uscc"),
        region=more.get("region", ""),
        began_at=begins,
        ended_at=ends,
        announced_at=announced or begins,
        reason="test",
        recorded_by="u-operator",
        recorded_at=announced or begins,
    )
