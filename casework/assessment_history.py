"""Every version and revision of one merchant's month, each beside the one before it: what an objection or a correction changed.

Nothing that was shown before is rewritten (domain.md F.5), so the earlier ones are all still there to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from casework.assessment import Assessor
from casework.assessment_comparison import Why, rating_of, why
from casework.assessment_scores import SHOWN
from domain.parties import Merchant
from store.assessments import Result, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One result of a month as it stood at a time.

    Attributes:
        at: when it was made.
        why: what moved it from the one before; None of the first.
        reason: said for a further version; empty of a revision inside the window.
        supplied: it came of what the merchant supplied.
    """

    run: Run
    result: Result
    at: datetime
    why: Why | None
    reason: str
    supplied: bool


def versions(assessor: Assessor, merchant: Merchant, month: str) -> Sequence[Version]:
    """What a merchant's month came to, the first result first."""
    found: list[Version] = []
    before = None
    with assessor.store.reading() as uow:
        runs = [run for run in uow.assessments.runs(scheme=merchant.scheme, month=month) if run.state in SHOWN]
        for run in sorted(runs, key=lambda each: each.version):
            last = uow.assessments.result(run.id, merchant.uscc)
            for revision in range(1, last.revision + 1 if last is not None else 1):
                result = uow.assessments.result(run.id, merchant.uscc, revision)
                inputs = uow.assessments.inputs(run.id, merchant.uscc, revision)
                rated = rating_of(assessor, uow, run, merchant.uscc, revision)
                if result is None or inputs is None or rated is None:
                    continue
                found.append(
                    Version(
                        run=run,
                        result=result,
                        at=result.rated_at,
                        why=None if before is None else why(rated, before),
                        reason=run.reason,
                        supplied=inputs.why == "supplied",
                    )
                )
                before = rated
    return found
