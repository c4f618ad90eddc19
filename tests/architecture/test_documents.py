"""What the documents say is true: commands exist, files exist, the first commands are what CI runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import configs
from cli.installation import DEMO_USERS, device_demo_password
from cli.main import app
from domain.topics import Topic

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text("utf-8")
EDITABLE = {
    "alerts", "casework", "cli", "configs", "credit", "devices", "docs", "domain", "store", "streams", "tests", "traceability",
    "vision", "web",
}  # fmt: skip


def commands() -> dict[str, Any]:
    """Every command by its full name, groups included."""
    found: dict[str, Any] = {}

    def walk(command: Any, prefix: str) -> None:
        for name, inner in getattr(command, "commands", {}).items():
            found[f"{prefix}{name}"] = inner
            walk(inner, f"{prefix}{name} ")

    walk(typer.main.get_command(app), "")
    return found


def code_of(text: str) -> str:
    """Everything set as code: fenced blocks and inline code."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_is_mentioned_exists_with_its_options(path: Path) -> None:
    known = commands()
    wrong = []
    for line in code_of(path.read_text("utf-8")).splitlines():
        for said in re.findall(r"(?:^|[\s/(])kitchen ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)((?: [^&|;#]*)?)", line):
            words, rest = said
            first, *second = words.split()
            name = words if words in known else first
            if name not in known:
                wrong.append(f"kitchen {words}")
                continue
            options = {option for parameter in known[name].params for option in [*parameter.opts, *parameter.secondary_opts]}
            text = " ".join([*second, rest])
            wrong += [f"kitchen {name} {flag}" for flag in re.findall(r"(--[a-z-]+)", text) if flag not in options | {"--help"}]
    assert wrong == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_is_mentioned_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    linked = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    mentioned = [
        word for word in re.findall(r"`([\w./-]+)`", text) if "/" in word and word.split("/")[0] in EDITABLE and "…" not in word
    ]
    missing = [name for name in linked if not (path.parent / name).exists()]
    missing += [name for name in mentioned if not (ROOT / name).exists()]
    assert [name for name in missing if not name.startswith("docs/screenshots/")] == []


def test_readme_is_short_and_its_two_commands_work_from_a_fresh_clone() -> None:
    assert len(README.splitlines()) <= 150
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert blocks[0].startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert ".venv/bin/kitchen demo" in blocks[0]
    assert "-c requirements.lock" in blocks[0]


def test_ci_runs_readmes_test_command() -> None:
    section = README.split("## Tests\n", 1)[1]
    block = re.search(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert "pytest" in block.group(1)
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "README.md" in script
    assert "## Tests" in script


def test_readme_lists_the_demonstrations_users_and_devices() -> None:
    for login, password in DEMO_USERS.items():
        assert re.search(rf"`{login}`.*`{password}`", README), login
    for device in configs.load(configs.demo_directory()).devices:
        assert device.id in README
        assert device_demo_password(device.id) in README


def test_the_design_lists_every_topic() -> None:
    design = (ROOT / "docs" / "design.md").read_text("utf-8")
    for topic in Topic:
        assert re.search(rf"^\| `{topic.value}`", design, re.MULTILINE), topic.value


def test_versions_are_pinned_and_name_no_host() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[\w.!+-]+", line) for line in pins)
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in pins}
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    dev = re.search(r"^dev = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert block is not None
    assert dev is not None
    wanted = {
        re.sub(r"[-_.]+", "-", name).lower()
        for name in re.findall(r'^\s*"([A-Za-z0-9._-]+)', block.group(1) + dev.group(1), re.MULTILINE)
    }
    assert wanted - pinned == set()


def test_the_demo_configuration_of_the_documents_is_sound() -> None:
    for text in (path.read_text("utf-8") for path in DOCUMENTS):
        for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            assert yaml.safe_load(block) is not None
