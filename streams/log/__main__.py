"""``python -m streams.log DIRECTORY [--port N]``: serve a log directory until SIGTERM or Ctrl-C.

The rule to know: the line ``ready HOST:PORT`` on standard output means that clients may connect. The process does without
some modules that its libraries would load if they find them (``_NOT_NEEDED``); that is a third of its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO, cast

if TYPE_CHECKING:
    from streams.log.access import Credentials

_NOT_NEEDED: Final = ("ssl", "rich", "better_exceptions", "hypothesis")
"""Loaded by asyncio, structlog and kio when they are there, and of no use to this process."""
_USER: Final = "kitchen"


class Lines:
    """A text stream for log lines; one that cannot be written is lost and nothing else.

    It lies on the same disk as the records as a rule, and where it tells how a full disk is dealt with, an error of its own
    would take the place of that.

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


def main() -> int:
    """Run the log; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m streams.log", description="The embedded Kafka-protocol log.")
    parser.add_argument("directory", type=Path, help="where everything is kept")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen; beyond loopback only with --secret-file")
    parser.add_argument("--advertise", metavar="HOST[:PORT]", help="where clients are told to connect (default: --host)")
    parser.add_argument("--port", type=int, default=9092, help="0 takes a free one")
    parser.add_argument("--user", default=_USER, help=f"the user that clients show the secret of (default: {_USER})")
    parser.add_argument("--secret-file", type=Path, help="a file with the secret, readable by its owner only (SCRAM-SHA-256)")
    parser.add_argument("--auto-create", action="store_true", help="create topics that clients ask for, as Apache Kafka does")
    parser.add_argument(
        "--upkeep-every", type=float, default=5.0, metavar="SECONDS", help="how often old segments are looked for"
    )
    parser.add_argument("--metrics-host", default="127.0.0.1", help="where /metrics is shown")
    parser.add_argument("--metrics-port", type=int, default=0, help="0 shows none")
    options = parser.parse_args()

    from domain.errors import KitchenError  # noqa: PLC0415 - after what is not needed has been set aside

    faulthandler.register(signal.SIGUSR1, all_threads=True)
    _allow_files()
    try:
        asyncio.run(_serve(options))
    except KitchenError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


def _allow_files() -> None:
    """Have as many files open as this user may: every partition is one at least, every connection another."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(options: argparse.Namespace) -> None:
    from streams.log.embedded import Log  # noqa: PLC0415 - as above
    from streams.log.exposition import show  # noqa: PLC0415

    _set_up_logging()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log = Log(
        options.directory,
        host=options.host,
        port=options.port,
        advertised=options.advertise,
        credentials=_credentials(options.user, options.secret_file),
        auto_create=options.auto_create,
        retention_every_s=options.upkeep_every,
    )
    async with log:
        shown = await show(log.metrics, options.metrics_host, options.metrics_port) if options.metrics_port else None
        sys.stdout.write(f"ready {log.address}\n")
        sys.stdout.flush()
        await stop.wait()
        if shown is not None:
            shown.close()


def _credentials(user: str, path: Path | None) -> Credentials | None:
    """The secret of a file.

    Raises:
        ConfigurationError: it cannot be read, others can read it too, or it is too short.
    """
    if path is None:
        return None
    from domain.errors import ConfigurationError  # noqa: PLC0415 - as above
    from streams.log.access import Credentials  # noqa: PLC0415

    try:
        mode = path.stat().st_mode
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"cannot be read: {problem}", file=str(path)) from None
    if mode & 0o077:
        raise ConfigurationError("others can read it", file=str(path), hint=f"chmod 600 {path}")
    return Credentials(user, secret)


def _set_up_logging() -> None:
    """Lines like those of the other processes: key=value on a terminal, JSON elsewhere."""
    import structlog  # noqa: PLC0415 - as above

    last: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if sys.stderr.isatty()
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    )
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True), *last],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Lines(sys.stderr))),
        cache_logger_on_first_use=True,
    )


if __name__ == "__main__":
    for name in _NOT_NEEDED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # documented: the import fails as if it were not there
    sys.exit(main())
