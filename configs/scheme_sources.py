"""What a scheme file holds, kept beside the results made by it, so that they can be made again when the file has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from configs.problems import as_error
from configs.reading import read_yaml
from configs.scheme_catalogue import content_hash, scheme_paths
from configs.scheme_files import SchemeFile
from credit.rating.value import RatedScheme
from domain.errors import ConfigurationError

_SHIPPED = Path(__file__).parent / "schemes"


def scheme_content(name: str, directory: Path | None = None) -> dict[str, Any]:
    """What the file of a scheme holds, by its name; a configuration directory's own file lies over the shipped one.

    Raises:
        ConfigurationError: there is no such scheme, or its file cannot be read.
    """
    folders = [_SHIPPED] if directory is None else [_SHIPPED, directory / "schemes"]
    paths = {path.stem: path for folder in folders for path in scheme_paths(folder)}
    if name not in paths:
        raise ConfigurationError(f"there is no scheme {name!r}", key="scheme", hint=f"known: {', '.join(sorted(paths))}")
    raw, problems = read_yaml(paths[name], str(paths[name]))
    if problems:
        raise as_error(problems)
    return raw


def scheme_of(content: Mapping[str, Any]) -> RatedScheme:
    """The scheme a file's content makes, as on the day it was kept.

    Raises:
        ConfigurationError: this release cannot read it any more.
    """
    raw = dict(content)
    try:
        return SchemeFile.model_validate_json(json.dumps(raw)).rated(content_hash(raw))
    except ValueError as error:
        raise ConfigurationError(f"the kept scheme cannot be read: {error}", key=str(raw.get("name"))) from None
