"""kill -9 in the middle of transactions: what was committed is there, nothing is there by half."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from store import open_store
from tests.contract.store.raw import execute

ROOT = Path(__file__).parents[3]
IN_THE_MIDDLE = 4
AT_MOST = 40


def _write_and_be_killed(url: str, first: int, after: int, pause_s: float) -> tuple[int, int]:
    """Run a writer, kill it ``pause_s`` after so many commits; the last number it began and the last it committed."""
    command = [sys.executable, "-m", "tests.contract.store.writer", url, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while sum(line.startswith("committed") for line in lines) < after:
            line = process.stdout.readline()
            assert line, f"the writer ended by itself with {process.poll()}"
            lines.append(line)
        try:
            process.wait(pause_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        assert process.wait() == -signal.SIGKILL
    numbers = {word: int(number) for word, number in (line.split() for line in lines if line.endswith("\n"))}
    return numbers["begin"], numbers["committed"]


def test_kills_in_the_middle_of_transactions_lose_nothing_and_leave_nothing_by_half(url: str) -> None:
    chance = random.Random(20261120)
    promised: set[str] = set()
    first, middle, kills = 1, 0, 0
    while middle < IN_THE_MIDDLE and kills < AT_MOST:
        begun, committed = _write_and_be_killed(url, first, chance.randint(3, 12), chance.random() / 200)
        kills += 1
        middle += begun > committed
        promised |= {f"{number:06}" for number in range(first, committed + 1)}
        first = begun + 1
    assert middle == IN_THE_MIDDLE, f"only {middle} of {kills} kills fell into a transaction"

    tables = {"warnings": "id", "audit": "entity_id", "observations": "event_id", "outbox": "key"}
    kept = {table: {str(row[0]) for row in execute(url, f"SELECT {key} FROM {table}")} for table, key in tables.items()}
    assert promised <= kept["warnings"]
    assert len(kept["warnings"] - promised) <= kills  # committed, but killed before it could say so
    assert kept["warnings"] == kept["audit"] == kept["observations"] == kept["outbox"]
    store = open_store(url)
    with store.reading() as unit:
        assert unit.audit.verify() == len(kept["audit"])
    store.close()
    if url.startswith("sqlite"):
        assert execute(url, "PRAGMA integrity_check") == [("ok",)]
        assert execute(url, "PRAGMA foreign_key_check") == []
