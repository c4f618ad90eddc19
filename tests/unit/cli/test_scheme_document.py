"""The examples of ``docs/schemes.md`` do what the document says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def differences(told: Any, got: Any, path: str = "") -> list[str]:
    """Where what the document shows is not in the answer; keys it leaves out do not matter."""
    if isinstance(told, dict) and isinstance(got, dict):
        return [line for key, value in told.items() for line in differences(value, got.get(key, "(missing)"), f"{path}.{key}")]
    if isinstance(told, list) and isinstance(got, list) and len(told) == len(got):
        return [
            line
            for at, (one, other) in enumerate(zip(told, got, strict=True))
            for line in differences(one, other, f"{path}[{at}]")
        ]
    return [] if told == got else [f"{path}: {told!r} in the document, {got!r} in the answer"]


def test_every_example_of_the_document_gives_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    shown, answer = 0, ""
    for language, name, text in BLOCK.findall((ROOT / "docs" / "schemes.md").read_text("utf-8")):
        if name:
            (tmp_path / name).write_text(text, "utf-8")
        elif language == "sh":
            for line in text.splitlines():
                command, *arguments = shlex.split(line)
                assert command == "kitchen"
                done = CliRunner().invoke(app, arguments)
                assert done.exit_code == 0, (line, done.stderr)
                answer = done.stdout
                if arguments[0] == "rate":
                    schema = json.loads(CliRunner().invoke(app, ["schemes", "facts", arguments[1]]).stdout)
                    facts = json.loads(Path(arguments[arguments.index("--facts") + 1]).read_text("utf-8"))
                    Draft202012Validator(schema).validate(facts)
        elif language == "json":
            assert differences(json.loads(text), json.loads(answer)) == []
            shown += 1
    assert shown >= 5
