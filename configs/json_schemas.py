"""The JSON Schemas of the configuration files, generated from the models that read them; a test keeps the files in step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from configs.additive_files import AdditivesFile
from configs.assessment_files import AssessmentsFile
from configs.connector_files import ConnectorsFile
from configs.consequence_files import ConsequencesFile
from configs.department_files import DepartmentsFile, DocumentsFile
from configs.files import DevicesFile, MerchantsFile, SiteFile, UsersFile
from configs.notification_files import ChannelsFile, EscalationsFile
from configs.rule_files import RulesFile
from configs.scheme_files import RoutesFile, SchemeFile
from configs.workdays import WorkdaysFile

_MODELS: Final[dict[str, type[BaseModel]]] = {
    "site": SiteFile,
    "merchants": MerchantsFile,
    "devices": DevicesFile,
    "users": UsersFile,
    "rules": RulesFile,
    "routes": RoutesFile,
    "channels": ChannelsFile,
    "escalations": EscalationsFile,
    "scheme": SchemeFile,
    "workdays": WorkdaysFile,
    "consequences": ConsequencesFile,
    "assessments": AssessmentsFile,
    "connectors": ConnectorsFile,
    "departments": DepartmentsFile,
    "documents": DocumentsFile,
    "additives": AdditivesFile,
}


def schema_texts() -> dict[str, str]:
    """File name → JSON Schema text."""
    texts = {}
    for name, model in _MODELS.items():
        schema: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
        texts[f"{name}.json"] = json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return texts


def write_schemas(directory: Path | None = None) -> list[Path]:
    """Write every schema; returns the files."""
    folder = directory or Path(__file__).parent / "schemas"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in schema_texts().items():
        path = folder / name
        path.write_text(text, "utf-8")
        written.append(path)
    return written
