"""A made-up street of small restaurants for Zhenhai's scheme: a month of raw facts drawn from a seed.

Shops differ in how well they are run; what each then does is drawn item by item. Which colour it comes to, the assessment says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from random import Random
from typing import Any, Final

from cli.demo_people import Drawn, at_clock, case, chance, code_of, days_of, device_of, names, seen
from credit.publication import first_of
from credit.scheme import Scheme
from domain.deductions import Deduction
from domain.ids import DeviceKind
from domain.observations import Kind
from domain.parties import BusinessForm, Merchant, OpeningHours

REGION: Final = "330211"
OPENS, CLOSES = 17, 21
_SHOPS: Final = ("面馆", "砂锅", "烧烤", "快餐", "奶茶", "麻辣烫", "水饺", "小笼", "炒菜馆", "螺蛳粉", "煎饼", "甜品")
_DUTIES: Final = (
    "annual_report", "penalty", "tax", "P07", "P13", "P17", "I01", "I02", "I03", "I04", "I11", "I17", "I19", "I21", "I23", "G04",
)  # fmt: skip
_CLASSES: Final = (
    ("no_mask", "CV02"),
    ("no_hat", "CV01"),
    ("no_gloves", "CV03"),
    ("bin_uncovered", "CV07"),
    ("pest_or_pet", "CV10"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a kind of shop is run: shares of days or items that go well, and ranges of what goes wrong.

    Attributes:
        shops: how many there are of them on the street.
        dark: hours a month in which the camera is dark, from and to.
        kept: share of records, vouchers and checks that are kept.
        findings: confirmed camera findings in the month, from and to.
        neglected: how many duties are neglected, from and to.
        score: of the last spot check, from and to.
        stars: weights of one to five stars.
    """

    shops: int
    dark: tuple[float, float]
    kept: tuple[float, float]
    findings: tuple[int, int]
    neglected: tuple[int, int]
    score: tuple[int, int]
    stars: tuple[int, int, int, int, int]


STREET: Final = (
    Manner(shops=40, dark=(0, 4), kept=(0.96, 1.0), findings=(0, 1), neglected=(0, 0), score=(92, 99), stars=(0, 0, 1, 4, 12)),
    Manner(shops=85, dark=(4, 9), kept=(0.81, 0.88), findings=(1, 3), neglected=(5, 6), score=(75, 84), stars=(0, 1, 3, 8, 6)),
    Manner(shops=20, dark=(16, 24), kept=(0.58, 0.66), findings=(5, 6), neglected=(8, 8), score=(60, 68), stars=(2, 4, 6, 5, 2)),
    Manner(shops=2, dark=(48, 70), kept=(0.1, 0.3), findings=(11, 14), neglected=(13, 14), score=(30, 48), stars=(8, 6, 3, 1, 0)),
)
"""A street as in July 2023: most shops are run well enough, some carelessly, two hardly at all."""


def street(month: str, ledger: Scheme, *, seed: int = 20260) -> Drawn:
    """A month of raw facts of the street.

    Args:
        month: ``YYYY-MM``.
        ledger: what camera findings cost, for the entries of the ledger.
        seed: the same seed draws the same street.
    """
    random, drawn, first = Random(seed), Drawn(), first_of(month)  # noqa: S311 - made-up data, not a secret
    signs = names(random, _SHOPS)
    manners = [manner for manner in STREET for _ in range(manner.shops)]
    random.shuffle(manners)
    for manner in manners:
        merchant = Merchant(
            uscc=code_of(random, REGION),
            name=next(signs),
            region=REGION,
            business_form=BusinessForm.CATERING,
            scheme="zhenhai",
            site="镇海阳光餐饮街区",
            address=f"学府路 {random.randint(1, 299)} 号",
            opening=OpeningHours(opens=time(OPENS), closes=time(CLOSES)),
        )
        drawn.merchants.append(merchant)
        _Shop(random, drawn, merchant, manner, first, ledger).draw()
    return drawn


class _Shop:
    """Draws one shop's month."""

    def __init__(self, random: Random, drawn: Drawn, merchant: Merchant, manner: Manner, first: date, ledger: Scheme) -> None:  # noqa: PLR0917 - private
        self.random, self.drawn, self.merchant, self.manner = random, drawn, merchant, manner
        self.first, self.days, self.ledger = first, days_of(first), ledger
        self.kept = random.uniform(*manner.kept)
        self.neglected = frozenset(random.sample(_DUTIES, random.randint(*manner.neglected)))

    def draw(self) -> None:
        """Everything of the month."""
        self._camera()
        self._staff()
        self._batches()
        self._people()
        self._authorities()
        self._told()

    def _see(self, kind: Kind, day: date, hour: float, body: dict[str, Any], device: str = "gw-00000000") -> None:
        self.drawn.observations.append(seen(kind, self.merchant, at_clock(day, hour), body, device=device))

    def _camera(self) -> None:
        """A word every quarter of an hour, except while it is dark; and what it found."""
        camera = device_of(self.random, self.merchant, DeviceKind.CAMERA, "后厨")
        board = device_of(self.random, self.merchant, DeviceKind.KANBAN, "店堂看板")
        self.drawn.devices += [camera, board]
        quarters = [(day, hour) for day in self.days for hour in range((CLOSES - OPENS) * 4)]
        dark = round(self.random.uniform(*self.manner.dark) * 4)
        begins = self.random.randrange(max(1, len(quarters) - dark))
        for at, (day, quarter) in enumerate(quarters):
            if not begins <= at < begins + dark:
                self._see(Kind.CAM_STATUS, day, OPENS + quarter / 4, {"online": True, "fps": 12}, camera.id)
        for day in self.days:
            if chance(self.random, self.kept):
                self._see(Kind.CAM_STATUS, day, OPENS + 0.01, {"online": True}, board.id)
        entries: list[Deduction] = []
        for number in range(self.random.randint(*self.manner.findings)):
            class_, code = self.random.choice(_CLASSES)
            day = self.days[self.random.randrange(20)]
            found_at = at_clock(day, OPENS + self.random.random() * 3) + timedelta(seconds=number)
            on_time = chance(self.random, self.kept)
            subject = f"{camera.id}/{class_}"
            warning, entry = case(
                self.merchant,
                self.ledger,
                code,
                subject,
                found_at,
                history=entries,
                camera=camera.id,
                class_=class_,
                on_time=on_time,
            )
            entries.append(entry)
            self.drawn.cases.append((warning, entry))

    def _staff(self) -> None:
        staff = [f"p{number}" for number in range(self.random.randint(2, 4))]
        for person in staff:
            valid = chance(self.random, 0.5 + self.kept / 2)
            issued = self.first - timedelta(days=self.random.randint(30, 300) if valid else self.random.randint(380, 500))
            body = {"person_ref": person, "name_masked": "张*", "issued_on": issued.isoformat(), "duty": "direct"}
            self.drawn.observations.append(seen(Kind.STAFF_CERTIFICATE, self.merchant, at_clock(issued, 9), body))
        for day in self.days:
            checked = chance(self.random, self.kept)
            for person in staff[: 1 + self.random.randrange(len(staff))]:
                start, end = at_clock(day, OPENS - 1), at_clock(day, CLOSES)
                body = {"person_ref": person, "start": start.isoformat(), "end": end.isoformat(), "duty": "direct"}
                self._see(Kind.STAFF_SHIFT, day, OPENS - 1, body | ({"morning_check": "ok"} if checked else {}))

    def _batches(self) -> None:
        for number in range(self.random.randint(10, 16)):
            day = self.random.choice(self.days)
            body = {"lot": f"R{day:%m%d}-{number}", "kind": "raw", "name": "食材", "qty_g": 5000, "state": "in_store"}
            body["expires_at"] = at_clock(day + timedelta(days=400), 0).isoformat()
            voucher = {"voucher_ref": f"V{self.random.getrandbits(24):06x}"} if chance(self.random, self.kept) else {}
            self._see(Kind.BATCH_UPSERT, day, OPENS - 2, body | voucher)

    def _people(self) -> None:
        """Consumers' stars, and what inspectors found."""
        for number in range(self.random.randint(6, 24)):
            (stars,) = self.random.choices((1, 2, 3, 4, 5), self.manner.stars)
            self._see(Kind.RATING_NEW, self.random.choice(self.days), OPENS + 1, {"stars": stars, "device_hash": f"d{number}"})
        for number in range(self.random.randint(2, 3)):
            good = chance(self.random, self.kept)
            result = "未发现问题" if good else "发现问题已责令改正"
            self._inspect(f"patrol-{number}", "online", result, None)
        self._inspect("spot", "offline", "未发现问题", self.random.randint(*self.manner.score))

    def _inspect(self, task: str, mode: str, result: str, score: int | None) -> None:
        body: dict[str, Any] = {"task_id": task, "officers": ["o1", "o2"], "items": [], "result": result, "mode": mode}
        self._see(Kind.INSPECTION_RESULT, self.random.choice(self.days), 10, body | ({} if score is None else {"score": score}))

    def _authorities(self) -> None:
        self._record("annual_report", 120, "late_30d" if "annual_report" in self.neglected else "on_time")
        if "penalty" in self.neglected:
            self._record("penalty", 60, "", severity=self.random.choice(("low_fine", "ordinary")))
        if "tax" in self.neglected:
            self._record("tax", self.random.randint(20, 300), "overdue_filing")
        if not self.neglected and chance(self.random, 0.3):
            self._record("award", 200, "district")

    def _record(self, type_: str, days_ago: int, kind: str, **more: str) -> None:
        on = self.first - timedelta(days=days_ago)
        body = {"type": type_, "doc_no": f"{type_}-{self.random.getrandbits(24):06x}", "decided_on": on.isoformat()}
        body |= {"published_on": on.isoformat(), "source_department": "市场监管局", **({"kind": kind} if kind else {}), **more}
        self.drawn.observations.append(seen(Kind.CREDIT_RECORD, self.merchant, at_clock(on, 9), body))

    def _told(self) -> None:
        """What registers and patrols tell, as rows of an import."""
        random, model = self.random, not self.neglected

        def does(duty: str, well: Any, badly: Any) -> Any:
            return badly if duty in self.neglected else well

        run = {
            "P01": "yes",
            "P05": str(random.randint(1, 12)),
            "P07": does("P07", "paid", "arrears"),
            "P13": does("P13", "yes", "no"),
            "P17": does("P17", "kept", "one_breach"),
            "P20": random.randint(0, 2),
            "I01": does("I01", "yes", "no"),
            "I02": does("I02", 0, random.randint(1, 3)),
            "I03": does("I03", "online", "offline"),
            "I04": does("I04", "yes", "no"),
            "I10": "yes",
            "I11": does("I11", "ok", "expiring"),
            "I15": {"recorded": round(len(self.days) * self.kept), "open_days": len(self.days)},
            "I16": {"done": round(35 * self.kept), "required": 35},
            "I17": does("I17", 0, random.randint(1, 2)),
            "I19": does("I19", random.choice(("certified", "applied")), "none"),
            "I21": does("I21", "A" if model else random.choice("AB"), random.choice("BC")),
            "I22": random.choice(("city", "district")) if model else random.choice(("district", "none")),
            "I23": does("I23", random.choice(("certified", "in_progress")), "none"),
            "G04": does("G04", 0, random.randint(1, 3)),
        }
        for fact, value in run.items():
            self._tell(fact, value)
        self._tell("I08", None, reason="无冷藏冷冻设施")

    def _tell(self, fact: str, value: Any, *, reason: str = "") -> None:
        row = {"uscc": self.merchant.uscc, "fact": fact, "value": value, "month": f"{self.first:%Y-%m}", "source": "监管台账"}
        self.drawn.rows.append(row | ({"reason": reason} if reason else {}))
