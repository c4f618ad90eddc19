"""A configuration directory as one checked value, or everything that is wrong with it.

A directory needs ``site.yaml``, ``merchants.yaml``, ``devices.yaml`` and ``users.yaml``. Rules and schemes are laid over the
shipped ones and routes fall back to them, so a site's directory holds what is its own and nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from configs.additive_files import AdditivesFile
from configs.assessment_files import AssessmentsFile
from configs.checks import cross_check
from configs.connector_files import ConnectorsFile
from configs.consequence_files import ConsequencesFile
from configs.department_files import DepartmentsFile, DocumentsFile
from configs.files import DevicesFile, MerchantsFile, SiteFile, UsersFile
from configs.notification_files import ChannelsFile, EscalationsFile
from configs.problems import Problem, as_error, of_validation
from configs.reading import names_of, read_yaml
from configs.rule_files import RulesFile, overlay
from configs.scheme_catalogue import read_scheme, scheme_paths
from configs.scheme_files import RoutesFile
from configs.values import Configuration
from configs.workdays import LEGAL, WorkdaysFile
from credit.calendar import Calendar
from credit.rating.value import RatedScheme
from credit.scheme import chargeless
from domain.ids import DeviceKind
from domain.parties import Camera

_SHIPPED: Final = Path(__file__).parent
_FILES: Final = {
    "site.yaml": SiteFile,
    "merchants.yaml": MerchantsFile,
    "devices.yaml": DevicesFile,
    "users.yaml": UsersFile,
    "rules.yaml": RulesFile,
    "routes.yaml": RoutesFile,
    "channels.yaml": ChannelsFile,
    "escalations.yaml": EscalationsFile,
    "workdays.yaml": WorkdaysFile,
    "consequences.yaml": ConsequencesFile,
    "assessments.yaml": AssessmentsFile,
    "connectors.yaml": ConnectorsFile,
    "departments.yaml": DepartmentsFile,
    "documents.yaml": DocumentsFile,
    "additives.yaml": AdditivesFile,
}
M = TypeVar("M", bound=BaseModel)


def default_directory() -> Path:
    """Where the shipped YAML lies: ``rules.yaml``, ``routes.yaml``, ``schemes/``, ``demo/``."""
    return _SHIPPED


def demo_directory() -> Path:
    """The complete configuration of the demonstration site."""
    return _SHIPPED / "demo"


def load(directory: Path) -> Configuration:
    """Read and check a configuration directory.

    Raises:
        ConfigurationError: naming file and key of every problem.
    """
    configuration, problems = _read(directory)
    if configuration is None or any(problem.fatal for problem in problems):
        raise as_error(problems)
    return configuration


def check(directory: Path) -> list[Problem]:
    """Everything that is wrong with a configuration directory; empty when it is sound."""
    return _read(directory)[1]


def calendar(directory: Path | None = None) -> Calendar:
    """The calendar of working days, with the corrections of a configuration directory if one is named.

    Raises:
        ConfigurationError: if its ``workdays.yaml`` is wrong.
    """
    if directory is None:
        return LEGAL
    raw, problems = _content(directory, "workdays.yaml")
    model = None if problems else _validated(WorkdaysFile, raw, str(directory / "workdays.yaml"), problems)
    if model is None:
        raise as_error(problems)
    return model.value()


def _read(directory: Path) -> tuple[Configuration | None, list[Problem]]:
    if not directory.is_dir():
        return None, [Problem(file=str(directory), what="there is no such directory", hint="`kitchen init` makes one")]
    problems = _strange_files(directory)
    models: dict[str, Any] = {}
    for name, model in _FILES.items():
        raw, found = _content(directory, name)
        problems += found
        if not found:
            models[name] = _validated(model, raw, str(directory / name), problems)
    schemes = _schemes(directory, problems)
    if any(problem.fatal for problem in problems) or schemes is None:
        return None, problems
    configuration = _assemble(models, schemes)
    return configuration, problems + cross_check(configuration, directory)


def _strange_files(directory: Path) -> list[Problem]:
    known = {*_FILES, "schemes"}
    hint = "known: " + ", ".join(sorted(known))
    return [
        Problem(file=str(path), what="no part of the product reads this file", hint=hint)
        for path in sorted(directory.iterdir())
        if path.suffix in (".yaml", ".yml") and path.name not in known
    ]


def _content(directory: Path, name: str) -> tuple[dict[str, Any], list[Problem]]:
    path = directory / name
    shipped = _SHIPPED / name
    if not shipped.exists():
        return read_yaml(path, str(path))
    if not path.exists():
        return read_yaml(shipped, str(shipped))
    own, problems = read_yaml(path, str(path))
    base, _ = read_yaml(shipped, str(shipped)) if name == "rules.yaml" else ({}, [])
    return overlay(base, own), problems


def _validated(model: type[M], raw: dict[str, Any], shown: str, problems: list[Problem]) -> M | None:
    try:
        return model.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        problems += of_validation(shown, error, names_of(model))
        return None


def _schemes(directory: Path, problems: list[Problem]) -> dict[str, RatedScheme] | None:
    schemes: dict[str, RatedScheme] = {}
    for folder in (_SHIPPED / "schemes", directory / "schemes"):
        for path in scheme_paths(folder):
            scheme, found = read_scheme(path, found_by_name=True)
            problems += found
            if scheme is not None:
                schemes[scheme.name] = scheme
    return schemes


def _assemble(models: dict[str, Any], schemes: dict[str, RatedScheme]) -> Configuration:
    site = models["site.yaml"].value()
    merchants = tuple(entry.value(site.scheme) for entry in models["merchants.yaml"].merchants)
    region_of = {merchant.uscc: merchant.region for merchant in merchants}
    entries = models["devices.yaml"].devices
    devices = tuple(entry.value(region_of.get(entry.uscc, site.region)) for entry in entries)
    cameras: tuple[Camera, ...] = tuple(
        entry.camera() for entry, device in zip(entries, devices, strict=True) if device.kind is DeviceKind.CAMERA
    )
    return Configuration(
        site=site,
        merchants=merchants,
        devices=devices,
        cameras=cameras,
        users=tuple(entry.value() for entry in models["users.yaml"].users),
        rules=models["rules.yaml"].value(),
        routes=tuple(entry.value() for entry in models["routes.yaml"].routes),
        channels=models["channels.yaml"].value(),
        chains=tuple(entry.value() for entry in models["escalations.yaml"].chains),
        schemes={name: scheme.ledger or chargeless(name, scheme.title) for name, scheme in schemes.items()},
        ratings=schemes,
        calendar=models["workdays.yaml"].value(),
        consequences=models["consequences.yaml"].value(),
        assessments=models["assessments.yaml"].value(),
        provincial=models["connectors.yaml"].value(),
        departments=models["departments.yaml"].value(),
        rulebook=models["documents.yaml"].value(),
        additives=models["additives.yaml"].value(),
    )
