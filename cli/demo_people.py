"""Made-up merchants that look like real ones: names, codes, and raw facts drawn from a seed. Nothing here knows a score.

What a shop does (how long its cameras are dark, what its inspectors find, which papers it keeps) is drawn; what that comes to is
for the assessment to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

from credit import ledger
from credit.scheme import Scheme
from domain.deductions import Deduction, DeductionState
from domain.findings import Reason, ReasonCode
from domain.ids import DeviceKind, derived_id, uscc_check_character
from domain.observations import Kind, Observation, content_hash
from domain.parties import Device, Merchant
from domain.rules import Level
from domain.time import format_instant, midnight
from domain.warnings import Disposition, State, Warning
from store.ports import Store

INSPECTOR: Final = "u-inspector-demo"
_FAMILY: Final = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林罗高"
_GIVEN: Final = ("阿芬", "老五", "大勇", "小红", "胖哥", "三姐", "阿宝", "立群", "海涛", "桂花")
_DIGITS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@dataclass(slots=True)
class Drawn:
    """The raw facts of a made-up place.

    Attributes:
        rows: what is told from outside, as rows of an import.
        cases: warnings with the ledger's entry of each, final.
    """

    merchants: list[Merchant] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    cases: list[tuple[Warning, Deduction]] = field(default_factory=list)

    def store(self, store: Store) -> None:
        """Write everything except the rows, which an import takes."""
        with store.writing() as uow:
            for merchant in self.merchants:
                uow.merchants.put(merchant)
            for device in self.devices:
                uow.devices.put(device)
            with uow.gathering():
                uow.observations.add_all(self.observations)
                for warning, _ in self.cases:
                    uow.warnings.add(warning)
            for _, entry in self.cases:
                uow.deductions.add(entry)
            uow.commit()


def code_of(random: Random, region: str) -> str:
    """A unified social credit code with its check characters."""
    body = "MA" + "".join(random.choice(_DIGITS) for _ in range(6))
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    rest = 11 - sum(int(c, 36) * w for c, w in zip(body, weights, strict=True)) % 11
    first = f"92{region}{body}{ {10: 'X', 11: '0'}.get(rest, str(rest)) }"
    return first + uscc_check_character(first)


def names(random: Random, kinds: Sequence[str]) -> Iterator[str]:
    """Shop names, none twice."""
    taken: set[str] = set()
    while True:
        name = f"{random.choice(_FAMILY)}{random.choice(_GIVEN)}{random.choice(kinds)}"
        if name not in taken:
            taken.add(name)
            yield name


def device_of(random: Random, merchant: Merchant, kind: DeviceKind, name: str) -> Device:
    """A device of a merchant."""
    return Device(
        id=f"{kind.value}-{random.getrandbits(32):08x}", uscc=merchant.uscc, region=merchant.region, kind=kind, name=name
    )


def seen(kind: Kind, merchant: Merchant, at: datetime, body: Mapping[str, Any], *, device: str = "gw-00000000") -> Observation:
    """A fact as the gateway would have passed it on, half a second later."""
    told = {"kind": kind.value, "uscc": merchant.uscc, "device_id": device, "event_time": format_instant(at), "body": body}
    digest = content_hash(told)
    return Observation(
        event_id=derived_id("event", digest),
        kind=kind,
        uscc=merchant.uscc,
        device_id=device,
        event_time=at,
        received_at=at + timedelta(milliseconds=500),
        seq=0,
        body=dict(body),
        content_hash=digest,
    )


def days_of(first: date) -> list[date]:
    """The days of a month."""
    following = (first + timedelta(days=31)).replace(day=1)
    return [first + timedelta(days=n) for n in range((following - first).days)]


def case(
    merchant: Merchant,
    scheme: Scheme,
    code: str,
    subject: str,
    at: datetime,
    *,
    history: Sequence[Deduction],
    camera: str | None = None,
    class_: str = "",
    on_time: bool = True,
    level: Level = Level.RED,
) -> tuple[Warning, Deduction]:
    """A warning that was worked off and the entry it came to, as the ledger computes it, made final by an inspector."""
    id_ = derived_id("demo-warning", merchant.uscc, code, subject, format_instant(at))
    limit = at + timedelta(hours=4)
    done = at + timedelta(hours=2 if on_time else 7)
    warning = Warning(
        id=id_,
        uscc=merchant.uscc,
        region=merchant.region,
        rule=class_ or code,
        violation_code=code,
        class_=class_ or code,
        subject=subject,
        open_key=f"{merchant.uscc}|{code}|{subject}|{id_}",
        level=level,
        state=State.CLOSED,
        event_time=at,
        raised_at=at,
        rectify_within=timedelta(hours=4),
        why=Reason(code=ReasonCode.MANUAL, params={"note": ""}),
        incident_id=derived_id("incident", id_),
        camera=camera,
        zone="kitchen" if camera else None,
        notified_at=at + timedelta(minutes=1),
        rectify_by=limit,
        close_by=at + timedelta(hours=24),
        submitted_at=done,
        submitted_by="u-owner",
        on_time=on_time,
        closed_at=done + timedelta(hours=3),
        disposition=Disposition.VERIFIED,
        rectify_overdue=not on_time,
    )
    entry = ledger.propose(
        warning,
        scheme,
        history=history,
        incident=(),
        now=done + timedelta(hours=3),
        objection_until=done + timedelta(days=3),
        on_time=on_time,
        deduction_id=derived_id("demo-deduction", id_),
    )
    return warning, _final(entry)


def _final(entry: Deduction) -> Deduction:
    from dataclasses import replace

    return replace(
        entry, state=DeductionState.FINAL, confirmed_by=INSPECTOR, decided_at=entry.objection_until, version=entry.version + 1
    )


def at_clock(day: date, hour: float) -> datetime:
    """An instant of a Shanghai day."""
    return midnight(day) + timedelta(hours=hour)


def chance(random: Random, share: float) -> bool:
    """Whether something that happens so often happens now."""
    return random.random() < share


Teller = Callable[..., None]
