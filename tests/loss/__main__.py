"""``python -m tests.loss``: run one combination (or all four) and print, tell as JSON, or write the loss table."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from itertools import product
from pathlib import Path

import structlog
from rich.console import Console

from tests.loss import table
from tests.loss.ground import Broker, Database, Log
from tests.loss.run import Options, run

ALL = "all"


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.loss", description=__doc__)
    defaults = Options()
    parser.add_argument("--minutes", type=float, default=defaults.minutes)
    parser.add_argument("--log", choices=[*Log, ALL], default=Log.EMBEDDED)
    parser.add_argument("--database", choices=[*Database, ALL], default=Database.SQLITE)
    parser.add_argument("--broker", choices=list(Broker), default=Broker.NATS, help="for MQTT, on Kafka")
    parser.add_argument("--casework", type=int, default=defaults.casework, help="workers, on Kafka with PostgreSQL")
    parser.add_argument("--rate", type=float, default=defaults.rate_per_s, help="facts a second of all devices together")
    parser.add_argument("--frames", type=float, default=defaults.frames_per_s, help="frames a second of the camera")
    parser.add_argument("--pause", type=float, nargs=2, default=defaults.pause_s, help="seconds between two kills: from, to")
    parser.add_argument("--victims", nargs="+", default=(), help="kill only these")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--keep", type=Path, help="leave the product's files there")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--out", type=Path, help="the document whose section is to be written")
    return parser.parse_args(words)


def main() -> int:
    """Run; 0 if the last four columns are zero everywhere."""
    asked = arguments()
    console = Console(stderr=asked.json)
    # what our own publishers say of each broken connection would run through the progress bar
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logs = list(Log) if asked.log == ALL else [Log(asked.log)]
    databases = list(Database) if asked.database == ALL else [Database(asked.database)]
    results = []
    for log, database in product(logs, databases):
        options = Options(
            log=log,
            database=database,
            broker=Broker(asked.broker),
            minutes=asked.minutes,
            rate_per_s=asked.rate,
            frames_per_s=asked.frames,
            pause_s=(asked.pause[0], asked.pause[1]),
            casework=asked.casework,
            victims=tuple(asked.victims),
            seed=asked.seed,
            keep=_kept(asked.keep, log, database),
        )
        result = run(options, console)
        results.append(result)
        table.show(result, console)
        if asked.out:
            table.write(result, asked.out)
    if asked.json:
        sys.stdout.write(json.dumps([table.as_json(result) for result in results], ensure_ascii=False, indent=2) + "\n")
    return 0 if all(result.tally.total().is_sound for result in results) else 1


def _kept(folder: Path | None, log: Log, database: Database) -> Path | None:
    if folder is None:
        return None
    own = folder.absolute() / f"{log.value}-{database.value}"
    own.mkdir(parents=True)
    return own


if __name__ == "__main__":
    sys.exit(main())
