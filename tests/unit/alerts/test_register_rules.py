"""Expired goods (domain.md C.4, F.4)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from alerts.register_rules import judge_batch, record
from domain.findings import Finding, ReasonCode
from domain.records import BatchKind, BatchState
from domain.rules import RedWarning
from tests.unit.alerts.builders import HOUR, REGION, RULES, T0, TICK, a_batch, a_sale

K, S = BatchKind, BatchState


def judge(batch, now=T0 + HOUR, **keywords):
    return judge_batch(batch, rules=RULES, region=REGION, now=now, **keywords)


CASES = [
    (K.RAW, S.RECEIVED, "RW1", "XV01", "raw, just delivered"),
    (K.RAW, S.IN_STORE, "RW1", "XV01", "raw in store"),
    (K.RAW, S.IN_USE, "RW1", "XV02", "raw used in production"),
    (K.ADDITIVE, S.IN_STORE, "RW1", "XV01", "an additive is an input too"),
    (K.ADDITIVE, S.IN_USE, "RW1", "XV02", "an additive used"),
    (K.PRODUCT, S.IN_STORE, "RW2", "XV03", "product in store"),
    (K.PRODUCT, S.IN_USE, "RW2", "XV03", "product cut up, not on sale"),
    (K.PRODUCT, S.ON_SALE, "RW2", "XV04", "product on sale"),
    (K.RAW, S.ON_SALE, "RW2", "XV04", "what is on sale is a product, whatever it was bought as"),
    *[(kind, state, None, None, "set apart") for kind in K for state in (S.QUARANTINED, S.DESTROYED, S.RETURNED, S.DEPLETED)],
]


@pytest.mark.parametrize(("kind", "state", "rule", "code", "why"), CASES)
def test_what_an_expired_lot_is(kind, state, rule, code, why):
    finding = judge(a_batch(kind=kind, state=state))
    found = (None, None) if finding is None else (finding.rule, finding.violation_code)
    assert found == (rule, code), why


@pytest.mark.parametrize(("offset", "expired"), [(-TICK, False), (timedelta(), True)])
def test_a_lot_is_expired_from_its_expiry_on(offset, expired):
    assert (judge(a_batch(), T0 + offset) is not None) is expired


def test_nothing_left_is_nothing_expired():
    assert judge(a_batch(qty_g=Decimal(0))) is None
    assert judge(a_batch(qty_g=Decimal("0.1"))) is not None


def test_set_apart_before_expiry_raises_nothing_even_a_year_later():
    assert judge(a_batch(state=S.QUARANTINED, event_time=T0 - HOUR), T0 + timedelta(days=365)) is None


@pytest.mark.parametrize("state", BatchState)
@pytest.mark.parametrize("kind", BatchKind)
def test_a_sale_after_expiry_is_on_sale_whatever_the_register_says(kind, state):
    finding = judge(a_batch(kind=kind, state=state, qty_g=Decimal(0)), sold=a_sale())
    assert finding is not None
    assert (finding.rule, finding.violation_code, finding.why.code) == ("RW2", "XV04", ReasonCode.PRODUCT_EXPIRED_ON_SALE)
    assert finding.event_time == T0 + HOUR
    assert finding.why.params["trace_code"] == a_sale().trace_code


def test_a_sale_is_judged_at_its_own_time():
    before = a_sale(at=T0 - TICK)
    assert judge(a_batch(state=S.QUARANTINED), T0 + 50 * HOUR, sold=before) is None
    assert judge(a_batch(state=S.DEPLETED), T0 + 50 * HOUR, sold=a_sale(at=T0)) is not None


def test_the_same_fact_has_the_same_id_however_often_and_late_it_is_judged():
    first, again = judge(a_batch()), judge(a_batch(), T0 + 30 * HOUR)
    assert first.id == again.id
    judged = judge(a_batch(expiry_judged_at=T0 + HOUR))
    assert (judged.id, judged.evidence) == (first.id, first.evidence)


def test_other_facts_have_other_ids():
    ids = {
        judge(a_batch()).id,
        judge(a_batch(lot="L2")).id,
        judge(a_batch(state=S.ON_SALE)).id,
        judge(a_batch(), sold=a_sale()).id,
        judge(a_batch(), sold=a_sale(event_id="another sale")).id,
        judge(a_batch(event_time=T0 + HOUR), T0 + 2 * HOUR).id,  # it was told of anew after its expiry
    }
    assert len(ids) == 6


def test_the_finding_cites_the_record_by_its_hash_and_survives_the_wire():
    batch, sale = a_batch(), a_sale()
    finding = judge(batch, sold=sale)
    kept = record(batch, sale)
    assert [e.sha256 for e in finding.evidence] == [hashlib.sha256(kept).hexdigest()]
    assert json.loads(kept)["sold"]["net_g"] == 512
    assert json.loads(kept)["batch"]["qty_g"] == "5000"
    assert Finding.from_wire(json.loads(json.dumps(finding.to_wire()))) == finding


def test_a_rule_that_is_off_or_missing_finds_nothing():
    off = {RedWarning.PRODUCT_EXPIRED: replace(RULES.register[RedWarning.PRODUCT_EXPIRED], enabled=False)}
    for register in (off, {}):
        assert judge_batch(a_batch(), rules=replace(RULES, register=register), region=REGION, now=T0 + HOUR) is None
