"""``kitchen run auditor``: like the embedded log, this command does not run the auditor but *becomes* it (``cli.auditor``).

What ``kitchen`` itself loads is gone then; the database's URL goes by the environment, for it may hold a password.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cli.worker import Setting


def auditor_command(data: Path, *, metrics: tuple[str, int]) -> tuple[str, ...]:
    """The command line of the auditor; ``metrics`` is host and port of its page, port 0 shows none."""
    command = (sys.executable, "-P", "-m", "cli.auditor", "--data", str(data))
    return (*command, "--metrics-host", metrics[0], "--metrics-port", str(metrics[1])) if metrics[1] else command


def become(setting: Setting) -> None:
    """Be the auditor until told to stop."""
    command = auditor_command(setting.data, metrics=(setting.metrics_host, setting.metrics_port))
    os.execve(  # noqa: S606 - the same interpreter, with arguments of ours
        command[0], command, os.environ | {"KITCHEN_DATABASE_URL": setting.endpoints.database}
    )
