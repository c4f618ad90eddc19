"""Cases as the outside sees them: JSON values; the seed of a draw stays hidden until it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from casework.consequences import plain
from casework.consequences.bureau import Told
from casework.consequences.draws import DrawCase, DrawState
from casework.consequences.filing import Filed
from credit.commitments import Commitment
from domain.parties import Actor, Role
from domain.time import format_instant
from domain.warnings import AuditEntry

INTERNAL = frozenset(
    {"noticed_by", "checked_by", "told", "told_late", "told_review", "told_decision", "told_overdue", "reminded"}
)
"""What is remembered beside a case and is nobody's business but the regulator's."""


def case_item(name: str, told: Told, actor: Actor | None) -> dict[str, Any]:
    """A case with what its reader may do to it."""
    filed = told.filed
    officials = actor is not None and actor.role in (Role.INSPECTOR, Role.SUPERVISOR)
    about = plain.plain(filed.about)
    return {
        "kind": name,
        "id": filed.case.id,
        "state": filed.case.state.value,
        "merchant": filed.uscc,
        "region": filed.region,
        "filed_at": format_instant(filed.filed_at),
        "due_at": None if filed.due_at is None else format_instant(filed.due_at),
        "decided_by": filed.decided_by if officials else None,
        "case": _case(filed),
        "about": about if officials else {key: value for key, value in about.items() if key not in INTERNAL},
        "commands": list(told.commands),
    }


def case_detail(name: str, told: Told, actor: Actor | None) -> dict[str, Any]:
    """The same with its story."""
    return {**case_item(name, told, actor), "history": [_step(step) for step in told.history]}


def _case(filed: Filed[Any]) -> dict[str, Any]:
    case = filed.case
    said = plain.dump(case)
    if isinstance(case, DrawCase):
        said["units"] = len(case.units)
        if case.state is not DrawState.DRAWN:
            del said["seed"]
    return said


def _step(step: AuditEntry) -> dict[str, Any]:
    return {
        "from": step.from_state,
        "to": step.to_state,
        "at": format_instant(step.at),
        "actor": step.actor,
        "role": step.actor_role,
        "reason": step.reason,
        "evidence_ids": list(step.evidence_ids),
        "seq": step.seq,
    }


def public_draws(found: Sequence[Filed[DrawCase]]) -> list[dict[str, Any]]:
    """Draws for everybody."""
    return [{"committed_at": format_instant(filed.filed_at), **_case(filed)} for filed in found]


def public_commitments(found: Sequence[Filed[Commitment]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Commitments for everybody; of the signer's name only the family name is shown."""
    return [
        {
            "merchant": filed.case.uscc,
            "name": names.get(filed.case.uscc, ""),
            "state": filed.case.state.value,
            "template": f"{filed.case.template}@{filed.case.template_version}",
            "content_hash": filed.case.content_hash,
            "signer": f"{filed.case.signer[:1]}*",
            "signed_at": _instant(filed.case.signed_at),
            "published_at": _instant(filed.case.published_at),
            "ends_by": _instant(filed.case.ends_by),
            "breaches": len(filed.case.breaches),
        }
        for filed in found
    ]


def _instant(at: datetime | None) -> str | None:
    return None if at is None else format_instant(at)
