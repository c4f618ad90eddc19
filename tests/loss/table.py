"""The loss table on the terminal, as JSON, and as a section of a document that each combination keeps up to date by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.loss import document
from tests.loss.ground import Broker
from tests.loss.run import Options, Result
from tests.loss.site import Clocks
from tests.loss.tally import COLUMNS, Counts, Tally

MOST_WRONG = 20
LOGS = {"embedded": "embedded log", "kafka": "Apache Kafka 4"}
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
BROKERS = {"nats": "nats-server", "mosquitto": "Mosquitto"}

INTRODUCTION = f"""# Loss table

Written by `python -m tests.loss --minutes 10 --log embedded|kafka --database sqlite|postgresql --out docs/loss.md`; each run
replaces its own section. Devices report at a steady rate over MQTT and HTTP, a camera films, merchants and an inspector work
warnings off, and every process of the product is killed with `kill -9` at moments drawn from the seed, each of them once in a
round. When the time is over and all is quiet, what was acknowledged is compared with what is stored.

- **published**: told to the product, or fallen due in it; **acknowledged**: the other end said so (PUBACK, 2xx), or the product's
  own transaction is committed; **stored**: found in the database, the log or at the receiver.
- **lost**: acknowledged and not stored, or stored without what must follow from it. **duplicates**: a second effect of one cause;
  the same message received again under its own id is none, and is noted below the table.
- **early**: a deadline step before its instant. **late**: more than 1 s after it while the sweep ran, or more than 10 s after its
  process (or the database) was back, each stretch of sweeping by itself. On PostgreSQL a step counts when its transaction was
  committed; SQLite keeps no such time, so there it is the instant of the sweep that wrote it. A lot that expires is judged from
  when it is known.
- "stock" is computed from outside: what a lot began with, less every sale told; a sale taken twice would show.
- Limits are shortened by configuration, so that deadlines fall due during the run: close_by after {Clocks().close_within_s:g} s,
  rectify_by {Clocks().rectify_within_s:g} s after delivery. Nothing else differs from an ordinary site.
- In the tables by process each item is counted to the kill nearest in time, so that their sums are the whole.
- The embedded broker is nats-server, which syncs before it acknowledges; Apache Kafka is run with the same one, and with
  Mosquitto by `--broker mosquitto`. Mosquitto acknowledges a turn of its loop before it writes: killed in that moment it loses
  what a foreign client believes safe, whoever stands behind it. The product's own edge publisher keeps an acknowledged fact a
  moment longer and sends it again if the connection breaks meanwhile.
- Live pages (Redis) are not counted: they are rebuilt from SQL. Frames are perishable; what was found in them is counted.
"""


def show(result: Result, console: Console) -> None:
    """Print it."""
    console.print(_headline(result), highlight=False, markup=False)
    console.print(_rich("by kind", result.tally.by_row()))
    console.print(_rich("by client", result.tally.by_client()))
    console.print(_rich("by process killed (kills)", _victims(result)))
    for name, note in result.notes.items():
        console.print(f"{name}: {note}", highlight=False, markup=False)
    for item in result.tally.wrong()[:MOST_WRONG]:
        marks = ", ".join(word for word in COLUMNS[3:] if getattr(item, word))
        console.print(f"{marks}: {item.row.value} at {item.at}: {item.what}", highlight=False, markup=False, style="red")


def _headline(result: Result) -> str:
    options = result.options
    return (
        f"{_combination(options)}, {result.workers}: {options.minutes:g} min at "
        f"{options.rate_per_s:g} facts/s and {options.frames_per_s:g} frame/s, {len(result.kills)} kills, seed {options.seed}, "
        f"commit {result.commit}, {result.started_at:%Y-%m-%d %H:%M} UTC"
    )


def _combination(options: Options) -> str:
    return ", ".join((LOGS[options.log.value], DATABASES[options.database.value], BROKERS[options.broker.value]))


def _victims(result: Result) -> dict[str, Counts]:
    times = Counter(kill.victim for kill in result.kills)
    return {f"{victim} ({times[victim]})": counts for victim, counts in result.tally.by_victim(result.kills).items()}


def _with_sum(rows: Mapping[str, Counts]) -> dict[str, Counts]:
    whole = Counts(**{name: sum(getattr(counts, name) for counts in rows.values()) for name in COLUMNS})
    return {**rows, "all": whole}


def _rich(title: str, rows: Mapping[str, Counts]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for name, counts in _with_sum(rows).items():
        style = "" if counts.is_sound else "red"
        table.add_row(name, *(str(getattr(counts, column)) for column in COLUMNS), style=style)
    return table


def _markdown(rows: Mapping[str, Counts], first: str) -> str:
    lines = [f"| {first} | {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * len(COLUMNS)}"]
    for name, counts in _with_sum(rows).items():
        lines.append(f"| {name} | {' | '.join(str(getattr(counts, column)) for column in COLUMNS)} |")
    return "\n".join(lines)


def line(tally: Tally) -> str:
    """All of it in one line, for the output of a test."""
    total = tally.total()
    return ", ".join(f"{name} {getattr(total, name)}" for name in COLUMNS)


def as_json(result: Result) -> dict[str, Any]:
    """JSON values."""

    def rows(found: Mapping[str, Counts]) -> dict[str, dict[str, int]]:
        return {name: {column: getattr(counts, column) for column in COLUMNS} for name, counts in found.items()}

    options = result.options
    return {
        "log": options.log.value,
        "database": options.database.value,
        "broker": options.broker.value,
        "workers": result.workers,
        "minutes": options.minutes,
        "facts_per_second": options.rate_per_s,
        "frames_per_second": options.frames_per_s,
        "seed": options.seed,
        "commit": result.commit,
        "machine": result.machine,
        "started_at": result.started_at.isoformat(),
        "ended_at": result.ended_at.isoformat(),
        "kills": [{"victim": kill.victim, "at": kill.at.isoformat()} for kill in result.kills],
        "by_kind": rows(result.tally.by_row()),
        "by_client": rows(result.tally.by_client()),
        "by_process": rows(result.tally.by_victim(result.kills)),
        "all": rows({"all": result.tally.total()})["all"],
        "notes": result.notes,
        "wrong": [{"row": item.row.value, "at": item.at.isoformat(), "what": item.what} for item in result.tally.wrong()],
        "ok": result.tally.total().is_sound,
    }


def section(result: Result) -> str:
    """The run as a section of the document."""
    options = result.options
    wrong = result.tally.wrong()[:MOST_WRONG]
    parts = [
        f"## {_combination(options)}",
        f"{_headline(result)}.\n{result.machine}. Seconds between kills: {options.pause_s[0]:g} to {options.pause_s[1]:g}.",
        _markdown(result.tally.by_row(), "kind"),
        _markdown(_victims(result), "process killed (times)"),
        _markdown(result.tally.by_client(), "told by"),
        "\n".join(f"- {title}: {note}" for title, note in result.notes.items()),
    ]
    if wrong:
        parts.append("What is not zero:\n\n" + "\n".join(f"- {item.row.value} at {item.at}: {item.what}" for item in wrong))
    return "\n\n".join(parts)


def write(result: Result, path: Path) -> None:
    """Put the section into the document, in place of the one of an earlier run."""
    options = result.options
    name = f"{options.log.value}-{options.database.value}"
    if options.broker is not Broker.NATS:
        name += f"-{options.broker.value}"
    document.write(path, INTRODUCTION, name, section(result))
