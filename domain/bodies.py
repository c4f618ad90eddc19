"""The body of each envelope kind as a table: field, type, range, unit (domain.md E.2, E050, E054).

Fields not in the table are kept and ignored, so that a newer device does not lose its facts; a wrong type or an impossible
number is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import BadInput, Code
from domain.ids import parse_uscc
from domain.time import parse_instant

Check = Callable[[object, str], None]
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body: its name, its check, and whether it must be there."""

    name: str
    check: Check
    required: bool = True


def _wrong(where: str, expected: str) -> BadInput:
    return BadInput(Code.FIELD, f"{expected} is required", where=where)


def number(low: float, high: float, *, whole: bool = False) -> Check:
    """A finite number in [low, high]; outside is physically impossible (E050)."""

    def check(value: object, where: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            raise _wrong(where, "a whole number" if whole else "a number")
        if not math.isfinite(value) or not low <= value <= high:
            raise BadInput(Code.IMPOSSIBLE_VALUE, f"{value!r} is outside {low:g}…{high:g}", where=where)

    return check


def text(longest: int = 200, *, shortest: int = 1) -> Check:
    """A string of bounded length."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, str) or not shortest <= len(value) <= longest:
            raise _wrong(where, f"a string of {shortest} to {longest} characters")

    return check


def one_of(*words: str) -> Check:
    """One word of a closed set."""

    def check(value: object, where: str) -> None:
        if value not in words:
            raise _wrong(where, " | ".join(words))

    return check


def flag(value: object, where: str) -> None:
    """A boolean."""
    if not isinstance(value, bool):
        raise _wrong(where, "true or false")


def instant(value: object, where: str) -> None:
    """An RFC 3339 instant with offset."""
    parse_instant(value, where)


def day(value: object, where: str) -> None:
    """A calendar day ``YYYY-MM-DD``."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise _wrong(where, "a day YYYY-MM-DD")


def uscc(value: object, where: str) -> None:
    """A unified social credit code."""
    parse_uscc(value, where)


def listing(value: object, where: str) -> None:
    """A list."""
    if not isinstance(value, list):
        raise _wrong(where, "a list")


def box(value: object, where: str) -> None:
    """Four numbers in 0…1: x1, y1, x2, y2 as parts of width and height."""
    if not isinstance(value, list) or len(value) != 4:
        raise _wrong(where, "a list of four numbers")
    for item in value:
        number(0, 1)(item, where)


def _optional(name: str, check: Check) -> Field:
    return Field(name, check, required=False)


_MASS_G = number(0, 10_000_000)
_MASS_INT_G = number(0, 1_000_000, whole=True)
_FEN = number(0, 10**12, whole=True)
_LOT = text(20)

BODIES: Mapping[str, tuple[Field, ...]] = {
    "cam.detection": (
        Field("class", text(40)),
        Field("confidence", number(0, 1)),
        Field("frames_positive", number(0, 100_000, whole=True), required=False),
        _optional("window_s", number(0, 86_400)),
        _optional("zone", text(40)),
        _optional("bbox", box),
        _optional("snapshot_ref", text(500)),
        _optional("snapshot_sha256", text(64, shortest=64)),
        _optional("model", text(100)),
    ),
    "cam.status": (
        Field("online", flag),
        _optional("fps", number(0, 1000)),
        _optional("bitrate_kbps", number(0, 10**7)),
        _optional("blur_score", number(0, 1)),
    ),
    "scale.weigh": (
        Field("trace_code", text(64)),
        Field("plu", text(40)),
        _optional("gtin14", text(14, shortest=14)),
        Field("lot", _LOT),
        Field("gross_g", _MASS_INT_G),
        Field("tare_g", _MASS_INT_G),
        Field("net_g", number(1, 30_000, whole=True)),
        Field("unit_price_fen_per_kg", _FEN),
        Field("amount_fen", _FEN),
        _optional("operator", text(80)),
        _optional("stable", flag),
    ),
    "trace.record": (
        Field("trace_code", text(64)),
        Field("lot", _LOT),
        Field("inputs", listing),
        Field("produced_at", instant),
        Field("expires_at", instant),
        Field("producer_uscc", uscc),
        _optional("test_ref", text()),
    ),
    "sensor.temp": (
        Field("celsius", number(-60, 120)),
        _optional("humidity_pct", number(0, 100)),
        Field("zone", one_of("cold", "frozen", "hot", "room")),
        _optional("door_open", flag),
        _optional("battery_pct", number(0, 100)),
    ),
    "staff.certificate": (
        Field("person_ref", text(80)),
        _optional("name_masked", text(40)),
        _optional("cert_no_hash", text(128)),
        Field("issued_on", day),
        _optional("valid_until", day),
        _optional("issuer", text()),
        Field("duty", one_of("direct", "other")),
    ),
    "staff.shift": (
        Field("person_ref", text(80)),
        Field("start", instant),
        Field("end", instant),
        Field("duty", one_of("direct", "other")),
        _optional("morning_check", one_of("ok", "fever", "wound")),
        _optional("cancelled", flag),
    ),
    "batch.upsert": (
        Field("lot", _LOT),
        Field("kind", one_of("raw", "product", "additive")),
        Field("name", text()),
        _optional("gb2760_class", text(20)),
        Field("qty_g", _MASS_G),
        _optional("supplier_uscc", uscc),
        _optional("voucher_ref", text()),
        _optional("produced_on", text(40)),
        Field("expires_at", instant),
        Field(
            "state",
            one_of("received", "in_store", "in_use", "on_sale", "quarantined", "destroyed", "returned", "depleted"),
        ),
    ),
    "batch.move": (
        Field("lot", _LOT),
        Field("from", one_of("in_store", "in_use", "on_sale", "quarantined", "destroyed")),
        Field("to", one_of("in_store", "in_use", "on_sale", "quarantined", "destroyed")),
        Field("qty_g", number(0.001, 10_000_000)),
    ),
    "additive.use": (
        Field("additive", text()),
        Field("lot", _LOT),
        Field("product_lot", _LOT),
        Field("qty_g", _MASS_G),
        Field("product_qty_g", number(0.001, 10_000_000)),
        _optional("food_class", text(20)),
        _optional("ingredient", text()),
        _optional("ingredient_qty_g", number(0.001, 10_000_000)),
    ),
    "sampling.result": (
        Field("report_no", text()),
        _optional("lab", text()),
        _optional("sampled_on", day),
        Field("product", text()),
        _optional("lot", _LOT),
        _optional("items", listing),
        Field("conclusion", one_of("pass", "fail")),
        _optional("item_kind", one_of("ordinary", "pathogen", "vetdrug")),
        Field("kind", one_of("official", "rapid")),
        _optional("retest_of", text()),
    ),
    "inspection.result": (
        Field("task_id", text()),
        Field("officers", listing),
        Field("items", listing),
        _optional("score", number(0, 100)),
        Field("result", text()),
    ),
    "complaint.new": (
        Field("channel", text(40)),
        _optional("trace_code", text(64)),
        _optional("uscc", uscc),
        Field("category", text(40)),
        Field("text", text(4000)),
        _optional("contact_enc", text(1000)),
        _optional("images", listing),
    ),
    "credit.record": (
        Field("type", text(40)),
        Field("doc_no", text()),
        Field("decided_on", day),
        _optional("published_on", day),
        Field("source_department", text()),
        _optional("amount_fen", _FEN),
        _optional("kind", text(40)),
        _optional("severity", text(40)),
    ),
    "rating.new": (
        Field("stars", number(1, 5, whole=True)),
        _optional("tags", listing),
        Field("device_hash", text(128)),
    ),
}


def check_body(kind: str, body: Mapping[str, Any]) -> None:
    """Check a body against its kind's table.

    Raises:
        BadInput: E003 on a missing or wrongly typed field, E050 on an impossible number, E010 on a bad code,
            E043 on a time without offset, E054 when an expiry lies before the production.
    """
    for item in BODIES[kind]:
        value = body.get(item.name)
        if value is None:
            if item.required:
                raise BadInput(Code.FIELD, "a required field is missing", where=f"body.{item.name}")
            continue
        item.check(value, f"body.{item.name}")
    _check_expiry(body)


def _check_expiry(body: Mapping[str, Any]) -> None:
    made, expires = body.get("produced_at") or body.get("produced_on"), body.get("expires_at")
    if not made or not expires:
        return
    if isinstance(made, str) and _DAY.fullmatch(made):
        made = f"{made}T00:00:00+08:00"
    if parse_instant(expires, "body.expires_at") <= parse_instant(made, "body.produced_on"):
        raise BadInput(Code.EXPIRY_BEFORE_PRODUCTION, "it expires before it is made", where="body.expires_at")
