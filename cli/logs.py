"""How log lines look: key=value on a terminal, one JSON object per line elsewhere. Called once, by a command.

The rule to know: a line that cannot be written is lost and nothing else. Logs lie on the same disk as everything else, and where
a line tells how a failure is dealt with, an error of its own would take the place of that.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

import structlog


class Sparing(logging.Filter):
    """Lets the same complaint of a library through once in ``every_s`` seconds; it says how many it held back."""

    def __init__(self, every_s: float = 5.0) -> None:
        super().__init__()
        self._every_s = every_s
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        at = time.monotonic()
        key = (record.name, str(record.msg))
        last, held = self._told.get(key, (-self._every_s, 0))
        if at - last < self._every_s:
            self._told[key] = (last, held + 1)
            return False
        self._told[key] = (at, 0)
        if held:
            record.msg = f"{record.msg} (and {held} times more)"
        return True


class Unfailing:
    """A text stream for logs that takes every line, also when the disk does not.

    Args:
        stream: where lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written, if that is possible."""
        with suppress(OSError):
            self._stream.flush()


def set_up_logging(file: Path | None = None, *, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's loggers to a file, or to standard error.

    Args:
        file: append there instead of standard error.
        level: least level that is written.
    """
    stream: TextIO = file.open("a", encoding="utf-8", buffering=1) if file else sys.stderr
    unfailing = cast("TextIO", Unfailing(stream))
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    readable = file is None and stream.isatty()
    last: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(unfailing),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(unfailing)
    handler.setFormatter(formatter)
    handler.addFilter(Sparing())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
