"""Builders for the ledger's tests; the scheme is the shipped one, read as it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from credit.scheme import Band, DeductionRule, Scheme
from domain.deductions import Deduction, DeductionState
from domain.findings import Reason, ReasonCode
from domain.rules import Level
from domain.time import SHANGHAI, month_of
from domain.warnings import State, Warning

USCC = "92330211MA2ABC125M"
AT = datetime(2026, 11, 20, 11, 0, tzinfo=SHANGHAI)
WINDOW_END = AT + timedelta(days=5)


def xiangshan() -> Scheme:
    """The shipped table, read without the loader: what is tested here is the arithmetic on its numbers."""
    raw = yaml.safe_load((Path(__file__).parents[3] / "configs/schemes/xiangshan.yaml").read_text("utf-8"))
    rules = {}
    for code, entry in raw["rules"].items():
        plain = {key: value for key, value in entry.items() if key not in {"waivable_lapse_days", "variants", "degree"}}
        plain |= {key: Decimal(entry[key]) for key in ("base", "cap") if key in entry}
        rules[code] = DeductionRule(
            code=code,
            variants={name: Decimal(base) for name, base in entry.get("variants", {}).items()},
            waivable_lapse=timedelta(days=entry["waivable_lapse_days"]) if "waivable_lapse_days" in entry else None,
            **plain,
        )
    return Scheme(
        name=raw["name"],
        bands=tuple(Band(name=b["name"], at_least=Decimal(b["at_least"])) for b in raw["bands"]),
        rules=rules,
        start=Decimal(raw["start"]),
        repeat=tuple(Decimal(factor) for factor in raw["repeat"]),
        overdue_share=Decimal(raw["overdue_share"]),
        history=timedelta(days=raw["history_days"]),
        group_caps={name: Decimal(cap) for name, cap in raw["group_caps"].items()},
    )


XIANGSHAN = xiangshan()


def a_warning(code: str, **changes: Any) -> Warning:
    camera = code.startswith("CV")
    known: dict[str, Any] = {
        "id": "w-1",
        "uscc": USCC,
        "region": "330211",
        "rule": "pest_or_pet" if camera else "RW2",
        "violation_code": code,
        "class_": "pest_or_pet" if camera else "product_expired",
        "subject": "cam-0a1b2c3d/kitchen" if camera else "L1",
        "open_key": "key",
        "level": Level.RED,
        "state": State.CLOSED,
        "event_time": AT,
        "raised_at": AT,
        "rectify_within": timedelta(hours=2),
        "why": Reason(code=ReasonCode.MANUAL),
        "incident_id": f"incident-of-{changes.get('id', 'w-1')}",
        "camera": "cam-0a1b2c3d" if camera else None,
        "zone": "kitchen" if camera else None,
    }
    return Warning(**{**known, **changes})


def an_entry(code: str, points: str = "5", **changes: Any) -> Deduction:
    """An earlier entry of the ledger, as ``propose`` would have left it."""
    at: datetime = changes.pop("raised_at", AT - timedelta(days=1))
    known: dict[str, Any] = {
        "id": f"d-{code}-{at.isoformat()}",
        "key": f"xiangshan|{USCC}|{code}|{at.isoformat()}|{month_of(at)}",
        "scheme": "xiangshan",
        "uscc": USCC,
        "warning_id": "earlier",
        "violation_code": code,
        "incident_id": f"incident-{at.isoformat()}",
        "points": Decimal(points),
        "state": DeductionState.PROPOSED,
        "month": month_of(at),
        "ordinal": 1,
        "proposed_at": at,
        "objection_until": at + timedelta(days=3),
        "components": {"base": points, "raised_at": at.isoformat()},
    }
    return replace(Deduction(**known), **changes)
