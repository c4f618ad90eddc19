"""What the routes answer, as models of the OpenAPI document.

The rule to know: they describe, they do not filter. An answer is made by ``casework.views``, where a new field may be added at
any time; these models say what is always there, and the tests hold every answer of every route to its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.deductions import DeductionState
from domain.findings import EvidenceKind
from domain.operations import OperationState, SilenceKind
from domain.rules import Level
from domain.warnings import Disposition, State


class Answer(BaseModel):
    """What is always there; more may be added."""

    model_config = ConfigDict(extra="allow")


class ReasonAnswer(Answer):
    """Why something was raised, for programs."""

    code: str
    params: dict[str, str]


class EvidenceAnswer(Answer):
    """A piece of evidence, by reference."""

    id: str
    url: str
    sha256: str = Field(min_length=64, max_length=64)
    kind: EvidenceKind
    media_type: str
    at: datetime
    attempt: int


class WarningAnswer(Answer):
    """A warning in a list; ``version`` is its entity tag."""

    id: str
    merchant: str
    merchant_name: str
    region: str
    level: Level
    rule: str
    violation_code: str
    class_: str = Field(alias="class")
    subject: str
    camera: str | None
    zone: str | None
    state: State
    disposition: Disposition | None
    event_time: datetime
    raised_at: datetime
    notified_at: datetime | None
    acknowledged_at: datetime | None
    submitted_at: datetime | None
    closed_at: datetime | None
    controlled_until: datetime | None
    rectify_by: datetime | None
    close_by: datetime | None
    rectify_overdue: bool
    closure_overdue: bool
    on_time: bool | None
    extended: bool
    attempt: int
    escalation_level: int
    evidence: list[EvidenceAnswer]
    evidence_count: int
    why: str
    reason: ReasonAnswer
    version: int


class StepAnswer(Answer):
    """A step of the audit trail; ``hash`` chains it to the one before."""

    seq: int
    from_: str = Field(alias="from")
    to: str
    at: datetime
    actor: str
    actor_role: str
    reason: str
    evidence_ids: list[str]
    hash: str


class DeductionAnswer(Answer):
    """An entry of the ledger."""

    id: str
    merchant: str
    scheme: str
    warning: str
    violation_code: str
    points: int | float
    state: DeductionState
    month: str
    ordinal: int
    components: dict[str, Any]
    proposed_at: datetime
    objection_until: datetime
    decided_at: datetime | None
    note: str
    why: str


class WarningDetailAnswer(WarningAnswer):
    """A warning with its story."""

    history: list[StepAnswer]
    deductions: list[DeductionAnswer]
    server_time: datetime


class WarningsAnswer(Answer):
    """A page of warnings; ``next`` is the cursor of the following one."""

    items: list[WarningAnswer]
    next: str | None


class DeductionsAnswer(Answer):
    """Entries of the ledger."""

    items: list[DeductionAnswer]


class ScoreAnswer(Answer):
    """A live score; higher is better."""

    merchant: str
    scheme: str
    month: str
    score: int | float
    score_if_confirmed: int | float
    grade: str | None
    grade_if_confirmed: str | None
    server_time: datetime


class PictureAnswer(Answer):
    """A picture of a finding."""

    url: str
    sha256: str
    media_type: str
    at: datetime


class FindingAnswer(Answer):
    """A finding that waits for a reviewer."""

    id: str
    merchant: str
    rule: str
    class_: str = Field(alias="class")
    level: Level
    subject: str
    event_time: datetime
    detected_at: datetime
    confidence: float | None
    why: str
    reason: ReasonAnswer
    evidence: list[PictureAnswer]
    confirmed_once: bool
    review_by: datetime | None
    escalated: bool


class FindingsAnswer(Answer):
    """A page of the review queue."""

    items: list[FindingAnswer]


class DecidedFindingAnswer(Answer):
    """What became of a finding."""

    id: str
    state: str


class LetterAnswer(Answer):
    """A refused message; ``raw`` is base64."""

    key: str
    source: str
    code: str
    reason: str
    received_at: datetime
    merchant: str | None
    device_id: str | None
    raw: str


class LettersAnswer(Answer):
    """Refused messages."""

    items: list[LetterAnswer]


class ItemsAnswer(Answer):
    """A list of objects."""

    items: list[dict[str, Any]]


class CaseAnswer(Answer):
    """A case of what follows from credit; ``commands`` are those the reader may give now."""

    id: str
    state: str
    commands: list[str]


class CasesAnswer(Answer):
    """A list of cases."""

    items: list[CaseAnswer]


class RunAnswer(Answer):
    """A run of the monthly assessment."""

    id: str
    scheme: str
    month: str
    state: str


class RunsAnswer(Answer):
    """Runs of the monthly assessment."""

    items: list[RunAnswer]


class ObjectionAnswer(Answer):
    """An objection to a month's result."""

    id: str
    merchant: str
    state: str


class ResultsAnswer(Answer):
    """A page of results by merchant."""

    items: list[dict[str, Any]]
    next: str | None


class TakenAnswer(Answer):
    """How many alerts led to what."""

    opened: int
    attached: int
    closed: int
    ignored: int


class OperationAnswer(Answer):
    """An operational warning; ``version`` is its entity tag."""

    id: str
    fingerprint: str
    name: str
    severity: str
    summary: str
    labels: dict[str, str]
    annotations: dict[str, str]
    link: str
    merchant: str | None
    region: str
    device_id: str | None
    state: OperationState
    began_at: datetime
    opened_at: datetime
    seen_at: datetime
    times: int
    silenced_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    reason: str
    version: int


class OperationsAnswer(Answer):
    """A page of operational warnings."""

    items: list[OperationAnswer]
    next: str | None


class SilenceAnswer(Answer):
    """A silence; ``version`` is its entity tag."""

    id: str
    kind: SilenceKind
    author: str
    reason: str
    begins_at: datetime
    ends_at: datetime
    created_at: datetime
    name: str
    device_id: str
    merchant: str
    region: str
    ended_by: str | None
    active: bool
    version: int


class SilencesAnswer(Answer):
    """Silences that hold or will hold something back."""

    items: list[SilenceAnswer]
    server_time: datetime


class HealthAnswer(Answer):
    """The process answers."""

    status: Literal["ok"]
    now: datetime


class IdAnswer(Answer):
    """What was made."""

    id: str


class KeyAnswer(Answer):
    """The application server key of Web Push."""

    key: str


class VerdictAnswer(Answer):
    """What became of an observation, or of a batch of them (``items``)."""

    result: str | None = None
    items: list[dict[str, Any]] | None = None


ANSWERS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "GET /healthz": HealthAnswer,
        "POST /api/v1/observations": VerdictAnswer,
        "GET /api/v1/warnings": WarningsAnswer,
        "GET /api/v1/warnings/{warning_id}": WarningDetailAnswer,
        **{
            f"POST /api/v1/warnings/{{warning_id}}/{verb}": WarningDetailAnswer
            for verb in ("acknowledge", "start", "submit", "verify", "dismiss", "file_case", "control", "reopen", "extend")
        },
        "GET /api/v1/merchants/{uscc}/score": ScoreAnswer,
        "GET /api/v1/merchants/{uscc}/deductions": DeductionsAnswer,
        **{
            f"POST /api/v1/deductions/{{deduction_id}}/{verb}": DeductionAnswer
            for verb in ("object", "confirm", "withdraw", "reverse")
        },
        "GET /api/v1/findings": FindingsAnswer,
        "POST /api/v1/findings/{finding_id}/confirm": DecidedFindingAnswer,
        "POST /api/v1/findings/{finding_id}/reject": DecidedFindingAnswer,
        "GET /api/v1/dead-letters": LettersAnswer,
        "GET /api/v1/assessments": RunsAnswer,
        "POST /api/v1/assessments": RunAnswer,
        "GET /api/v1/assessments/{run_id}": RunAnswer,
        "GET /api/v1/assessments/{run_id}/results": ResultsAnswer,
        "POST /api/v1/assessments/{run_id}/publish": RunAnswer,
        "POST /api/v1/assessments/{run_id}/correct": RunAnswer,
        "POST /api/v1/assessments/{run_id}/objections": ObjectionAnswer,
        "GET /api/v1/assessment-objections": ItemsAnswer,
        "POST /api/v1/assessment-objections/{objection_id}/decide": ObjectionAnswer,
        "GET /api/v1/credit/checklist": ItemsAnswer,
        "GET /api/v1/credit/{kind}": CasesAnswer,
        "GET /api/v1/credit/{kind}/{case_id}": CaseAnswer,
        "POST /api/v1/credit/measures/{case_id}/be_heard": CaseAnswer,
        "POST /api/v1/credit/{kind}/{case_id}/{verb}": CaseAnswer,
        "POST /api/v1/merchants/{uscc}/credit/{what}": CaseAnswer,
        "POST /api/v1/merchants/{uscc}/conflicts": IdAnswer,
        "GET /api/v1/regions/{region}/quotas": ItemsAnswer,
        "POST /api/v1/regions/{region}/trainings": CaseAnswer,
        "GET /api/v1/departments": ItemsAnswer,
        "GET /api/v1/interruptions": ItemsAnswer,
        "GET /api/v1/public/penalties": ItemsAnswer,
        "GET /api/v1/public/commitments": ItemsAnswer,
        "GET /api/v1/public/rolls": ItemsAnswer,
        "GET /api/v1/public/draws": ItemsAnswer,
        "POST /api/v1/alerts/alertmanager": TakenAnswer,
        "GET /api/v1/operations": OperationsAnswer,
        "GET /api/v1/operations/{operation_id}": OperationAnswer,
        "POST /api/v1/operations/{operation_id}/close": OperationAnswer,
        "GET /api/v1/silences": SilencesAnswer,
        "POST /api/v1/silences": SilenceAnswer,
        "GET /api/v1/silences/{silence_id}": SilenceAnswer,
        "POST /api/v1/silences/{silence_id}/end": SilenceAnswer,
        "GET /api/v1/push/key": KeyAnswer,
        "GET /api/v1/push/subscription": ItemsAnswer,
        "POST /api/v1/push/subscription": IdAnswer,
    }
)
"""Method and path → what a good answer holds; the others answer a file, a stream, nothing, or their own model."""
