"""A merchant's live score in a month (domain.md C.4, section 0.3).

``score`` counts final deductions only; ``score_if_confirmed`` also what is proposed or under objection. A floor names the best
band still possible: it can make a grade worse than the points alone, never better.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from credit.scheme import CENT, Band, Scheme
from domain.deductions import Deduction, DeductionState, Score

STANDING = frozenset({DeductionState.PROPOSED, DeductionState.OBJECTED, DeductionState.FINAL})
"""States in which an entry counts or may come to count."""


def score(scheme: Scheme, uscc: str, month: str, deductions: Iterable[Deduction]) -> Score:
    """The score of one merchant in one month.

    Args:
        scheme: what the merchant is rated by.
        uscc: the merchant; others' entries are left out.
        month: ``YYYY-MM``; entries of other months and schemes are left out.
        deductions: the ledger, in any order.
    """
    own = [d for d in deductions if (d.uscc, d.scheme, d.month) == (uscc, scheme.name, month)]
    final = [d for d in own if d.state is DeductionState.FINAL]
    standing = [d for d in own if d.state in STANDING]
    return Score(
        scheme=scheme.name,
        uscc=uscc,
        month=month,
        score=_points_left(scheme, final),
        score_if_confirmed=_points_left(scheme, standing),
        grade=_grade(scheme, final).name,
        grade_if_confirmed=_grade(scheme, standing).name,
    )


def _points_left(scheme: Scheme, counted: Sequence[Deduction]) -> Decimal:
    left = scheme.start - sum((d.points for d in counted), Decimal(0))
    return max(Decimal(0), left).quantize(CENT, ROUND_HALF_UP)


def _grade(scheme: Scheme, counted: Sequence[Deduction]) -> Band:
    band = scheme.band_of(_points_left(scheme, counted))
    for deduction in counted:
        rule = scheme.rules.get(deduction.violation_code)
        if rule is not None and rule.floor is not None:
            band = scheme.worse(band, scheme.band(rule.floor))
    return band
