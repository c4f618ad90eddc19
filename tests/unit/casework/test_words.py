"""Sentences: every closed set has its words, and no record of old can break one."""

from __future__ import annotations

import re

import pytest

from casework import words
from domain.events import EventName
from domain.findings import Reason, ReasonCode

UNSPOKEN = {EventName.OBSERVATION_STORED, EventName.OBSERVATION_REPLAYED}
PARAMS = {
    "class": "pest_or_pet",
    "camera": "cam-0a1b2c3d",
    "zone": "kitchen",
    "frames": "4",
    "confidence": "0.91",
    "lot": "L1",
    "name": "酱鸭",
    "expires_at": "2026-11-20T12:00:00.000+08:00",
    "note": "现场发现",
    "person": "E01",
    "valid_until": "2026-11-22",
    "shift_start": "2026-11-23T08:00:00.000+08:00",
    "additive": "山梨酸钾",
    "additives": "山梨酸钾、脱氢乙酸钠",
    "product_lot": "P1",
    "food_class": "08.03.01",
    "used": "0.08",
    "limit": "0.075",
    "share": "1.07",
    "ingredient": "酱油",
    "report_no": "S1",
    "product": "卤鸭",
    "items": "菌落总数",
}


@pytest.mark.parametrize("code", list(ReasonCode))
def test_every_reason_is_a_sentence_with_all_its_facts(code: ReasonCode) -> None:
    sentence = words.sentence(Reason(code=code, params=PARAMS))
    assert "—" not in sentence
    assert "%" not in sentence


@pytest.mark.parametrize("code", list(ReasonCode))
def test_a_reason_without_its_parameters_is_still_a_sentence(code: ReasonCode) -> None:
    assert "—" in words.sentence(Reason(code=code))


def test_a_reason_reads_the_instant_on_shanghais_clock() -> None:
    params = {**PARAMS, "expires_at": "2026-11-20T16:30:00Z", "sold_at": "2026-11-21T01:00:00+00:00", "trace_code": "T"}
    sentence = words.sentence(Reason(code=ReasonCode.PRODUCT_EXPIRED_ON_SALE, params=params))
    assert "2026-11-21 00:30" in sentence
    assert "2026-11-21 09:00" in sentence


def test_a_parameter_is_only_a_value_never_a_template() -> None:
    reason = Reason(code=ReasonCode.MANUAL, params={"note": "%(secret)s {x} 100%"})
    assert words.sentence(reason).endswith("%(secret)s {x} 100%")


@pytest.mark.parametrize("event", [name for name in EventName if name not in UNSPOKEN])
def test_every_event_people_may_be_told_of_has_a_headline(event: EventName) -> None:
    data = {
        "level": "red",
        "class": "pest_or_pet",
        "percent": 50,
        "points": 15,
        "violation_code": "XV04",
        "device": "后厨摄像头",
        "alert": "KitchenLogDiskFull",
        **{name: value for name, value in PARAMS.items() if name != "class"},
        "what": "复检合格",
    }
    headline = words.headline(event, data)
    assert "—" not in headline
    assert re.search(r"[一-鿿]", headline)


def test_a_translator_translates_the_template_and_the_class() -> None:
    catalogue = {
        words.HEADLINES[EventName.WARNING_RAISED]: "%(level)s: %(class)s",
        "红色预警": "Red warning",
        "昆虫或宠物": "Pest or pet",
    }
    told = words.headline(
        EventName.WARNING_RAISED, {"level": "red", "class": "pest_or_pet"}, lambda text: catalogue.get(text, text)
    )
    assert told == "Red warning: Pest or pet"


def test_a_class_nobody_translated_is_shown_by_its_wire_name() -> None:
    assert words.class_name("dancing") == "dancing"
