"""Log lines on a disk that takes none."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import logging, sys
from pathlib import Path
import structlog
from cli.logs import set_up_logging
set_up_logging({file})
for number in range(2000):
    structlog.get_logger().warning("part away", number=number)
logging.getLogger("library").error("connection lost")
print("done")
"""


def test_a_full_disk_costs_the_line_and_not_what_it_tells_about() -> None:
    """Where a worker says that it tries again, an error of the log would make it give the event up."""
    for file in ("None", 'Path("/dev/full")'):
        with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
            code = CODE.format(file=file)
            ended = subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.PIPE, stderr=full, timeout=30)
        assert ended.stdout == b"done\n", file
