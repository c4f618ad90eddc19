"""Options that several commands share, and what they mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import typer

import configs
from cli.datadir import DataDirectory, read_json
from cli.installation import Kind
from cli.worker import Setting
from configs.endpoints import Endpoints

DEFAULT_DATA: Final = Path("data")

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where everything is kept.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="DIR", help="The configuration; DATA/config unless named.")]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
Model = Annotated[str, typer.Option("--model", metavar="FILE", help="default, blind, or a file of weights (.onnx, .pt).")]
Mqtt = Annotated[str | None, typer.Option("--mqtt", metavar="URL", help="mqtt[s]://user:password@host:port")]
MetricsPort = Annotated[int, typer.Option("--metrics-port", help="Where to show /metrics; 0 shows none.")]
MetricsHost = Annotated[str, typer.Option("--metrics-host", help="Address to show /metrics on.")]


def config_of(data: Path, config: Path | None) -> Path:
    """The configuration directory a command means: the named one, else the installation's."""
    if config is not None:
        return config
    directory = DataDirectory(data)
    if not directory.config.is_dir() and read_json(data / "installation.json").get("kind") == Kind.DEMO:
        return configs.demo_directory()
    return directory.config


def setting(data: Path, config: Path | None, metrics_port: int = 0, metrics_host: str = "127.0.0.1") -> Setting:
    """Where a worker runs, from its options and the environment."""
    return Setting(
        data=data.absolute(),
        config=config_of(data, config),
        endpoints=Endpoints.from_environment(os.environ, data),
        metrics_host=metrics_host,
        metrics_port=metrics_port,
    )
