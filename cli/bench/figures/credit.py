"""A month's assessment of very many merchants by 48 indicators, from frozen inputs to provisional results in SQL.

The inputs are drawn from a seed; each merchant has its own. The baseline knows nothing of schemes: it adds up 48 numbers that a
person has written down for it, in binary floats, explains nothing, and writes the same rows with sqlite3.
"""

from __future__ import annotations

import json
import resource
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any, Final

import configs
from casework.assessment import Assessor
from casework.assessment_rating import Rater, inputs_hash
from casework.assessment_wiring import assessor_of
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from cli.demo_people import code_of, names
from domain.parties import BusinessForm, Merchant
from store import open_store
from store.assessments import Inputs, Run, RunState
from store.ports import Store

NAME = "credit"
TITLE = "Credit: a month's assessment, 48 indicators"
MONTH: Final = "2026-11"
MANY: Final = {Size.FULL: 100_000, Size.QUICK: 10_000, Size.TINY: 200}
FEW: Final = {Size.FULL: 1_700, Size.QUICK: 1_700, Size.TINY: 50}
SINGLE: Final = {Size.FULL: 5_000, Size.QUICK: 1_000, Size.TINY: 20}
KINDS: Final = 500
"""Different sets of facts; merchants beyond share them in turn."""
_AT_ONCE: Final = 2_000
_COPY: Final = (
    "INSERT INTO assessment_inputs (run_id, uscc, revision, facts, origins, hash, taken_at, why, lacking) "
    "SELECT ?, uscc, revision, facts, origins, hash, taken_at, why, lacking FROM assessment_inputs "
    "WHERE run_id = 'template' ORDER BY uscc LIMIT ?"
)


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Fill a database with frozen inputs."""
    many, few = MANY[ground.size], FEW[ground.size]
    path = ground.scratch / "kitchen.db"
    store = open_store(f"sqlite:///{path}")
    stack.callback(store.close)
    store.migrate()
    configuration = configs.load(configs.demo_directory())
    assessor = assessor_of(store, configuration, configs.demo_directory())
    ground.say(f"{many:,} merchants")
    facts = _facts(Random(48))  # noqa: S311 - made-up data
    template = _fill(store, assessor, facts, many)
    rounds = Rounds(assessor, store, path, template, facts, ground.size)
    sizes = {f"wall_{count}": count for count in (few, many)}
    quantities = [
        Quantity(key=key, name=f"{count:,} merchants × 48 indicators, on one core", unit="s", more_is_better=False)
        for key, count in sizes.items()
    ]
    quantities += [
        Quantity(key="growth", name=f"time per merchant, {many:,} beside {few:,}", unit="×", more_is_better=False),
        Quantity(key="peak", name="most memory of the process", unit="MiB", more_is_better=False),
        Quantity(key="p99", name="one rating, 99th percentile", unit="µs", more_is_better=False),
    ]
    return Contest(
        quantities=tuple(quantities),
        product=Contender(name="Assessor: frozen inputs → explained results", round=lambda: rounds.one(sizes, rounds.product)),
        baselines=(
            Contender(
                name="plain Python: 48 floats summed, the same rows by sqlite3.executemany",
                round=lambda: rounds.one(sizes, rounds.bare),
            ),
        ),
        rounds=1,
        note="SQLite, synchronous=FULL; exact decimals, every line kept with its points and hash; memory is the process's peak",
    )


def _facts(random: Random) -> list[dict[str, Any]]:
    """Sets of facts of all 48 indicators."""
    return [
        {
            "as_of": "2026-11-30",
            "days_of_data": random.randint(20, 30),
            "provincial_score": None,
            "indicators": _indicators(random),
        }
        for _ in range(KINDS)
    ]


def _indicators(random: Random) -> dict[str, Any]:
    def ratio(of: str, among: str, most: int) -> dict[str, int]:
        whole = random.randint(1, most)
        return {of: random.randint(whole // 2, whole), among: whole}

    some = random.choice
    yes = {name: some(("yes", "yes", "no")) for name in ("P01", "P13", "I01", "I04", "I10")}
    no = {name: some(("no", "no", "no", "yes")) for name in ("P04", "P08", "P09", "P16")}
    count = {name: some((0, 0, 1, 2)) for name in ("P06", "P10", "P11", "P12", "P20", "P21", "I02", "I17", "G04")}
    cameras = [{"camera": "c1", "class": "no_mask", "severity": "general", "count": random.randint(1, 4)}]
    return yes | no | count | {
        "P02": some(("on_time", "late_30d")), "P03": "none", "P05": str(random.randint(0, 9)), "P07": some(("paid", None)),
        "P14": {"low_fine": some((0, 0, 1)), "ordinary": 0, "heavy": 0}, "P15": "no", "P17": some(("kept", "one_breach")),
        "P18": "none", "P19": some(("none", "district", "city")), "I03": some(("online", "offline", None)),
        "I05": f"{random.uniform(70, 100):.4f}", "I06": {"days": [cameras] * random.randint(0, 4)},
        "I07": ratio("on_time", "due", 6), "I08": some((f"{random.uniform(85, 100):.2f}", None)),
        "I09": f"{random.uniform(50, 100):.2f}", "I11": some(("ok", "expiring")), "I12": ratio("valid", "staff", 90),
        "I13": ratio("recorded", "open_days", 30), "I14": ratio("with_voucher", "batches", 40),
        "I15": ratio("recorded", "open_days", 30), "I16": ratio("done", "required", 35),
        "I18": some((ratio("on_time", "due", 3), None)),
        "I19": some(("certified", "applied", "none")), "I20": {"mean": f"{random.uniform(2, 5):.3f}", "n": random.randint(3, 60)},
        "I21": some("ABC"), "I22": some(("district", "none")), "I23": some(("certified", "in_progress", "none")),
        "G01": ratio("pass", "total", 3), "G02": str(random.randint(50, 100)), "G03": None,
    }  # fmt: skip


def _fill(store: Store, assessor: Assessor, facts: list[dict[str, Any]], count: int) -> Run:
    """Merchants, and a run that only holds inputs to copy."""
    random = Random(count)  # noqa: S311 - made-up data
    run = assessor.begin("zhenhai", MONTH, assessor.dates(MONTH).provisional_at)
    template = replace(run, id="template", version=99, reason="template", state=RunState.FROZEN)
    with store.reading() as uow:
        catalogue = uow.assessments.catalogue(run.catalogue_version)
    assert catalogue is not None
    sign, taken = names(random, ("面馆",)), run.frozen_at
    usccs: dict[str, None] = {}
    while len(usccs) < count:
        usccs[code_of(random, "330211")] = None
    shop = Merchant(uscc="", name=next(sign), region="330211", business_form=BusinessForm.CATERING, scheme="zhenhai")
    hashes = [inputs_hash(each, {}) for each in facts]
    with store.writing() as uow:
        uow.assessments.add_run(template, catalogue)
        uow.commit()
    listed = sorted(usccs)
    for start in range(0, count, _AT_ONCE):
        with store.writing() as uow:
            part = listed[start : start + _AT_ONCE]
            for uscc in part:
                uow.merchants.put(replace(shop, uscc=uscc))
            uow.assessments.add_inputs(
                Inputs(
                    run_id="template",
                    uscc=uscc,
                    revision=1,
                    facts=facts[at % KINDS],
                    origins={},
                    hash=hashes[at % KINDS],
                    taken_at=taken,
                )
                for at, uscc in enumerate(part, start)
            )
            uow.commit()
    return template


class Rounds:
    """Rounds over the filled database; each works on copies of the inputs under a run of its own."""

    def __init__(  # noqa: PLR0917 - private
        self, assessor: Assessor, store: Store, path: Path, template: Run, facts: list[dict[str, Any]], size: Size
    ) -> None:
        self._assessor, self._store, self._path, self._template = assessor, store, path, template
        self._facts, self._size, self._version = facts, size, 100

    def one(self, sizes: Mapping[str, int], work: Callable[[str], None]) -> dict[str, Reading]:
        """Both sizes, and single ratings."""
        found: dict[str, Reading] = {}
        for key, count in sizes.items():
            run_id = self._fresh(count)
            begun, cpu = perf_counter(), process_time()
            work(run_id)
            found[key] = Reading(value=perf_counter() - begun, cpu_us=(process_time() - cpu) * 1e6 / count)
        each = [found[key].value / count for key, count in sizes.items()]
        found["growth"] = Reading(value=each[1] / each[0])
        found["peak"] = Reading(value=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        found["p99"] = Reading(value=self._single(work))
        return found

    def product(self, run_id: str) -> None:
        """Rate a frozen run."""
        run = self._assessor.drive(run_id, self._template.provisional_at + timedelta(minutes=1))
        assert run.state is RunState.OBJECTION_WINDOW

    def bare(self, run_id: str) -> None:
        """The same number of rows with next to no work behind each."""
        with closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous=FULL")
            rows = database.execute("SELECT uscc, facts, hash FROM assessment_inputs WHERE run_id = ? ORDER BY uscc", (run_id,))
            while part := rows.fetchmany(500):
                done = [_bare_row(run_id, uscc, json.loads(facts), digest) for uscc, facts, digest in part]
                writer = database.cursor()
                writer.execute("BEGIN IMMEDIATE")
                writer.executemany(_INSERT, done)
                writer.execute("COMMIT")

    def _fresh(self, count: int) -> str:
        self._version += 1
        run = replace(self._template, id=f"bench-{self._version}", version=self._version)
        with self._store.writing() as uow:
            catalogue = uow.assessments.catalogue(run.catalogue_version)
            assert catalogue is not None
            uow.assessments.add_run(run, catalogue)
            uow.commit()
        with closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute(_COPY, (run.id, count))
        return run.id

    def _single(self, work: Callable[[str], None]) -> float:
        rater = Rater(self._assessor.schemes["zhenhai"])
        judge = rater.rating if work == self.product else lambda facts, _: _bare_row("", "", facts, "")
        times = []
        for at in range(SINGLE[self._size]):
            facts = self._facts[at % KINDS]
            begun = perf_counter()
            judge(facts, {})
            times.append(perf_counter() - begun)
        return sorted(times)[len(times) * 99 // 100] * 1e6


_INSERT: Final = (
    "INSERT INTO assessment_results (run_id, uscc, revision, score, unrounded, band, grade, previous, reasons, lines, points, "
    "measures, hash, rated_at) VALUES (?, ?, 1, ?, ?, ?, ?, NULL, '[]', ?, NULL, '{}', ?, 0)"
)


def _bare_row(run_id: str, uscc: str, facts: Mapping[str, Any], digest: str) -> tuple[Any, ...]:
    points = []
    for name, raw in facts["indicators"].items():
        whole = list(raw.values()) if isinstance(raw, dict) and "days" not in raw else []
        value = 2.0 if not whole or not isinstance(whole[0], int) else 2.0 * whole[0] / max(1, whole[-1])
        points.append((name, str(value)))
    total = sum(float(value) for _, value in points)
    grade = "green" if total >= 90 else "blue" if total >= 75 else "yellow" if total >= 60 else "red"
    return run_id, uscc, f"{total:.2f}", str(total), grade, grade, json.dumps(points), digest
