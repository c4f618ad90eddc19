"""Made-up braised-meat workshops and stalls for Xiangshan's scheme: a month of violations and findings drawn from a seed.

Most units are well run; many are found wanting on the weekly checklist; two sold what had expired. What that costs is for the
ledger to say, and which colour it comes to for the assessment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from random import Random
from typing import Any, Final

from cli.demo_people import Drawn, at_clock, case, code_of, days_of, names
from credit.publication import first_of
from credit.sampling import months_after
from credit.scheme import Scheme
from domain.deductions import Deduction
from domain.parties import BusinessForm, Merchant, OpeningHours
from domain.time import format_instant

REGION: Final = "330225"
_UNITS: Final = ("卤味店", "烤鸭铺", "酱肉坊", "卤肉工坊", "熟食店", "牛肉铺")
_MARKETS: Final = tuple(f"放心市场{number:02d}" for number in range(1, 19))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a kind of unit is run; pairs are from and to, in the month.

    Attributes:
        units: how many of them there are.
        minor, general: items of the weekly checklist not met.
        complaints: upheld ones.
        thin: share of units that bind fewer than 95 % of their sales.
        absent: share of units that missed the training.
        stale: share of units in whose store something had expired, set right in time.
        sold: whether expired goods were sold, and not set right in time.
    """

    units: int
    minor: tuple[int, int]
    general: tuple[int, int]
    complaints: tuple[int, int]
    thin: float
    absent: float
    stale: float
    sold: bool = False


MARKETS: Final = (
    Manner(units=91, minor=(0, 4), general=(0, 1), complaints=(0, 0), thin=0.2, absent=0.2, stale=0.15),
    Manner(units=113, minor=(0, 3), general=(4, 5), complaints=(1, 2), thin=0.5, absent=0.3, stale=0.25),
    Manner(units=2, minor=(1, 3), general=(2, 3), complaints=(0, 1), thin=0.5, absent=0.5, stale=0.0, sold=True),
)
"""Units as in August 2023: half of them without much to find, half with a list to work off, two that sold what had expired."""


def market(month: str, ledger: Scheme, *, seed: int = 206) -> Drawn:
    """A month of raw facts of the 206 units in 18 markets.

    Args:
        month: ``YYYY-MM``.
        ledger: what violations cost, for the entries of the ledger.
        seed: the same seed draws the same units.
    """
    random, drawn = Random(seed), Drawn()  # noqa: S311 - made-up data, not a secret
    signs = names(random, _UNITS)
    manners = [manner for manner in MARKETS for _ in range(manner.units)]
    random.shuffle(manners)
    for manner in manners:
        merchant = Merchant(
            uscc=code_of(random, REGION),
            name=next(signs),
            region=REGION,
            business_form=random.choice((BusinessForm.WORKSHOP, BusinessForm.STALL)),
            scheme="xiangshan",
            site=random.choice(_MARKETS),
            address=f"丹城 {random.randint(1, 199)} 号",
            opening=OpeningHours(opens=time(6), closes=time(18)),
        )
        drawn.merchants.append(merchant)
        _Unit(random, drawn, merchant, manner, month, ledger).draw()
    return drawn


class _Unit:
    """Draws one unit's month."""

    def __init__(self, random: Random, drawn: Drawn, merchant: Merchant, manner: Manner, month: str, ledger: Scheme) -> None:  # noqa: PLR0917 - private
        self.random, self.drawn, self.merchant, self.manner = random, drawn, merchant, manner
        self.month, self.first, self.ledger = month, first_of(month), ledger
        self.days = days_of(self.first)

    def draw(self) -> None:
        """Everything of the month."""
        random, manner = self.random, self.manner
        self._tell("contract_began_on", months_after(self.first, -random.randint(0, 10)).isoformat(), until="open")
        weekly = [self._item("minor") for _ in range(random.randint(*manner.minor))]
        weekly += [self._item("general") for _ in range(random.randint(*manner.general))]
        self._tell("violations.weekly", weekly)
        told = [self._violation("XV17", f"投诉-{n}") for n in range(random.randint(*manner.complaints))]
        if random.random() < manner.thin:
            told.append(self._violation("XV14", "追溯", coverage=f"{random.uniform(81, 94.5):.1f}"))
        if random.random() < manner.absent:
            told.append(self._violation("XV18", "培训"))
        self._tell("violations.others", told)
        self._expiries()

    def _item(self, severity: str) -> dict[str, Any]:
        return self._violation("XV16", f"对照表-{self.random.randint(1, 48)}", severity=severity)

    def _violation(self, code: str, subject: str, **more: str) -> dict[str, Any]:
        at = at_clock(self.random.choice(self.days), self.random.uniform(8, 17))
        absent = dict.fromkeys(("notified_at", "rectified_at", "rectify_by", "incident_id"))
        return {"code": code, "at": format_instant(at), **absent, "subject": subject, **more}

    def _expiries(self) -> None:
        entries: list[Deduction] = []
        if self.random.random() < self.manner.stale:
            self._case("XV01", on_time=True, history=entries)
        if self.manner.sold:
            self._case("XV04", on_time=False, history=entries)

    def _case(self, code: str, *, on_time: bool, history: list[Deduction]) -> None:
        at = at_clock(self.days[self.random.randrange(18)], self.random.uniform(7, 15)) + timedelta(seconds=1)
        lot = f"L{at:%m%d}{self.random.choice('ABC')}"
        warning, entry = case(self.merchant, self.ledger, code, lot, at, history=history, on_time=on_time)
        history.append(entry)
        self.drawn.cases.append((warning, entry))

    def _tell(self, fact: str, value: Any, *, until: str = "") -> None:
        row = {"uscc": self.merchant.uscc, "fact": fact, "value": value, "month": self.month, "source": "每周现场评价"}
        self.drawn.rows.append(row | ({"until": until} if until else {}))
