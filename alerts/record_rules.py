"""Rules over staff, additives and samples (RW3–RW5 with XV05–XV10; domain.md C.4, C.8, F.18).

What lapsed, what was too much and what a name means is worked out before; here it becomes a finding with words and evidence.
Facts about one product lot share their subject, so that the ledger charges them once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from alerts.register_rules import Told, canonical, finding, plain
from domain.findings import Finding, Reason, ReasonCode
from domain.registers import AdditiveRecord, AdditiveState, Certificate, Sample, Shift
from domain.rules import RedWarning, Rules
from domain.time import format_instant, local_day

PATHOGENS = frozenset({"pathogen", "vetdrug"})


def judge_shift(
    shift: Shift, papers: Sequence[Certificate], lapsed_at: datetime, *, rules: Rules, now: datetime
) -> Finding | None:
    """RW3: somebody works in direct contact with food although their certificate has expired.

    Args:
        shift: the shift on the roster.
        papers: the person's certificates; at least one has expired.
        lapsed_at: as ``traceability.papers.lapses_at`` says.
    """
    last = max(papers, key=lambda paper: paper.valid_until)
    params = {
        "person": shift.person_ref,
        "name": last.name_masked or shift.person_ref,
        "valid_until": _last_before(papers, lapsed_at).isoformat(),
        "shift_start": format_instant(shift.start_at),
    }
    told = Told(
        uscc=shift.uscc,
        red=RedWarning.CERTIFICATE_EXPIRED,
        violation_code="XV05",
        why=Reason(code=ReasonCode.CERTIFICATE_EXPIRED, params=params),
        subject=shift.person_ref,
        occasion=shift.id,
        at=lapsed_at,
        record=shift_record(shift, papers),
    )
    return finding(told, rules, now)


def shift_record(shift: Shift, papers: Sequence[Certificate]) -> bytes:
    """The evidence of RW3: the shift and the certificates as they stood."""
    return canonical({"shift": plain(shift, {"judged_at"}), "certificates": [plain(paper) for paper in papers]})


def _last_before(papers: Sequence[Certificate], at: datetime) -> date:
    """The last good day of what had expired by then."""
    today = local_day(at)
    return max((paper.valid_until for paper in papers if paper.valid_until < today), default=papers[0].valid_until)


def judge_additive(
    record: AdditiveRecord, *, title: str, amounts: Mapping[str, str], held: bool, rules: Rules, now: datetime
) -> Finding | None:
    """RW4: what a record that names an additive comes to; None if it is no violation.

    Args:
        record: judged: its state says what it came to.
        title: the substance's name.
        amounts: ``used``, ``limit``, ``share`` and ``additives``, as far as they are known, in words.
        held: the merchant must not have it at all.
    """
    said = _SAID.get(record.state)
    if said is None:
        return None
    code, reason = said
    if record.state is AdditiveState.OVER_LIMIT and "share" in amounts:
        reason = ReasonCode.ADDITIVES_TOGETHER
    if record.state is AdditiveState.BEYOND_SCOPE and held:
        reason = ReasonCode.ADDITIVE_HELD
    params = {
        "additive": title,
        "lot": record.lot,
        "product_lot": record.product_lot,
        "food_class": record.food_class,
        **({"ingredient": record.ingredient} if record.ingredient else {}),
        **amounts,
    }
    told = Told(
        uscc=record.uscc,
        red=RedWarning.ADDITIVE_BEYOND_SCOPE,
        violation_code=code,
        why=Reason(code=reason, params=params),
        subject=record.product_lot,
        occasion=record.id,
        at=record.at,
        record=additive_record(record),
        automatic=record.state is not AdditiveState.REVIEW,
    )
    return finding(told, rules, now)


def additive_record(record: AdditiveRecord) -> bytes:
    """The evidence of RW4."""
    return canonical({"additive": plain(record)})


_SAID: Mapping[AdditiveState, tuple[str, ReasonCode]] = {
    AdditiveState.BEYOND_SCOPE: ("XV06", ReasonCode.ADDITIVE_BEYOND_SCOPE),
    AdditiveState.OVER_LIMIT: ("XV07", ReasonCode.ADDITIVE_OVER_LIMIT),
    AdditiveState.PROHIBITED: ("XV08", ReasonCode.ADDITIVE_PROHIBITED),
    AdditiveState.REVIEW: ("XV06", ReasonCode.ADDITIVE_CARRIED_OVER),
}


def judge_sample(sample: Sample, *, prohibited: bool, rules: Rules, now: datetime) -> Finding | None:
    """RW5: an official result failed. The laboratory's word is final: nothing is computed again (C.8).

    Args:
        sample: official and failed.
        prohibited: a failing item is no food additive at all.
    """
    code = "XV08" if prohibited else "XV10" if sample.item_kind in PATHOGENS else "XV09"
    items = "、".join(str(item.get("name", "")) for item in failing(sample)) or "—"
    params = {"report_no": sample.report_no, "product": sample.product, "lot": sample.lot or "—", "items": items}
    told = Told(
        uscc=sample.uscc,
        red=RedWarning.SAMPLING_FAILED,
        violation_code=code,
        why=Reason(code=ReasonCode.SAMPLING_FAILED, params=params),
        subject=sample.subject,
        occasion=sample.report_no,
        at=sample.event_time,
        record=sample_record(sample),
    )
    return finding(told, rules, now)


def sample_record(sample: Sample) -> bytes:
    """The evidence of RW5."""
    return canonical({"sample": plain(sample, {"state", "retest_until"})})


def failing(sample: Sample) -> list[Mapping[str, object]]:
    """The items that did not pass."""
    return [item for item in sample.items if str(item.get("judge", "")) in ("fail", "failed", "不合格")]
