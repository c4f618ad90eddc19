"""Each figure of `kitchen bench`, tiny: it runs, reads what it promises and names what it stands beside. No speed is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.bench.command import FIGURES, figure_of
from cli.bench.figure import Ground, Size
from cli.bench.rounds import measure
from cli.bench.table import rows_of

pytestmark = [pytest.mark.service, pytest.mark.timeout(180)]

KAFKA = {"log": "Apache Kafka", "log-start": "Apache Kafka"}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_reads_what_it_promises_beside_a_named_baseline(name: str, tmp_path: Path) -> None:
    taken = measure(figure_of(name), Ground(scratch=tmp_path, size=Size.TINY))
    assert taken.failed == ""
    read = taken.readings[taken.product]
    assert {quantity.key for quantity in taken.quantities} == set(read)
    assert all(reading.value > 0 for readings in read.values() for reading in readings)
    skipped = {KAFKA[name]} if name in KAFKA else set()
    assert set(taken.absent) == skipped, taken.absent
    assert all("--kafka-jars" in reason for reason in taken.absent.values())
    assert any(row.ratio for row in rows_of(taken)) or skipped
    assert taken.note
