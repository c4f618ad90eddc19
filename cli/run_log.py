"""``kitchen run log``: the embedded Kafka-protocol log, on loopback unless told otherwise.

The rule to know: the log is a process of its own with as little in it as possible, so this command does not run it but
*becomes* it (``streams.log.__main__``); what `kitchen` itself loads is gone then.
"""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from pathlib import Path

from cli.worker import Setting
from configs.secrets import log_secret


def log_command(
    data: Path, port: int, *, host: str = "127.0.0.1", advertised: str | None = None, metrics: tuple[str, int] = ("", 0)
) -> tuple[str, ...]:
    """The command line of the log kept in ``DATA/log``.

    Args:
        data: the data directory.
        port: where it listens.
        host: on which address; any but loopback makes clients show the secret in ``DATA/secrets/log``, which is made
            if it is not there.
        advertised: the host, with or without a port, that clients are told to connect to.
        metrics: host and port of ``/metrics``; port 0 shows none.
    """
    command = [sys.executable, "-P", "-m", "streams.log", str(data / "log"), "--host", host, "--port", str(port)]
    if not _loopback(host):
        log_secret(data / "secrets")
        command += ["--secret-file", str(data / "secrets" / "log")]
    if advertised is not None:
        command += ["--advertise", advertised]
    if metrics[1]:
        command += ["--metrics-host", metrics[0], "--metrics-port", str(metrics[1])]
    return tuple(command)


def become(setting: Setting, port: int, host: str, advertised: str | None) -> None:
    """Be the log until told to stop."""
    command = log_command(
        setting.data, port, host=host, advertised=advertised, metrics=(setting.metrics_host, setting.metrics_port)
    )
    os.execv(command[0], command)  # noqa: S606 - the same interpreter, with arguments of ours


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
