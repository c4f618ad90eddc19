"""What a figure is: the product and named baselines doing the same work, in turns, and what one turn read.

A contender is opened once and then asked for a round at a time; a contender that cannot be had here says why and stands in the
table with that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class Size(StrEnum):
    """How much is measured: a full run for the record, a quick look, or just enough to show that it works."""

    FULL = "full"
    QUICK = "quick"
    TINY = "tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where and how a figure is measured.

    Attributes:
        scratch: an empty directory of the figure's own.
        model: what the detector is, as for ``kitchen run vision``.
        kafka_jars: the folder with Apache Kafka's jars, if there is one.
        say: tells the person at the terminal what is going on.
    """

    scratch: Path
    size: Size
    model: str = "default"
    kafka_jars: Path | None = None
    say: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One thing that is read; ``more_is_better`` says which way is good."""

    key: str
    name: str
    unit: str
    more_is_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one round read; ``cpu_us`` is the CPU time per event of whoever did the work, in microseconds."""

    value: float
    cpu_us: float | None = None


Round = Callable[[], Mapping[str, Reading]]
"""One round of work: readings by the key of their quantity; a quantity may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """The product, or a baseline; without ``round`` it is absent and ``absent`` says why."""

    name: str
    round: Round | None = None
    absent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Contenders opened and ready; ``note`` says what the rounds consisted of."""

    quantities: tuple[Quantity, ...]
    product: Contender
    baselines: tuple[Contender, ...]
    rounds: int
    note: str = ""


class Figure(Protocol):
    """A module below ``cli.bench.figures``."""

    NAME: str
    TITLE: str

    @staticmethod
    def contest(ground: Ground, parts: ExitStack) -> Contest:
        """Open what is needed; ``parts`` closes it again.

        Raises:
            Unavailable: if the product itself does not come up.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that was read of one figure.

    Attributes:
        readings: contender → quantity → one reading per round.
        failed: why there are none; empty if all went well.
    """

    name: str
    title: str
    quantities: tuple[Quantity, ...] = ()
    product: str = ""
    readings: Mapping[str, Mapping[str, list[Reading]]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    seconds: float = 0.0
    failed: str = ""
