"""Runs figures: product, baseline, product, baseline …, so that both have the same minutes of the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import structlog

from cli.bench.figure import Contender, Contest, Figure, Ground, Outcome, Reading
from domain.errors import KitchenError

log = structlog.get_logger(__name__)

Readings = dict[str, dict[str, list[Reading]]]


def measure(figure: Figure, ground: Ground, advanced: Callable[[float], None] = lambda _: None) -> Outcome:
    """Measure one figure; a figure that fails says so and does not stop the others.

    Args:
        figure: which.
        ground: where.
        advanced: told how far it is, from 0 to 1.
    """
    begun = time.perf_counter()
    readings: Readings = {}
    absent: dict[str, str] = {}
    try:
        with ExitStack() as parts:
            contest = figure.contest(ground, parts)
            advanced(0.2)
            _take_turns(contest, readings, absent, ground.say, advanced)
    except Exception as error:  # the outermost loop of a run: the other figures are still to be measured
        log.exception("bench.failed", figure=figure.NAME, exc_info=not isinstance(error, KitchenError))
        return Outcome(name=figure.NAME, title=figure.TITLE, failed=reason_of(error), seconds=time.perf_counter() - begun)
    finally:
        advanced(1.0)
    return Outcome(
        name=figure.NAME,
        title=figure.TITLE,
        quantities=contest.quantities,
        product=contest.product.name,
        readings=readings,
        absent=absent,
        note=contest.note,
        seconds=time.perf_counter() - begun,
    )


def _take_turns(
    contest: Contest, readings: Readings, absent: dict[str, str], say: Callable[[str], None], advanced: Callable[[float], None]
) -> None:
    contenders = [contest.product, *contest.baselines]
    absent.update({one.name: one.absent for one in contenders if one.round is None})
    turns = contest.rounds * len(contenders)
    for turn in range(turns):
        one = contenders[turn % len(contenders)]
        say(one.name)
        if one.round is not None and one.name not in absent:
            _one_round(one, one is contest.product, readings, absent)
        advanced(0.2 + 0.8 * (turn + 1) / turns)


def _one_round(one: Contender, product: bool, readings: Readings, absent: dict[str, str]) -> None:  # noqa: FBT001
    """One round; a baseline that breaks is left out with its reason, the product must not."""
    assert one.round is not None
    try:
        read = one.round()
    except Exception as error:  # whatever it is that a bare program cannot bear
        if product:
            raise
        log.warning("bench.baseline_failed", baseline=one.name, error=reason_of(error))
        absent[one.name] = reason_of(error)
        readings.pop(one.name, None)
        return
    for key, reading in read.items():
        readings.setdefault(one.name, {}).setdefault(key, []).append(reading)


def reason_of(error: BaseException) -> str:
    """An error in a line: our own words, of a group the first, else what Python says."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, KitchenError) else repr(error)
