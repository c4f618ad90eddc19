"""The rating schemes there are: the shipped ones and a site's own, by name or as a file of their own.

``*.yaml`` and ``*.yml`` are both read. The version of a scheme is the file's own plus a hash of what it holds: comments and the
order of keys do not change it, a number does.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from configs.problems import Problem, as_error, nearest, of_validation
from configs.reading import names_of, read_yaml
from configs.scheme_files import SchemeFile
from credit.rating.ledger_facts import ALWAYS, SOMETIMES
from credit.rating.soundness import findings
from credit.rating.value import PROVISIONAL, UNRATED, RatedScheme
from domain.errors import ConfigurationError

_SHIPPED: Final = Path(__file__).parent / "schemes"
_HASH_LENGTH: Final = 12


def scheme_paths(folder: Path) -> list[Path]:
    """The scheme files of a folder, by name."""
    return sorted(path for path in folder.glob("*.y*ml") if path.suffix in {".yaml", ".yml"})


def read_scheme(path: Path, *, found_by_name: bool = False) -> tuple[RatedScheme | None, list[Problem]]:
    """One scheme file, checked.

    Args:
        path: the file.
        found_by_name: it lies in a folder of schemes, so it must be called like the scheme.

    Returns:
        The scheme, ``None`` if it cannot be used, and what is wrong with it.
    """
    raw, problems = read_yaml(path, str(path))
    if problems:
        return None, problems
    try:
        entry = SchemeFile.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        return None, of_validation(str(path), error, names_of(SchemeFile))
    scheme = entry.rated(content_hash(raw))
    problems = [Problem(file=str(path), key=key, what=what) for key, what in _found(scheme)]
    if found_by_name and entry.name != path.stem:
        problems.append(Problem(file=str(path), key="name", what=f"is {entry.name!r}", hint=f"write {path.stem}"))
    return scheme, problems


def content_hash(raw: dict[str, Any]) -> str:
    """Twelve hex digits of SHA-256 over what a scheme file holds, whatever its comments and the order of its keys."""
    text = json.dumps(raw, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:_HASH_LENGTH]


def _found(scheme: RatedScheme) -> list[tuple[str, str]]:
    found = [] if scheme.rating is None else [(f"rating.{key}", what) for key, what in findings(scheme.rating)]
    rules = scheme.ledger.rules.values() if scheme.ledger else ()
    found += [
        (f"rules.{rule.code}.degree.fact", f"{rule.degree.fact} is a key every violation has")
        for rule in rules
        if rule.degree is not None and rule.degree.fact in (*ALWAYS, *SOMETIMES)
    ]
    known = {*scheme.grade_titles, UNRATED, PROVISIONAL}
    return found + [(f"measures.{grade}", "no band has this name") for grade in scheme.measures if grade not in known]


def schemes_in(directory: Path | None = None) -> dict[str, RatedScheme]:
    """Every sound scheme by name: the shipped ones, and those of a configuration directory over them.

    Raises:
        ConfigurationError: naming file and key of everything that is wrong.
    """
    folders = [_SHIPPED] if directory is None else [_SHIPPED, directory / "schemes"]
    schemes: dict[str, RatedScheme] = {}
    for folder in folders:
        for path in scheme_paths(folder):
            scheme = _sound(path, found_by_name=True)
            schemes[scheme.name] = scheme
    return schemes


def find_scheme(name: str, directory: Path | None = None) -> RatedScheme:
    """A scheme by its name, or by the path of its file.

    Args:
        name: ``zhenhai``, or a file.
        directory: configuration whose ``schemes/`` lie over the shipped ones.

    Raises:
        ConfigurationError: there is none, or its file is wrong.
    """
    folders = [_SHIPPED] if directory is None else [directory / "schemes", _SHIPPED]
    paths = {path.stem: path for folder in reversed(folders) for path in scheme_paths(folder)}
    if name in paths:
        return _sound(paths[name], found_by_name=True)
    if Path(name).is_file():
        return _sound(Path(name), found_by_name=False)
    hint = nearest(name, sorted(paths)) or f"known: {', '.join(sorted(paths))}; or name a file"
    raise ConfigurationError(f"there is no scheme {name!r}", key="SCHEME", hint=hint)


def _sound(path: Path, *, found_by_name: bool) -> RatedScheme:
    scheme, problems = read_scheme(path, found_by_name=found_by_name)
    if scheme is None or problems:
        raise as_error(problems)
    return scheme
