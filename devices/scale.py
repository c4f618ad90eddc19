"""A traceability scale: facts from JSON lines, from a simulator, or the demonstration's story of a lot that expires on sale.

Everything is a pure function of a seed, a state and a given time; the state is kept in a small file, so that a scale that is
started again goes on where it stopped and never prints a trace code twice.
"""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import structlog

from devices.edge import EdgePublisher
from domain.errors import BadInput, Code
from domain.ids import CROCKFORD, derived_id, trace_code_check_character
from domain.observations import Kind, decode_json
from domain.time import format_instant, local, parse_instant

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """Something sold by weight: its look-up number, name and price."""

    plu: str
    name: str
    price_fen_per_kg: int
    shelf_life: timedelta


GOODS = (
    Good(plu="1001", name="卤牛肉", price_fen_per_kg=11_800, shelf_life=timedelta(days=3)),
    Good(plu="1002", name="卤猪蹄", price_fen_per_kg=7_600, shelf_life=timedelta(days=2)),
    Good(plu="1003", name="酱鸭", price_fen_per_kg=6_800, shelf_life=timedelta(days=3)),
)
DOOMED = Good(plu="1009", name="卤味拼盘", price_fen_per_kg=5_800, shelf_life=timedelta(hours=24))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something to report; ``event_id`` is set where telling it again must be the same fact."""

    kind: Kind
    body: Mapping[str, Any]
    event_time: datetime
    event_id: str | None = None


def amount_fen(net_g: int, price_fen_per_kg: int) -> int:
    """The price of a weighing, half a fen rounded up (domain.md E.2)."""
    return int((Decimal(net_g) * price_fen_per_kg / 1000).quantize(Decimal(1), ROUND_HALF_UP))


def trace_code(chance: random.Random) -> str:
    """A valid trace code drawn from a simulator's chance; real codes are minted from the system's secrets."""
    body = "".join(chance.choice(CROCKFORD) for _ in range(19))
    return body + trace_code_check_character(body)


def weighing(good: Good, lot: str, chance: random.Random, *, operator: str = "") -> dict[str, Any]:
    """The body of one ``scale.weigh`` whose arithmetic is right."""
    tare_g = chance.choice((0, 8, 12))
    net_g = chance.randrange(120, 1_800)
    body: dict[str, Any] = {
        "trace_code": trace_code(chance),
        "plu": good.plu,
        "lot": lot,
        "gross_g": net_g + tare_g,
        "tare_g": tare_g,
        "net_g": net_g,
        "unit_price_fen_per_kg": good.price_fen_per_kg,
        "amount_fen": amount_fen(net_g, good.price_fen_per_kg),
        "stable": True,
    }
    if operator:
        body["operator"] = operator
    return body


def batch(good: Good, lot: str, *, produced_at: datetime, expires_at: datetime, qty_g: int) -> dict[str, Any]:
    """The body of a ``batch.upsert`` of a product lot on sale."""
    return {
        "lot": lot,
        "kind": "product",
        "name": good.name,
        "qty_g": qty_g,
        "produced_on": format_instant(produced_at),
        "expires_at": format_instant(expires_at),
        "state": "on_sale",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleState:
    """What a simulated scale must remember.

    Attributes:
        born: when this scale was first started; two scales of one seed still print different trace codes.
        drawn: weighings so far; each draws its chance from the seed, ``born`` and its number.
        lots: lot on sale per PLU and when it expires.
        doomed_lot, doomed_expires_at: the story's lot; empty without a story.
        told: how far the story is: 0 nothing, 1 lot on sale, 2 sold while good, 3 sold after expiry (the end).
    """

    born: str = ""
    drawn: int = 0
    lots: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    doomed_lot: str = ""
    doomed_expires_at: str = ""
    told: int = 0


END_OF_STORY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A scale that sells.

    Args:
        device_id: whose facts they are; part of what makes ids and trace codes its own.
        seed: the same seed, state and times give the same facts.
        story: also tell of a lot that expires on sale and is sold once more afterwards.
        expires_after: how soon the story's lot expires.
    """

    device_id: str
    seed: int = 0
    story: bool = False
    expires_after: timedelta = timedelta(seconds=20)

    def step(self, state: ScaleState, now: datetime) -> tuple[list[Fact], ScaleState]:
        """What happens at one sale: fresh lots where needed, the story's next turn, one ordinary weighing."""
        facts: list[Fact] = []
        state = state if state.born else replace(state, born=format_instant(now))
        state = self._fresh_lots(state, now, facts)
        if self.story and state.told < END_OF_STORY:
            state = self._tell(state, now, facts)
        chance = self._chance(state.born, "sale", state.drawn)
        good = chance.choice(GOODS)
        facts.append(self._sale(good, state.lots[good.plu][0], chance, now, state.drawn))
        return facts, replace(state, drawn=state.drawn + 1)

    def _fresh_lots(self, state: ScaleState, now: datetime, facts: list[Fact]) -> ScaleState:
        lots = dict(state.lots)
        for good in GOODS:
            known = lots.get(good.plu)
            if known is not None and now < parse_instant(known[1], "lots") - timedelta(hours=12):
                continue
            lot, expires_at = self._lot(good, now), now + good.shelf_life
            body = batch(good, lot, produced_at=now - timedelta(hours=2), expires_at=expires_at, qty_g=40_000)
            facts.append(Fact(kind=Kind.BATCH_UPSERT, body=body, event_time=now, event_id=self._id(lot)))
            if known is not None:
                gone = {**body, "lot": known[0], "expires_at": known[1], "state": "depleted", "qty_g": 0}
                gone.pop("produced_on")
                facts.append(Fact(kind=Kind.BATCH_UPSERT, body=gone, event_time=now, event_id=self._id(known[0], "gone")))
            lots[good.plu] = (lot, format_instant(expires_at))
        return replace(state, lots=lots)

    def _tell(self, state: ScaleState, now: datetime, facts: list[Fact]) -> ScaleState:
        if state.told == 0:
            expires_at = now + self.expires_after
            lot = self._lot(DOOMED, now)
            body = batch(DOOMED, lot, produced_at=expires_at - DOOMED.shelf_life, expires_at=expires_at, qty_g=6_000)
            facts.append(Fact(kind=Kind.BATCH_UPSERT, body=body, event_time=now, event_id=self._id(lot)))
            return replace(state, told=1, doomed_lot=lot, doomed_expires_at=format_instant(expires_at))
        expired = now >= parse_instant(state.doomed_expires_at, "doomed_expires_at")
        if state.told == 1 and not expired:
            facts.append(self._doomed_sale(state, now, "good"))
            return replace(state, told=2)
        if expired:
            facts.append(self._doomed_sale(state, now, "expired"))
            return replace(state, told=END_OF_STORY)
        return state

    def _doomed_sale(self, state: ScaleState, now: datetime, turn: str) -> Fact:
        chance = self._chance(state.doomed_lot, turn)
        body = weighing(DOOMED, state.doomed_lot, chance)
        return Fact(kind=Kind.SCALE_WEIGH, body=body, event_time=now, event_id=self._id(state.doomed_lot, turn))

    def _sale(self, good: Good, lot: str, chance: random.Random, now: datetime, number: int) -> Fact:
        stamp = int(now.timestamp() * 1000) & (1 << 48) - 1
        random_bits = chance.getrandbits(74)
        value = stamp << 80 | 7 << 76 | (random_bits >> 62) << 64 | 2 << 62 | random_bits & (1 << 62) - 1
        body = weighing(good, lot, chance, operator=f"clerk-{number % 2 + 1}")
        return Fact(kind=Kind.SCALE_WEIGH, body=body, event_time=now, event_id=str(uuid.UUID(int=value)))

    def _lot(self, good: Good, now: datetime) -> str:
        return f"L{local(now):%y%m%d%H%M%S}-{good.plu}"

    def _id(self, *parts: str) -> str:
        return derived_id("scale", self.device_id, str(self.seed), *parts)

    def _chance(self, *parts: object) -> random.Random:
        return random.Random(f"{self.seed}|{self.device_id}|{'|'.join(map(str, parts))}")  # noqa: S311 - a simulation


def read_state(path: Path) -> ScaleState:
    """The state in a file; a fresh one if there is none or it cannot be read."""
    try:
        value = json.loads(path.read_text("utf-8"))
        lots = {plu: (str(lot), str(expires)) for plu, (lot, expires) in value.pop("lots").items()}
        return ScaleState(lots=lots, **value)
    except FileNotFoundError:
        return ScaleState()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("scale.state_unreadable", file=str(path), error=repr(error))
        return ScaleState()


def write_state(path: Path, state: ScaleState) -> None:
    """Replace the file as a whole."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(state), ensure_ascii=False), "utf-8")
    partial.replace(path)


def run_simulation(
    simulation: Simulation,
    publisher: EdgePublisher,
    state_file: Path,
    *,
    every: timedelta,
    clock: Callable[[], datetime],
    stop: threading.Event,
    most: int | None = None,
) -> int:
    """Sell until stopped (or ``most`` times); returns the number of facts accepted.

    The facts are in the spool before the state is written: a kill in between tells a story's turn again under the same id.
    """
    state, told, steps = read_state(state_file), 0, 0
    while not stop.is_set() and (most is None or steps < most):
        facts, state = simulation.step(state, clock())
        for fact in facts:
            publisher.fact(publisher.envelope(fact.kind.value, fact.body, fact.event_time, event_id=fact.event_id))
        write_state(state_file, state)
        told, steps = told + len(facts), steps + 1
        if most is None or steps < most:
            stop.wait(every.total_seconds())
    return told


def read_lines(lines: Iterable[str | bytes], publisher: EdgePublisher, now: Callable[[], datetime]) -> Iterator[dict[str, Any]]:
    """Envelopes from JSON lines.

    A line is a whole envelope (it has ``v``), ``{"kind", "body", "event_time"?}``, or the bare body of a weighing.

    Raises:
        BadInput: E001 or E002, naming the line.
    """
    for number, line in enumerate(lines, 1):
        raw = line.encode() if isinstance(line, str) else line
        if not raw.strip():
            continue
        try:
            value = decode_json(raw)
        except BadInput as error:
            raise BadInput(error.code, error.what, where=f"line {number}") from None
        if "v" in value:
            yield value
            continue
        body = value.get("body", {}) if "kind" in value else value
        if not isinstance(body, dict):
            raise BadInput(Code.FIELD, "an object is required", where=f"line {number}: body")
        at = parse_instant(value["event_time"], f"line {number}: event_time") if "event_time" in value else now()
        yield publisher.envelope(str(value.get("kind", Kind.SCALE_WEIGH.value)), body, at)
