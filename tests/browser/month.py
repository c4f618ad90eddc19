"""A street of a few shops with one month published and the next one open to objections, for pages in a browser."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

from argon2 import PasswordHasher

import configs
from casework.assessment import Assessor
from casework.assessment_facts import FactImport
from casework.assessment_wiring import assessor_of
from cli.demo_people import Drawn
from cli.demo_street import CLOSES, OPENS, REGION, STREET, Manner, _Shop
from configs.loader import demo_directory
from domain.parties import Actor, BusinessForm, Device, Merchant, OpeningHours, Role, User
from store.ports import Store
from tests.unit.web.kitchen import MERCHANT

BEFORE, MONTH = "2026-09", "2026-10"
CLERK = Actor(id="clerk", role=Role.SUPERVISOR)
LEADER = Actor(id="leader", role=Role.SUPERVISOR)
OWNER = "owner"
GOOD, MIDDLING, CARELESS, HARDLY = STREET
SHOPS: tuple[tuple[str, str, Manner, Manner], ...] = (
    ("92330211MA03CYHQ9Y", "王阿宝炒菜馆", MIDDLING, CARELESS),
    ("92330211MAYX279L8K", "罗大勇砂锅", MIDDLING, MIDDLING),
    ("91330211MA2XWYX124", "高桂花面馆", CARELESS, MIDDLING),
)
"""Code, name, and how each is run in the first and the second month."""


@dataclass(frozen=True)
class Street:
    """Who was drawn; the first may sign in as ``owner``."""

    assessor: Assessor
    merchants: tuple[Merchant, ...]
    run_id: str
    in_window: datetime
    publish_at: datetime


@dataclass(frozen=True)
class Roll:
    """Who is registered beside those of the kitchen."""

    merchants: tuple[Merchant, ...]
    devices: tuple[Device, ...]
    users: tuple[User, ...]


def assessed(store: Store) -> Street:
    """Draw two months of raw facts, publish the first, and carry the second into its objection window."""
    demo = configs.load(demo_directory())
    assessor = assessor_of(store, demo, demo_directory())
    random, taker = Random(7), FactImport(store, demo.ratings)
    merchants = tuple(
        Merchant(
            uscc=uscc,
            name=name,
            region=REGION,
            business_form=BusinessForm.CATERING,
            scheme="zhenhai",
            site="镇海阳光餐饮街区",
            address="学府路 12 号",
            opening=OpeningHours(opens=time(OPENS), closes=time(CLOSES)),
        )
        for uscc, name, _, _ in SHOPS
    )
    with store.writing() as uow:
        for merchant in merchants:
            uow.merchants.put(merchant)
        uow.commit()
    for number, month in enumerate((BEFORE, MONTH)):
        drawn = Drawn()
        for merchant, shop in zip(merchants, SHOPS, strict=True):
            year, calendar_month = (int(part) for part in month.split("-"))
            _Shop(random, drawn, merchant, shop[2 + number], date(year, calendar_month, 1), demo.schemes["zhenhai"]).draw()
        drawn.store(store)
        dates = assessor.dates(month)
        imported = taker.take(drawn.rows, CLERK, dates.frozen_at - timedelta(hours=1), origin="street")
        assert not imported.problems, imported.problems
        run = assessor.drive(assessor.begin("zhenhai", month, dates.frozen_at).id, dates.provisional_at)
        if month == BEFORE:
            run = assessor.drive(run.id, dates.published_at)
            assessor.publish(run.id, LEADER, dates.published_at)
    _tell_stall(assessor, taker)
    return Street(
        assessor=assessor,
        merchants=merchants,
        run_id=run.id,
        in_window=dates.provisional_at + timedelta(hours=8),
        publish_at=dates.published_at,
    )


def _tell_stall(assessor: Assessor, taker: FactImport) -> None:
    """Three violations of the kitchen's own merchant, whose scheme deducts."""
    unknown = dict.fromkeys(("notified_at", "rectified_at", "rectify_by", "incident_id"))
    told = [
        {"code": "XV17", "at": "2026-10-04T16:57:33+08:00", "subject": "投诉-0", **unknown},
        {"code": "XV17", "at": "2026-10-14T14:44:59+08:00", "subject": "投诉-1", **unknown},
        {"code": "XV18", "at": "2026-10-12T09:00:00+08:00", "subject": "培训", **unknown},
    ]
    row = {"uscc": MERCHANT, "fact": "violations.others", "value": told, "month": MONTH, "source": "每周现场评价"}
    dates = assessor.dates(MONTH)
    imported = taker.take([row], CLERK, dates.frozen_at - timedelta(hours=1), origin="market")
    assert not imported.problems, imported.problems
    assessor.drive(assessor.begin("xiangshan", MONTH, dates.frozen_at).id, dates.provisional_at)


def owner_of(merchant: Merchant, demo_user: User) -> User:
    """Somebody who signs in for a merchant."""
    return replace(demo_user, id=OWNER, login=OWNER, name="王老板", uscc=merchant.uscc)


def cheap_hash(password: str) -> str:
    """Real argon2, weak on purpose."""
    return PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password)
