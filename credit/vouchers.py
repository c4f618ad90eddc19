"""Voucher quotas 消费券 and 服务券: two kinds, by grade, never oversold (domain.md C.3, Z-18).

An application is granted whole or refused whole, with the reason. The rule is pure: whoever stores the grant must do so under a
lock or a conditional update of ``Quota.granted``, or two applications at once could both see the last voucher.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from credit.entitlements import Offer


class VoucherKind(StrEnum):
    """What the voucher is for."""

    CONSUMPTION = "consumption"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The vouchers of one kind and month that a street or market hands out, to all its merchants together."""

    kind: VoucherKind
    month: str
    size: int
    granted: int = 0

    @property
    def left(self) -> int:
        """How many are left."""
        return self.size - self.granted


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A merchant asks for vouchers of one kind in one month."""

    uscc: str
    kind: VoucherKind
    month: str
    count: int


class Answer(StrEnum):
    """What became of an application."""

    GRANTED = "granted"
    NOT_POSITIVE = "not_positive"
    OTHER_QUOTA = "other_quota"
    GRADE_HAS_NONE = "grade_has_none"
    ABOVE_SHARE = "above_share"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer, and the quota after it (unchanged unless granted)."""

    answer: Answer
    quota: Quota
    share_left: int


def decide(application: Application, quota: Quota, offer: Offer, *, granted_before: int) -> Decision:
    """Grant or refuse an application.

    Args:
        application: what is asked for.
        quota: of that kind and month.
        offer: of the merchant's grade as published.
        granted_before: vouchers of that kind the merchant was granted in the month.
    """
    share_left = max(0, offer.vouchers_per_month - granted_before)
    answer = _answer(application, quota, offer, share_left)
    if answer is not Answer.GRANTED:
        return Decision(answer=answer, quota=quota, share_left=share_left)
    taken = replace(quota, granted=quota.granted + application.count)
    return Decision(answer=answer, quota=taken, share_left=share_left - application.count)


def _answer(application: Application, quota: Quota, offer: Offer, share_left: int) -> Answer:
    if application.count <= 0:
        return Answer.NOT_POSITIVE
    if (application.kind, application.month) != (quota.kind, quota.month):
        return Answer.OTHER_QUOTA
    if offer.vouchers_per_month == 0:
        return Answer.GRADE_HAS_NONE
    if application.count > share_left:
        return Answer.ABOVE_SHARE
    return Answer.GRANTED if application.count <= quota.left else Answer.EXHAUSTED
