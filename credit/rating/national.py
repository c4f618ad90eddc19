"""The national risk grade of food production and operation (domain.md C.7), shown beside a local grade.

The rule a reader would get wrong: here a higher score is a higher *risk*, the other way round than every credit score. The two
are compared by the place of their grades and never mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from credit.rating.value import Text
from domain.errors import BadInput, Code

GRADES: Final = ("A", "B", "C", "D")
REVIEW_FROM: Final = 2
"""Levels of disagreement with the local grade that open a review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskProfile:
    """The numbers of an edition of the measures.

    Attributes:
        maxima: most points of each part.
        limits: highest score of the grades A, B and C.
        visits_per_year: fewest and most visits by grade.
    """

    maxima: tuple[Decimal, ...]
    limits: tuple[Decimal, Decimal, Decimal]
    visits_per_year: tuple[tuple[Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskGrade:
    """A national risk grade; ``score`` runs from 0 to 100, higher is riskier."""

    score: Decimal
    grade: str
    visits_per_year: tuple[Decimal, Decimal]
    reasons: tuple[Text, ...] = ()


def _visits(*pairs: tuple[str, str]) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(fewest), Decimal(most)) for fewest, most in pairs)


LIMITS: Final = (Decimal(30), Decimal(45), Decimal(60))
MEASURES_2016: Final = RiskProfile(
    maxima=(Decimal(40), Decimal(60)), limits=LIMITS, visits_per_year=_visits(("1", "1"), ("1", "2"), ("2", "3"), ("3", "4"))
)
"""食品生产经营风险分级管理办法（试行）, 2016: static 40, dynamic 60."""
DRAFT_2022: Final = RiskProfile(
    maxima=(Decimal(40), Decimal(40), Decimal(20)),
    limits=LIMITS,
    visits_per_year=_visits(("0.5", "0.5"), ("1", "1"), ("2", "2"), ("3", "3")),
)
"""Draft revision of 2022: static 40, dynamic 40, generic credit 20."""


def national_risk_grade(
    static: Decimal, dynamic: Decimal, *, generic: Decimal | None = None, shift: int = 0, profile: RiskProfile = MEASURES_2016
) -> RiskGrade:
    """The national risk grade.

    Args:
        static: risk of what is made and how, 0 to the profile's first maximum.
        dynamic: risk of how it is managed, 0 to the second.
        generic: generic credit risk, for profiles that have a third part.
        shift: levels to raise (1 or 2: an intentional violation penalised, a failed national or provincial sampling, an accident,
            no recall, obstruction) or to lower (-1: three clean years, HACCP, a quality award).
        profile: the edition of the measures.

    Raises:
        BadInput: a part is out of its range or missing, or the shift is not -1 to 2.
    """
    parts = [("static", static), ("dynamic", dynamic), *([] if generic is None else [("generic", generic)])]
    if len(parts) != len(profile.maxima):
        raise BadInput(
            Code.FIELD, f"the profile has {len(profile.maxima)} parts", where="generic", hint="give or leave out generic"
        )
    for (name, points), most in zip(parts, profile.maxima, strict=True):
        if not 0 <= points <= most:
            raise BadInput(Code.IMPOSSIBLE_VALUE, f"{points} is not from 0 to {most}", where=name)
    if not -1 <= shift <= 2:
        raise BadInput(Code.IMPOSSIBLE_VALUE, f"{shift} levels cannot be shifted", where="shift", hint="-1 to 2")
    score = sum((points for _, points in parts), Decimal(0))
    place = next((at for at, limit in enumerate(profile.limits) if score <= limit), len(profile.limits))
    shifted = min(max(place + shift, 0), len(GRADES) - 1)
    told = Text("由{0}级调整为{1}级", "shifted from {0} to {1}", (GRADES[place], GRADES[shifted]))
    return RiskGrade(
        score=score,
        grade=GRADES[shifted],
        visits_per_year=profile.visits_per_year[shifted],
        reasons=(told,) if shifted != place else (),
    )


def disagreement(local_grade: str, local_grades: Sequence[str], national: RiskGrade) -> int | None:
    """How many levels a local grade and the national one lie apart; from ``REVIEW_FROM`` on somebody should look.

    Args:
        local_grade: the grade of the local scheme; ``unrated`` and ``provisional`` cannot be compared.
        local_grades: all four of them, best first.
        national: the national risk grade.

    Returns:
        The number of levels, or ``None`` if they cannot be compared.
    """
    if local_grade not in local_grades or len(local_grades) != len(GRADES):
        return None
    return abs(local_grades.index(local_grade) - GRADES.index(national.grade))
