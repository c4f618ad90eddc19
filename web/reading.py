"""What a signed-in person may read, for the API and the pages alike. Every function takes the actor and shows nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from casework.desk import merchant_of
from casework.intake import review_queue
from domain.deductions import Deduction
from domain.errors import BadInput, Code, NotFound
from domain.events import DeadLetter
from domain.findings import Finding, FindingState, Review
from domain.parties import Actor, Merchant, Role
from domain.rules import Level
from domain.warnings import AuditEntry, Evidence, State, Warning
from store.ports import Store, UnitOfWork, WarningQuery

MERCHANT_SIDE = frozenset({Role.MERCHANT, Role.STAFF})
NO_REGION = "-"
"""A region in which nobody is: what an inspector without one sees."""
STATE_WORDS = frozenset({"open", *State})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A warning with what a list shows beside it."""

    warning: Warning
    evidence: Sequence[Evidence]
    merchant: Merchant | None

    @property
    def merchant_name(self) -> str:
        """The merchant's name, or its code where it is not registered any more."""
        return self.merchant.name if self.merchant is not None else self.warning.uscc


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A warning with its whole story."""

    shown: Shown
    history: Sequence[AuditEntry]
    deductions: Sequence[Deduction]
    actors: Mapping[str, str]


def query_of(
    actor: Actor,
    *,
    state: str | None = None,
    merchant: str | None = None,
    level: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> WarningQuery | None:
    """The query of a listing, narrowed to what the actor may see; None if that is nothing.

    Raises:
        BadInput: E003 on a state or level that does not exist.
    """
    if state and state not in STATE_WORDS:
        raise BadInput(Code.FIELD, f"no state {state[:40]!r}", where="state", hint=" | ".join(sorted(STATE_WORDS)))
    if level and level not in set(Level):
        raise BadInput(Code.FIELD, f"no level {level[:40]!r}", where="level", hint=" | ".join(Level))
    query = WarningQuery(
        state=state or None,
        uscc=(merchant or "").upper() or None,
        level=level or None,
        cursor=cursor or None,
        limit=limit,
    )
    if actor.role in MERCHANT_SIDE:
        if actor.uscc is None or query.uscc not in (None, actor.uscc):
            return None
        return replace(query, uscc=actor.uscc)
    if actor.role is Role.INSPECTOR:
        return replace(query, region=actor.region) if actor.region is not None else None
    return query


def list_warnings(store: Store, query: WarningQuery | None) -> tuple[list[Shown], str | None]:
    """One page of warnings, newest first, and the cursor of the next."""
    if query is None:
        return [], None
    with store.reading() as uow:
        warnings, following = uow.warnings.query(query)
        return shown(uow, warnings), following


def all_warnings(store: Store, query: WarningQuery | None, *, most: int = 500) -> tuple[list[Shown], bool]:
    """Every warning of a query up to a number, and whether there are more."""
    found: list[Shown] = []
    while query is not None and len(found) < most:
        some, following = list_warnings(store, replace(query, limit=min(100, most - len(found))))
        found.extend(some)
        query = replace(query, cursor=following) if following else None
    return found, query is not None


def shown(uow: UnitOfWork, warnings: Sequence[Warning]) -> list[Shown]:
    """Warnings with their evidence and merchants."""
    evidence = uow.evidence.of_many([warning.id for warning in warnings])
    merchants = {uscc: uow.merchants.get(uscc) for uscc in {warning.uscc for warning in warnings}}
    return [
        Shown(warning=warning, evidence=evidence.get(warning.id, []), merchant=merchants[warning.uscc]) for warning in warnings
    ]


def find_warning(uow: UnitOfWork, actor: Actor, warning_id: str) -> Warning:
    """The warning, if it exists and the actor may know of it.

    Raises:
        NotFound: otherwise; the two are not told apart.
    """
    warning = uow.warnings.get(warning_id)
    if warning is None or not actor.may_see(uscc=warning.uscc, region=warning.region):
        raise NotFound(f"no warning {warning_id}")
    return warning


def tell(store: Store, actor: Actor, warning_id: str) -> Told:
    """A warning with its story. Raises NotFound."""
    with store.reading() as uow:
        warning = find_warning(uow, actor, warning_id)
        history = uow.audit.of("warning", warning_id)
        names = {}
        for step in history:
            user = uow.users.get(step.actor)
            names[step.actor] = user.name if user is not None else ""
        return Told(
            shown=shown(uow, [warning])[0],
            history=history,
            deductions=uow.deductions.of_warning(warning_id),
            actors=names,
        )


def find_merchant(uow: UnitOfWork, actor: Actor, uscc: str) -> Merchant:
    """The merchant, if the actor may know of it. Raises NotFound."""
    merchant = uow.merchants.get(uscc.upper())
    if merchant is None or not actor.may_see(uscc=merchant.uscc, region=merchant.region):
        raise NotFound(f"no merchant {uscc[:40]}")
    return merchant


def find_deduction(uow: UnitOfWork, actor: Actor, deduction_id: str) -> Deduction:
    """The deduction, if the actor may see its merchant. Raises NotFound."""
    deduction = uow.deductions.get(deduction_id)
    if deduction is None:
        raise NotFound(f"no deduction {deduction_id}")
    try:
        find_merchant(uow, actor, deduction.uscc)
    except NotFound:
        raise NotFound(f"no deduction {deduction_id}") from None
    return deduction


def find_evidence(uow: UnitOfWork, actor: Actor, evidence_id: str) -> Evidence:
    """The evidence, if the actor may see its warning. Raises NotFound."""
    evidence = uow.evidence.get(evidence_id)
    if evidence is None:
        raise NotFound(f"no evidence {evidence_id}")
    try:
        find_warning(uow, actor, evidence.warning_id)
    except NotFound:
        raise NotFound(f"no evidence {evidence_id}") from None
    return evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A finding that waits for a person's eyes.

    Attributes:
        confirmed_once: one person has confirmed it already and a second one must (domain.md F.3).
        review: its own clock (section 0.1); None if it was queued without one.
    """

    finding: Finding
    merchant: Merchant
    confirmed_once: bool
    review: Review | None


def waiting_findings(store: Store, actor: Actor, *, limit: int = 500) -> list[Waiting]:
    """Findings that wait for a reviewer, of merchants the actor may see; the one due first comes first."""
    with store.reading() as uow:
        found = review_queue(uow, actor, limit=limit)
        merchants = {uscc: merchant_of(uow, uscc) for uscc in {finding.uscc for finding in found}}
        return [
            Waiting(
                finding=finding,
                merchant=merchants[finding.uscc],
                confirmed_once=_is_halfway(uow.audit.of("finding", finding.id)),
                review=uow.findings.review(finding.id),
            )
            for finding in found
        ]


def _is_halfway(steps: Sequence[AuditEntry]) -> bool:
    return any(step.from_state == step.to_state == FindingState.REVIEW for step in steps)


def find_finding(uow: UnitOfWork, actor: Actor, finding_id: str) -> Finding:
    """The finding, if the actor may see its merchant. Raises NotFound."""
    found = uow.findings.get(finding_id)
    merchant = uow.merchants.get(found[0].uscc) if found is not None else None
    if found is None or merchant is None or not actor.may_see(uscc=merchant.uscc, region=merchant.region):
        raise NotFound(f"no finding {finding_id}")
    return found[0]


def dead_letters(store: Store, actor: Actor, *, code: str | None = None, limit: int = 100) -> list[DeadLetter]:
    """Refused messages an official may see: those of merchants in the region, and those that name nobody known."""
    region = (actor.region or NO_REGION) if actor.role is Role.INSPECTOR else None
    with store.reading() as uow:
        return list(uow.dead_letters.list(code=code or None, region=region, limit=limit))
