"""Commitments 承诺: ten clauses signed, published, renewed, kept or broken (domain.md D.3, X-02, X-07, R-04).

A broken commitment stays published with the breach beside it; one found *false* is revoked, and its signer is kept from
notice-and-commitment procedures for twelve months from the finding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from credit.sampling import months_after
from credit.transitions import BUSINESS, CLOCK, LEADERS, OFFICERS, Lifecycle, Moved
from domain.errors import BadInput, Code, Forbidden
from domain.parties import Actor
from domain.time import local_day, midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One promise; ``codes`` are the violation codes that break it."""

    id: str
    text: Mapping[str, str]
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What is signed.

    Attributes:
        version: a changed template has another one and needs a new signature; what was signed stays until replaced.
        months: validity from the signature.
        remind_days: how many days before the end the signer is reminded.
        publish_within: how soon after the signature it must be public.
        blocked_months: how long a false commitment keeps its signer from notice-and-commitment procedures.
    """

    name: str
    version: str
    clauses: tuple[Clause, ...]
    title: Mapping[str, str]
    months: int = 12
    remind_days: tuple[int, ...] = (30, 7)
    publish_within: timedelta = timedelta(hours=24)
    blocked_months: int = 12

    def content_hash(self) -> str:
        """SHA-256 of what the signer saw: name, version and every clause in both languages."""
        seen = [self.name, self.version, dict(self.title), [[clause.id, dict(clause.text)] for clause in self.clauses]]
        return hashlib.sha256(json.dumps(seen, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    def clauses_of(self, code: str) -> tuple[str, ...]:
        """Ids of the clauses that a violation breaks (X-07)."""
        return tuple(clause.id for clause in self.clauses if code in clause.codes)


class CommitmentState(StrEnum):
    """States of a commitment (D.3)."""

    DRAFT = "draft"
    SIGNED = "signed"
    PUBLISHED = "published"
    BREACH_RECORDED = "breach_recorded"
    RENEWED = "renewed"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    FALSE_FOUND = "false_found"
    REVOKED = "revoked"


class CommitmentCommand(StrEnum):
    """What may happen to one."""

    SIGN = "sign"
    PUBLISH = "publish"
    RECORD_BREACH = "record_breach"
    RENEW = "renew"
    SUPERSEDE = "supersede"
    EXPIRE = "expire"
    FIND_FALSE = "find_false"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A merchant's commitment.

    Attributes:
        signer: who signed: the legal representative or operator, by name.
        content_hash: of the template as it was signed.
        ends_by: first instant it no longer holds.
        breaches: ids of confirmed violations recorded beside it.
        blocked_until: until when its signer is kept from notice-and-commitment procedures.
    """

    id: str
    uscc: str
    template: str
    template_version: str
    state: CommitmentState = CommitmentState.DRAFT
    signer: str = ""
    signed_at: datetime | None = None
    published_at: datetime | None = None
    content_hash: str = ""
    ends_by: datetime | None = None
    breaches: tuple[str, ...] = ()
    replaced_by: str = ""
    blocked_until: datetime | None = None
    version: int = 1


LIVE = frozenset({CommitmentState.PUBLISHED, CommitmentState.BREACH_RECORDED})
"""States in which the public sees it and its unit counts as committed (X-02)."""

_S, _C = CommitmentState, CommitmentCommand
_PUBLIC = {
    _C.RECORD_BREACH: _S.BREACH_RECORDED,
    _C.RENEW: _S.RENEWED,
    _C.SUPERSEDE: _S.SUPERSEDED,
    _C.EXPIRE: _S.EXPIRED,
    _C.FIND_FALSE: _S.FALSE_FOUND,
}
LIFE = Lifecycle(
    entity="commitment",
    steps={
        _S.DRAFT: {_C.SIGN: _S.SIGNED},
        _S.SIGNED: {_C.PUBLISH: _S.PUBLISHED, _C.EXPIRE: _S.EXPIRED, _C.FIND_FALSE: _S.FALSE_FOUND},
        _S.PUBLISHED: _PUBLIC,
        _S.BREACH_RECORDED: _PUBLIC,
        _S.FALSE_FOUND: {_C.REVOKE: _S.REVOKED},
    },
    who={
        _C.SIGN: BUSINESS,
        _C.PUBLISH: CLOCK | OFFICERS,
        _C.RECORD_BREACH: OFFICERS,
        _C.RENEW: BUSINESS,
        _C.SUPERSEDE: BUSINESS,
        _C.EXPIRE: CLOCK,
        _C.FIND_FALSE: OFFICERS,
        _C.REVOKE: LEADERS,
    },
    reasoned=frozenset({_C.RECORD_BREACH, _C.FIND_FALSE, _C.REVOKE}),
)


def sign(commitment: Commitment, template: Template, *, signer: str, actor: Actor, now: datetime) -> Moved[Commitment]:
    """The operator signs what the template says today.

    Raises:
        Forbidden: the actor is not the merchant.
        BadInput: E003 if nobody is named as the signer, or the draft is of another template.
    """
    if actor.uscc != commitment.uscc:
        raise Forbidden(f"{actor.id} does not speak for {commitment.uscc}")
    if not signer.strip():
        raise BadInput(Code.FIELD, "a commitment is signed by a named person", where="signer")
    if (commitment.template, commitment.template_version) != (template.name, template.version):
        raise BadInput(Code.FIELD, "the template has changed since the draft", where="template_version", hint="draft it anew")
    return LIFE.move(
        commitment,
        _C.SIGN,
        actor=actor,
        now=now,
        signer=signer.strip(),
        signed_at=now,
        content_hash=template.content_hash(),
        ends_by=midnight(months_after(local_day(now), template.months)),
    )


def publish(commitment: Commitment, *, actor: Actor, now: datetime) -> Moved[Commitment]:
    """It is shown to everybody."""
    return LIFE.move(commitment, _C.PUBLISH, actor=actor, now=now, published_at=now)


def record_breach(commitment: Commitment, violation_id: str, *, actor: Actor, reason: str, now: datetime) -> Moved[Commitment]:
    """A confirmed violation is recorded beside it; it stays published."""
    breaches = (*commitment.breaches, violation_id) if violation_id not in commitment.breaches else commitment.breaches
    return LIFE.move(
        commitment, _C.RECORD_BREACH, actor=actor, reason=reason, evidence_ids=(violation_id,), now=now, breaches=breaches
    )


def replaced(commitment: Commitment, successor: Commitment, *, actor: Actor, now: datetime) -> Moved[Commitment]:
    """A new signature takes its place: renewed by the same template, superseded by a changed one.

    Raises:
        BadInput: E003 if the successor is not published yet, or is another merchant's.
    """
    if successor.state is not _S.PUBLISHED or successor.uscc != commitment.uscc:
        raise BadInput(Code.FIELD, "the old one stays until the same merchant's new one is published", where="successor")
    same = (successor.template, successor.template_version) == (commitment.template, commitment.template_version)
    command = _C.RENEW if same else _C.SUPERSEDE
    return LIFE.move(commitment, command, actor=actor, now=now, replaced_by=successor.id)


def expire(commitment: Commitment, *, actor: Actor, now: datetime) -> Moved[Commitment] | None:
    """Its time has run out; None while it has not."""
    if commitment.ends_by is None or now < commitment.ends_by:
        return None
    return LIFE.move(commitment, _C.EXPIRE, actor=actor, now=now)


def find_false(
    commitment: Commitment, *, actor: Actor, reason: str, evidence_ids: Sequence[str], now: datetime
) -> Moved[Commitment]:
    """An officer finds what it says to be untrue (不实承诺); a leader decides whether it is revoked.

    Raises:
        BadInput: E003 without evidence.
    """
    if not evidence_ids:
        raise BadInput(Code.FIELD, "a commitment is found false only with evidence", where="evidence_ids")
    return LIFE.move(commitment, _C.FIND_FALSE, actor=actor, reason=reason, evidence_ids=evidence_ids, now=now)


def revoke(commitment: Commitment, template: Template, *, actor: Actor, reason: str, now: datetime) -> Moved[Commitment]:
    """A leader revokes it: public no longer, and its signer blocked."""
    until = midnight(months_after(local_day(now), template.blocked_months) + timedelta(days=1))
    return LIFE.move(commitment, _C.REVOKE, actor=actor, reason=reason, now=now, blocked_until=until)


def blocked(commitments: Sequence[Commitment], now: datetime) -> datetime | None:
    """Until when a merchant is kept from notice-and-commitment procedures; None = free."""
    ends = [each.blocked_until for each in commitments if each.blocked_until is not None and now < each.blocked_until]
    return max(ends, default=None)


def publication_overdue(commitment: Commitment, template: Template, now: datetime) -> bool:
    """Whether a signed one should be public by now."""
    signed = commitment.state is _S.SIGNED and commitment.signed_at is not None
    return signed and commitment.signed_at is not None and now > commitment.signed_at + template.publish_within


def reminders(commitment: Commitment, template: Template) -> tuple[date, ...]:
    """The days on which its signer is reminded of the end, first to last; none unless it is live."""
    if commitment.ends_by is None or commitment.state not in LIVE:
        return ()
    last_day = local_day(commitment.ends_by) - timedelta(days=1)
    return tuple(last_day - timedelta(days=days) for days in sorted(template.remind_days, reverse=True))


def uncommitted(units: Sequence[str], commitments: Sequence[Commitment], now: datetime) -> tuple[str, ...]:
    """Active units without a live commitment: they are flagged (X-02)."""
    live = {each.uscc for each in commitments if each.state in LIVE and (each.ends_by is None or now < each.ends_by)}
    return tuple(unit for unit in units if unit not in live)
