"""``kitchen broker-files``: Mosquitto's configuration, access list and passwords for the devices of an installation."""

from __future__ import annotations

from pathlib import Path

import configs
from cli.datadir import DataDirectory
from cli.installation import broker_users
from configs.secrets import read_secrets
from devices.mosquitto import MosquittoSettings, write_mosquitto


def broker_files(data: Path, config: Path, directory: Path, *, bind: str, port: int, root: str | None) -> None:
    """Write the files; run it again after a device was added.

    Args:
        data: holds the devices' passwords.
        config: names the devices.
        directory: where to write.
        bind: address to listen on; empty is all.
        port: port to listen on.
        root: what Mosquitto calls the directory, if it sees it elsewhere (in a container).
    """
    seen = Path(root) if root else directory.absolute()
    configuration = configs.load(config)
    settings = MosquittoSettings(
        data=directory / "data", passwords=directory / "passwords", access=directory / "access", bind=bind, port=port
    )
    write_mosquitto(
        directory / "mosquitto.conf", settings, broker_users(configuration, read_secrets(DataDirectory(data).secrets))
    )
    if root:
        path = directory / "mosquitto.conf"
        path.write_text(path.read_text("utf-8").replace(str(directory), str(seen)), "utf-8")
    print(f"written: {directory}/mosquitto.conf, access, passwords")
