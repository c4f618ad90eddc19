"""What gives an indicator's full points, in words: the goal beside each lost point (domain.md F.20).

Read off the rule itself, so that a scheme file that changes a threshold changes the advice with it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from credit.rating.counts import Checks, Costs, Events, Ratio
from credit.rating.rules import Choice, Linear, Rule, Steps, Value, YesNo
from credit.rating.value import Text, plain

_ANSWER: Final = ("“{0}”即得满分", "full points for “{0}”")
_LIMIT: Final = ("{0} {1}{2} 即得满分", "full points at {0} {1}{2}")
_NUMBER: Final = ("{0}{1} 即得满分", "full points at {0}{1}")
_NONE: Final = Text("没有发生即得满分", "full points if there is none")
_ALL: Final = Text("全部做到即得满分", "full points if all of it is done")
_YES: Final = Text("是", "yes")
_NO: Final = Text("否", "no")


def goal_of(rule: Rule, most: Decimal | None) -> Text | None:  # noqa: PLR0911 - one per kind of rule
    """What gives the full points by a rule; None where the rule does not say.

    Args:
        rule: of the indicator.
        most: its maximum.
    """
    match rule:
        case Choice(options=options):
            best = next((option.title for option in options.values() if option.points == most), None)
            return None if best is None else Text(*_ANSWER, (best,))
        case YesNo(yes=yes, no=no):
            return Text(*_ANSWER, (_YES if yes > no else _NO,))
        case Steps(rows=rows, upward=upward, number=number):
            return Text(*_LIMIT, ("≥" if upward else "≤", plain(rows[0][0]), number.unit))
        case Linear(end=end, unit=unit):
            return Text(*_NUMBER, (plain(end), unit))
        case Value() if most is not None:
            return Text(*_NUMBER, (plain(most), rule.number.unit))
        case Costs(from_full=True) | Events():
            return _NONE
        case Ratio() | Checks():
            return _ALL
        case _:
            return None
