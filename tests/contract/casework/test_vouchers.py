"""Vouchers asked for at the same moment, on both databases: what is granted is never more than there is (Z-18)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from casework.consequences import vouchers
from casework.consequences.machine import Order
from credit.vouchers import Answer
from domain.parties import Actor, Role
from store.registers import Purse
from tests.unit.casework.consequences.street import LEADER, PUBLISHED, publish, street
from tests.unit.casework.scene import Scene

ASKERS, EACH, SIZE = 8, 20, 100


def test_eight_merchants_at_once_get_no_more_than_there_is(scene: Scene) -> None:
    graded = street(scene, {"blue": ASKERS})
    publish(scene, graded)
    bureau, together = scene.office.bureau, Barrier(ASKERS)
    size = Order(actor=LEADER, now=PUBLISHED, values={"kind": "service", "month": "2026-12", "size": SIZE})
    bureau.do(lambda work: vouchers.open_quota(work, "330211", size))

    def ask(uscc: str) -> Answer:
        order = Order(
            actor=Actor(id=f"u-{uscc}", role=Role.MERCHANT, uscc=uscc),
            now=PUBLISHED,
            values={"kind": "service", "count": EACH},
        )
        together.wait(20)
        return bureau.do(lambda work: vouchers.apply(work, uscc, order)).case.answer

    with ThreadPoolExecutor(ASKERS) as pool:
        answers = list(pool.map(ask, graded))
    assert sorted(answers) == [Answer.EXHAUSTED] * 3 + [Answer.GRANTED] * 5
    with scene.store.reading() as uow:
        assert uow.registers.purses.find() == [Purse(region="330211", kind="service", month="2026-12", size=SIZE, granted=SIZE)]


def test_one_merchant_who_asks_twice_at_once_gets_no_more_than_the_grades_share(scene: Scene) -> None:
    (uscc,) = street(scene, {"yellow": 1})  # 20 a month
    publish(scene, {uscc: "yellow"})
    bureau, together = scene.office.bureau, Barrier(4)
    size = Order(actor=LEADER, now=PUBLISHED, values={"kind": "service", "month": "2026-12", "size": SIZE})
    bureau.do(lambda work: vouchers.open_quota(work, "330211", size))
    order = Order(actor=Actor(id="u-x", role=Role.MERCHANT, uscc=uscc), now=PUBLISHED, values={"kind": "service", "count": 15})

    def ask(_: int) -> Answer:
        together.wait(20)
        return bureau.do(lambda work: vouchers.apply(work, uscc, order)).case.answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert sorted(answers) == [Answer.ABOVE_SHARE] * 3 + [Answer.GRANTED]


def test_the_database_itself_refuses_to_oversell(scene: Scene) -> None:
    with pytest.raises(Exception, match="never_oversold"), scene.store.writing() as uow:
        uow.registers.purses.open(Purse(region="330211", kind="service", month="2026-12", size=1, granted=2))
