"""Who may call each route of the API: one line for every route, and none without one (domain.md E.7).

The rule to know: a policy says which roles a route is for; which *objects* somebody may know of is judged by each use case, and
what one may not know of answers 404. The OpenAPI document carries both, and ``tests/unit/web/test_matrix.py`` calls every route
of that document in every role: a route that is missing here, or answers otherwise than it says, fails there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from domain.parties import Role


class Key(StrEnum):
    """How a caller shows who it is; the value names the scheme in the OpenAPI document."""

    BEARER = "bearer"
    COOKIE = "cookie"
    DEVICE = "device"
    MONITORING = "monitoring"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Whom a route is for.

    Attributes:
        roles: of signed-in people; others are answered 403 or, where they may not even know of it, 404.
        public: anybody, signed in or not.
        keys: how else than by signing in one may call it.
    """

    roles: frozenset[Role] = frozenset()
    public: bool = False
    keys: frozenset[Key] = frozenset()


_OWNER = frozenset({Role.MERCHANT})
_SHOP = frozenset({Role.MERCHANT, Role.STAFF})
_OFFICIALS = frozenset({Role.INSPECTOR, Role.SUPERVISOR})
_LEADER = frozenset({Role.SUPERVISOR})
_SITE = _SHOP | _OFFICIALS
_PEOPLE = _SITE | {Role.DEPARTMENT}

PUBLIC = Policy(public=True)
PEOPLE = Policy(roles=_PEOPLE)
SITE = Policy(roles=_SITE)
SHOP = Policy(roles=_SHOP)
OWNER = Policy(roles=_OWNER)
OFFICIALS = Policy(roles=_OFFICIALS)
LEADER = Policy(roles=_LEADER)
WRITERS = Policy(roles=_OWNER | _OFFICIALS)

POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "GET /healthz": PUBLIC,
        "GET /readyz": PUBLIC,
        "GET /metrics": PUBLIC,
        "POST /api/v1/session": PUBLIC,
        "GET /api/v1/session": PEOPLE,
        "DELETE /api/v1/session": PEOPLE,
        "POST /api/v1/observations": Policy(roles=_OFFICIALS, keys=frozenset({Key.DEVICE})),
        "GET /api/v1/live": PEOPLE,
        # warnings
        "GET /api/v1/warnings": PEOPLE,
        "GET /api/v1/warnings/{warning_id}": SITE,
        "POST /api/v1/warnings/{warning_id}/acknowledge": OWNER,
        "POST /api/v1/warnings/{warning_id}/start": OWNER,
        "POST /api/v1/warnings/{warning_id}/submit": SHOP,
        "POST /api/v1/warnings/{warning_id}/verify": OFFICIALS,
        "POST /api/v1/warnings/{warning_id}/dismiss": OFFICIALS,
        "POST /api/v1/warnings/{warning_id}/file_case": OFFICIALS,
        "POST /api/v1/warnings/{warning_id}/control": OFFICIALS,
        "POST /api/v1/warnings/{warning_id}/reopen": OFFICIALS,
        "POST /api/v1/warnings/{warning_id}/extend": OFFICIALS,
        "GET /api/v1/evidence/{evidence_id}": SITE,
        # review
        "GET /api/v1/findings": OFFICIALS,
        "POST /api/v1/findings/{finding_id}/confirm": OFFICIALS,
        "POST /api/v1/findings/{finding_id}/reject": OFFICIALS,
        "GET /api/v1/findings/{finding_id}/evidence/{sha256}": OFFICIALS,
        "GET /api/v1/dead-letters": OFFICIALS,
        # registers
        "GET /api/v1/merchants/{uscc}/registers/{register}": SITE,
        "POST /api/v1/merchants/{uscc}/registers/{register}": WRITERS,
        "POST /api/v1/merchants/{uscc}/registers/{register}/import": WRITERS,
        "GET /api/v1/additives": PEOPLE,
        "GET /api/v1/additives/names": OFFICIALS,
        "POST /api/v1/additives/names/{name}": OFFICIALS,
        # the ledger
        "GET /api/v1/merchants/{uscc}/score": SITE,
        "GET /api/v1/merchants/{uscc}/deductions": SITE,
        "POST /api/v1/deductions/{deduction_id}/object": OWNER,
        "POST /api/v1/deductions/{deduction_id}/confirm": OFFICIALS,
        "POST /api/v1/deductions/{deduction_id}/withdraw": OFFICIALS,
        "POST /api/v1/deductions/{deduction_id}/reverse": LEADER,
        # the monthly assessment
        "GET /api/v1/assessments": PEOPLE,
        "POST /api/v1/assessments": LEADER,
        "GET /api/v1/assessments/{run_id}": SITE,
        "GET /api/v1/assessments/{run_id}/results": SITE,
        "GET /api/v1/assessments/{run_id}/changes": OFFICIALS,
        "GET /api/v1/assessments/{run_id}/merchants/{uscc}/report": SITE,
        "POST /api/v1/assessments/{run_id}/publish": LEADER,
        "POST /api/v1/assessments/{run_id}/correct": LEADER,
        "POST /api/v1/assessments/{run_id}/objections": OWNER,
        "GET /api/v1/assessment-objections": PEOPLE,
        "POST /api/v1/assessment-objections/{objection_id}/decide": OFFICIALS,
        "GET /api/v1/merchants/{uscc}/rating": SITE,
        "GET /api/v1/interruptions": PEOPLE,
        "POST /api/v1/interruptions": Policy(roles=_OWNER | _OFFICIALS),
        "POST /api/v1/interruptions/{interruption_id}/withdraw": Policy(roles=_OWNER | _OFFICIALS),
        "POST /api/v1/facts": OFFICIALS,
        # what follows from credit; who may what is each kind's own
        "GET /api/v1/credit/figures": OFFICIALS,
        "GET /api/v1/credit/checklist": PEOPLE,
        "GET /api/v1/credit/necips": LEADER,
        "GET /api/v1/credit/{kind}": PEOPLE,
        "GET /api/v1/credit/{kind}/{case_id}": PEOPLE,
        "POST /api/v1/credit/measures/{case_id}/be_heard": OWNER,
        "POST /api/v1/credit/{kind}/{case_id}/{verb}": PEOPLE,
        "POST /api/v1/merchants/{uscc}/conflicts": OFFICIALS,
        "POST /api/v1/merchants/{uscc}/credit/{what}": PEOPLE,
        "GET /api/v1/merchants/{uscc}/credit": SITE,
        "POST /api/v1/regions/{region}/quotas": LEADER,
        "GET /api/v1/regions/{region}/quotas": PEOPLE,
        "POST /api/v1/regions/{region}/trainings": OFFICIALS,
        "GET /api/v1/departments": Policy(roles=_OFFICIALS | {Role.DEPARTMENT}),
        "POST /api/v1/departments/{department}/acknowledgements": Policy(keys=frozenset({Key.SIGNATURE})),
        "GET /api/v1/public/penalties": PUBLIC,
        "GET /api/v1/public/commitments": PUBLIC,
        "GET /api/v1/public/rolls": PUBLIC,
        "GET /api/v1/public/draws": PUBLIC,
        # the installation itself
        "POST /api/v1/alerts/alertmanager": Policy(keys=frozenset({Key.MONITORING})),
        "GET /api/v1/operations": OFFICIALS,
        "GET /api/v1/operations/{operation_id}": OFFICIALS,
        "POST /api/v1/operations/{operation_id}/close": OFFICIALS,
        "GET /api/v1/silences": OFFICIALS,
        "POST /api/v1/silences": LEADER,
        "GET /api/v1/silences/{silence_id}": OFFICIALS,
        "POST /api/v1/silences/{silence_id}/end": LEADER,
        # push
        "GET /api/v1/push/key": PUBLIC,
        "GET /api/v1/push/subscription": PEOPLE,
        "POST /api/v1/push/subscription": PEOPLE,
        "DELETE /api/v1/push/subscription": PEOPLE,
    }
)
"""Method and path of every route → whom it is for."""
