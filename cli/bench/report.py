"""A run as tables for people, JSON for programs, Markdown for the record."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cli.bench.figure import Outcome, Size
from cli.bench.machine import Machine
from cli.bench.table import Row, Spread, rows_of
from cli.output import show_table
from domain.errors import ConfigurationError

COLUMNS: Final = ("measure", "unit", "product", "baseline", "ratio", "CPU µs", "CPU µs baseline", "baseline is")
BEGIN: Final = "<!-- results: written by kitchen bench -->"
END: Final = "<!-- end of results -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All of one run."""

    machine: Machine
    size: Size
    seconds: float
    outcomes: Sequence[Outcome]

    @property
    def failed(self) -> list[str]:
        """The figures that could not be measured."""
        return [outcome.name for outcome in self.outcomes if outcome.failed]


def show(run: Run) -> None:
    """Print every figure as a table."""
    print("\n".join(machine_lines(run)))
    print("Medians of interleaved rounds (least–most); ↑ more is better, ↓ less is; ratio = product ÷ baseline.\n")
    for outcome in run.outcomes:
        show_table(COLUMNS, (cells(row) for row in rows_of(outcome)), title=outcome.title)
        print("\n".join([*remarks(outcome), ""]))
    sys.stdout.flush()


def as_json(run: Run) -> dict[str, Any]:
    """The run as a JSON object, every round included."""
    return {
        "machine": asdict(run.machine),
        "size": run.size.value,
        "seconds": round(run.seconds, 1),
        "figures": [_figure(outcome) for outcome in run.outcomes],
    }


def _figure(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "title": outcome.title,
        "note": outcome.note,
        "seconds": round(outcome.seconds, 1),
        "failed": outcome.failed,
        "skipped": dict(outcome.absent),
        "product_is": outcome.product,
        "rows": [{**asdict(row), "ratio": row.ratio, "cpu_ratio": row.cpu_ratio} for row in rows_of(outcome)],
        "rounds": {
            name: {key: [asdict(reading) for reading in readings] for key, readings in quantities.items()}
            for name, quantities in outcome.readings.items()
        },
    }


def write_markdown(run: Run, path: Path) -> None:
    """Replace the results in a page that has the two marks, or write a new page.

    Raises:
        ConfigurationError: if the page is there and has no marks, or cannot be written.
    """
    results = "\n".join([BEGIN, "", *_markdown(run), END])
    try:
        if not path.exists():
            path.write_text(f"# Benchmarks\n\n{results}\n", "utf-8")
            return
        page = path.read_text("utf-8")
        if BEGIN not in page or END not in page:
            raise ConfigurationError("it has no place for results", file=str(path), hint=f"put {BEGIN} and {END} into it")
        before, _, rest = page.partition(BEGIN)
        path.write_text(before + results + rest.partition(END)[2], "utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot be written: {error.strerror}", file=str(path)) from None


def _markdown(run: Run) -> Iterator[str]:
    for line in machine_lines(run):
        yield f"{line}  "
    yield ""
    for outcome in run.outcomes:
        yield f"### {outcome.title}\n"
        rows = [cells(row) for row in rows_of(outcome)]
        if rows:
            yield f"| {' | '.join(COLUMNS)} |"
            yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"
            yield from (f"| {' | '.join(row)} |" for row in rows)
            yield ""
        yield from (f"{remark}  " for remark in remarks(outcome))
        yield ""


def machine_lines(run: Run) -> list[str]:
    """Who measured what, where and when."""
    machine = run.machine
    versions = ", ".join(f"{name} {number}" for name, number in _known(machine.versions).items())
    return [
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GB, {machine.kernel}, {machine.python}",
        f"bright-kitchen {machine.release}",
        f"{machine.measured_at}, {run.size.value} run of {run.seconds:.0f} s, load before it {machine.load:g}",
        versions,
    ]


def _known(versions: Mapping[str, str]) -> dict[str, str]:
    return {name: number for name, number in versions.items() if number}


def remarks(outcome: Outcome) -> list[str]:
    """What a reader of the table must know."""
    lines = [f"Not measured: {outcome.failed}"] if outcome.failed else []
    lines += [f"Skipped: {name}: {why}" for name, why in outcome.absent.items()]
    if outcome.note:
        lines.append(f"Product: {outcome.product}. {outcome.note}.")
    return lines


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    return (
        row.measure,
        f"{row.unit} {'↑' if row.more_is_better else '↓'}",
        spread_text(row.product),
        spread_text(row.baseline),
        "" if row.ratio is None else f"{number_text(row.ratio)}×",
        cpu_text(row.product),
        cpu_text(row.baseline),
        row.baseline_is,
    )


def spread_text(spread: Spread | None) -> str:
    """Median and, if there were several rounds, the least and the most."""
    if spread is None:
        return ""
    text = number_text(spread.median)
    return text if spread.rounds == 1 else f"{text} ({number_text(spread.least)}–{number_text(spread.most)})"


def cpu_text(spread: Spread | None) -> str:
    """CPU time per event; below what the kernel counts it says so."""
    if spread is None or spread.cpu_us is None:
        return ""
    return number_text(spread.cpu_us) if spread.cpu_us else "< tick"


def number_text(value: float) -> str:
    """Three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}" if value else "0"
