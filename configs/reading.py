"""Reading one YAML file strictly: UTF-8, one document, no key twice, no surprises of YAML 1.1.

Plain words stay words: ``on``, ``no``, ``07:30`` and ``2026-11-20`` are strings here, not booleans, sexagesimal numbers
or dates. Only ``true``, ``false``, ``null`` and numbers are something else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from configs.problems import Problem

try:
    from yaml import CSafeLoader as _SafeLoader  # libyaml reads a scheme six times as fast
except ImportError:  # PyYAML was built without it
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

_MAX_BYTES = 2_000_000
_MAX_VALUES = 200_000
"""Most values a file may come to once its aliases are followed: a few lines of aliases of aliases are billions."""
_KEEP = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}


class _Loader(_SafeLoader):
    """PyYAML's safe loader with the scalar forms of YAML 1.2's core schema and without repeated keys."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEEP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is no name", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands in line {seen[key]} already", key_node.start_mark
                )
            seen[key] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"(0|-?[1-9][0-9]*)$"), list("-0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?$"), list("-0123456789")
)


def read_yaml(path: Path, shown: str) -> tuple[dict[str, Any], list[Problem]]:
    """Read a file that must hold one mapping.

    Args:
        path: the file.
        shown: its name in messages.

    Returns:
        The mapping (empty if it cannot be read) and what is wrong with it.
    """
    try:
        return _mapping(path), []
    except FileNotFoundError:
        return {}, [Problem(file=shown, what="the file is missing", hint="`kitchen init` writes a starter configuration")]
    except OSError as error:
        return {}, [Problem(file=shown, what=f"the file cannot be read: {error.strerror}")]
    except UnicodeDecodeError:
        return {}, [Problem(file=shown, what="the file is not UTF-8", hint="save it as UTF-8")]
    except yaml.YAMLError as error:
        return {}, [Problem(file=shown, what=_yaml_message(error), hint="correct the YAML")]


def names_of(model: type[BaseModel]) -> list[str]:
    """Every key of a model and of the models inside it, for suggestions."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return [key for part in parts for key in part.get("properties", {})]


def _mapping(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    if len(raw) > _MAX_BYTES:
        raise yaml.YAMLError(f"the file is larger than {_MAX_BYTES} bytes")
    value = yaml.load(raw.decode("utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise yaml.YAMLError("a mapping of keys is required at the top of the file")
    left = _MAX_VALUES
    open_: list[dict[str, Any] | list[Any]] = [value]
    while open_:
        inner = open_.pop()
        parts = list(inner.values()) if isinstance(inner, dict) else inner
        left -= len(parts)
        if left < 0:
            raise yaml.YAMLError("its aliases come to too many values, or to one inside itself")
        open_ += [part for part in parts if isinstance(part, dict | list)]
    return value


def _yaml_message(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
    return str(error).splitlines()[0]
