"""One fact, one deduction must never pay: the grade is not better for a violation more (domain.md C.4, C.0; monotonicity).

C.4 charges an incident "only with the highest-point code", compares base points, and does not count the loser for n. So a graver
code that joins an incident can cost fewer points than the code it pushes out: 20 for the first XV02 in time, where the second
XV04, late, had cost 15 × 1.5 + 7.5 = 30. The points stay as C.4 says. The grade is held to the worst that any sibling would have
led to if it had been charged instead, so that nobody ends up better for having done more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Final

from credit.rating.charges import Case, Charge, charge
from credit.rating.ledger_facts import Violation

_STEPS: Final = 6_000
"""Most violations charged in looking: four hundred choices among fifteen violations."""

Worse = Callable[[tuple[Charge, ...]], int]
"""The place of the band the charges lead to; a higher one is worse."""


def worst_choice(case: Case, place_of: Worse, *, worst: int) -> tuple[int, Mapping[str, Violation]]:
    """The worst band that charging other siblings leads to, and who would be charged in which incident.

    All choices are tried where there are few; where there are many, one incident after the other is turned to what costs more
    until nothing does.

    Args:
        case: of one merchant.
        place_of: the band of some charges.
        worst: place of the last band: nothing is worse.

    Returns:
        The place of the band the scheme's own choice leads to, with no choice, if none is worse.
    """
    place = place_of(charge(case))
    rivals = {id_: [each for each in siblings if each.place is not None] for id_, siblings in case.incidents.items()}
    rivals = {id_: siblings for id_, siblings in rivals.items() if len(siblings) > 1}
    if not rivals or place == worst or place_of(charge(_apart(case))) == place:
        return place, {}
    tries = 1
    for siblings in rivals.values():
        tries *= len(siblings)
    search = _all if tries * len(case.violations) <= _STEPS else _uphill
    return search(case, place_of, rivals, (place, {}))


def _apart(case: Case) -> Case:
    """Every violation an incident of its own: it costs at least as much as any choice."""
    return Case(case.scheme, case.violations, case.entries, case.facts, {})


Found = tuple[int, Mapping[str, Violation]]


def _all(case: Case, place_of: Worse, rivals: Mapping[str, list[Violation]], found: Found) -> Found:
    for picks in product(*rivals.values()):
        chosen = dict(zip(rivals, picks, strict=True))
        place = place_of(charge(case, chosen))
        if place > found[0]:
            found = place, chosen
    return found


def _uphill(case: Case, place_of: Worse, rivals: Mapping[str, list[Violation]], found: Found) -> Found:
    best: dict[str, Violation] = {}
    lost = _lost(charge(case))
    for steps, (id_, each) in enumerate((id_, each) for id_, siblings in rivals.items() for each in siblings):
        if steps * len(case.violations) > _STEPS:
            break
        charges = charge(case, {**best, id_: each})
        if _lost(charges) > lost:
            best, lost = {**best, id_: each}, _lost(charges)
            place = place_of(charges)
            if place > found[0]:
                found = place, dict(best)
    return found


def _lost(charges: tuple[Charge, ...]) -> Any:
    return sum(each.entry.points for each in charges if each.violation.place is not None)
