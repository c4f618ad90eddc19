"""The clock of the reviewers' queue: how long, to whom then, and what becomes of what nobody looks at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from alerts.review import ReviewDue, clock, due, severity_of
from domain.findings import Review
from domain.rules import CameraRule, Level, Rules, Severity
from tests.unit.alerts.builders import a_finding

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("severity", "after", "escalated", "what"),
    [
        (Severity.SERIOUS, 2 * HOUR, False, None),
        (Severity.SERIOUS, 2 * HOUR + TICK, False, ReviewDue.ESCALATE),
        (Severity.SERIOUS, 2 * HOUR + TICK, True, None),
        (Severity.SERIOUS, 9999 * HOUR, True, None),
        (Severity.GENERAL, 24 * HOUR, False, None),
        (Severity.GENERAL, 24 * HOUR + TICK, False, ReviewDue.ESCALATE),
        (Severity.MINOR, 24 * HOUR + TICK, False, ReviewDue.ESCALATE),
        (Severity.GENERAL, 72 * HOUR, True, None),
        (Severity.GENERAL, 72 * HOUR + TICK, True, ReviewDue.EXPIRE),
        (Severity.MINOR, 72 * HOUR + TICK, False, ReviewDue.EXPIRE),
    ],
)
def test_what_is_due_and_when(severity, after, escalated, what):
    queued = clock(severity, NOW)
    review = Review(review_by=queued.review_by, expires_at=queued.expires_at, escalated=escalated)
    assert due(review, NOW + after) is what
    if what is not None:
        assert review.next_due_at is not None
        assert review.next_due_at <= NOW + after, "the index must offer what is due"


def test_severity_is_that_of_the_class_and_a_red_finding_without_one_is_serious():
    rules = Rules(camera={"no_hat": CameraRule(name="no_hat", violation_code="CV01", severity=Severity.MINOR, level=Level.RED)})
    assert severity_of(a_finding(rule="no_hat", level=Level.RED), rules) is Severity.MINOR
    assert severity_of(a_finding(rule="RW1", level=Level.RED), rules) is Severity.SERIOUS
    assert severity_of(a_finding(rule="gone", level=Level.ORDINARY), rules) is Severity.GENERAL
