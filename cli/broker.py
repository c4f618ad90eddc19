"""``kitchen broker-files``: Mosquitto's configuration, access list and passwords for the devices of an installation."""

from __future__ import annotations

from pathlib import Path

from cli.datadir import DataDirectory
from cli.installation import broker_users, prepare_site
from configs.secrets import read_secrets
from devices.mosquitto import MosquittoSettings, write_mosquitto


def broker_files(data: Path, config: Path, directory: Path, *, bind: str, port: int) -> None:
    """Write the files; run it again after a device was added.

    Whoever has no password yet gets one, shown this once.

    Args:
        data: holds the passwords.
        config: names devices and users.
        directory: where to write; Mosquitto must see it under the same path.
        bind: address to listen on; empty is all.
        port: port to listen on.
    """
    prepared = prepare_site(DataDirectory(data.absolute()), config)
    directory = directory.absolute()
    settings = MosquittoSettings(
        data=directory / "data", passwords=directory / "passwords", access=directory / "access", bind=bind, port=port
    )
    users = broker_users(prepared.configuration, read_secrets(prepared.data.secrets))
    write_mosquitto(directory / "mosquitto.conf", settings, users)
    print(f"written: {directory}/mosquitto.conf, access, passwords")
    for name, password in {**prepared.new_users, **prepared.new_devices}.items():
        print(f"new password of {name}: {password}")
