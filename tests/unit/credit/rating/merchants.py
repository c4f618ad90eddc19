"""Facts of made-up merchants, and the shipped schemes compiled once."""

from __future__ import annotations

from functools import cache
from typing import Any

from configs.scheme_catalogue import find_scheme
from credit.rating.kinds import compiled
from credit.rating.value import Engine, RatedScheme, Rating


@cache
def scheme(name: str) -> RatedScheme:
    return find_scheme(name)


@cache
def engine(name: str) -> Engine:
    return compiled(scheme(name))


def rated(name: str, facts: dict[str, Any]) -> Rating:
    return engine(name).rate(facts)


BEST: dict[str, Any] = {
    "P01": True, "P02": "on_time", "P03": "none", "P04": False, "P05": "3",
    "P06": 0, "P07": "paid", "P08": False, "P09": False,
    "P10": 0, "P11": 0, "P12": 0, "P13": True,
    "P14": {"low_fine": 0, "ordinary": 0, "heavy": 0}, "P15": False, "P16": False, "P17": "kept", "P18": "none",
    "P19": "city", "P20": 1, "P21": 0,
    "I01": True, "I02": 0, "I03": "online", "I04": True,
    "I05": "95", "I06": {"days": []}, "I07": {"on_time": 4, "due": 4}, "I08": "98", "I09": "90", "I10": True,
    "I11": "ok", "I12": {"valid": 5, "staff": 5}, "I13": {"recorded": 30, "open_days": 30},
    "I14": {"with_voucher": 60, "batches": 60}, "I15": {"recorded": 30, "open_days": 30}, "I16": {"done": 35, "required": 35},
    "I17": 0, "I18": {"on_time": 1, "due": 1}, "I19": "certified", "I20": {"mean": "5", "n": 10},
    "I21": "A", "I22": "province", "I23": "certified",
    "G01": {"pass": 8, "total": 8}, "G02": "100", "G03": {"pass": 1, "total": 1}, "G04": 0,
}  # fmt: skip
"""A merchant of Zhenhai without a fault, written from the catalogue, not from the scheme file."""


def indicators(**changes: Any) -> dict[str, Any]:
    """Facts of a faultless merchant of Zhenhai, some of its indicators changed."""
    return {"as_of": "2026-11-30", "indicators": {**BEST, **changes}}


def levels(p: Any, i: Any, g: Any, **more: Any) -> dict[str, Any]:
    """Facts of a merchant of Zhenhai whose three levels are known."""
    return {"as_of": "2026-11-30", "levels": {"P": p, "I": i, "G": g}, **more}


def points(rating: Rating, id: str) -> Any:
    """The points of one line."""
    return next(line.points for line in (*rating.lines, *rating.subtotals) if line.id == id)
