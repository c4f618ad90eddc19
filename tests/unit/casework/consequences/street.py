"""A street of merchants with published grades, over the scene's office."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from casework.consequences.bureau import Told
from casework.consequences.filing import Filed
from casework.consequences.machine import Order
from casework.consequences.publication import Aftermath, Published, on_published
from casework.desk import Work
from domain.parties import Actor, BusinessForm, Merchant, Role
from store.registers import Wanted
from tests.unit.casework.scene import Scene

PUBLISHED = datetime.fromisoformat("2026-12-07T10:00:00+08:00")
LEADER = Actor(id="u-supervisor", role=Role.SUPERVISOR)
SECOND_INSPECTOR = Actor(id="u-colleague", role=Role.INSPECTOR, region="330211")
TOMORROW = timedelta(days=1)


def street(
    scene: Scene, counts: Mapping[str, int], scheme: str = "zhenhai", form: BusinessForm = BusinessForm.CATERING
) -> dict[str, str]:
    """Register merchants, so many of each grade; merchant → grade."""
    graded = {f"{grade[:2].upper()}{number:04d}": grade for grade, count in counts.items() for number in range(count)}
    with scene.store.writing() as uow:
        for uscc in graded:
            uow.merchants.put(
                Merchant(
                    uscc=uscc,
                    name=f"店{uscc}",
                    region="330211",
                    business_form=form,
                    scheme=scheme,
                    site="1902",
                )
            )
        uow.commit()
    return graded


def publish(
    scene: Scene, graded: Mapping[str, str], month: str = "2026-11", at: datetime = PUBLISHED, scheme: str = "zhenhai"
) -> Aftermath:
    """Publish grades, as the monthly assessment does."""
    results = [Published(uscc=uscc, scheme=scheme, month=month, grade=grade) for uscc, grade in graded.items()]
    return scene.office.bureau.do(lambda work: on_published(work, results, at))


def found(scene: Scene, name: str, actor: Actor = LEADER, **wanted: Any) -> list[Filed[Any]]:
    """What an actor sees of one kind."""
    return [told.filed for told in scene.office.bureau.find(name, actor, Wanted(**{"limit": None, **wanted}))]


def command(
    scene: Scene, name: str, case_id: str, what: str, actor: Actor, at: datetime, reason: str = "", **values: Any
) -> Told:
    """One command."""
    token = values.pop("token", "")
    evidence = tuple(values.pop("evidence_ids", ()))
    order = Order(actor=actor, now=at, reason=reason, values=values, token=token, evidence_ids=evidence)
    return scene.office.bureau.command(name, case_id, what, order)


def ordered(scene: Scene, use_case: Callable[..., Any], *said: Any, actor: Actor, at: datetime, **order: Any) -> Any:
    """A use case that begins something."""
    made = Order(actor=actor, now=at, **order)

    def effect(work: Work) -> Any:
        return use_case(work, *said, made)

    return scene.office.bureau.do(effect)
