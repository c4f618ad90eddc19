"""The shape of the code: who imports whom, who reads the clock, which framework stays at which rim."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "domain", "devices", "vision", "traceability", "alerts", "credit", "store", "configs", "casework", "streams", "web", "cli",
)  # fmt: skip
CLOCK = Path("cli/clock.py")

BARE = "cli/bench/bare/"
"""Baselines of `kitchen bench` are written against the bare frameworks: that is what they are for."""

RIMS = {
    "faust": ("streams/", BARE),
    "mode": ("streams/",),
    "aiokafka": ("streams/", "cli/letters.py", "cli/bench/"),
    "kio": ("streams/log/",),
    "fastapi": ("web/",),
    "starlette": ("web/", BARE),
    "uvicorn": ("web/", BARE),
    "sqlalchemy": ("store/",),
    "alembic": ("store/",),
    "psycopg": ("store/",),
    "paho": ("devices/", BARE),
    "onnxruntime": ("vision/engines/",),
    "ultralytics": ("vision/engines/", "vision/training/"),
    "torch": ("vision/engines/", "vision/training/"),
    "httpx": ("alerts/channels/",),
    "aiosmtplib": ("alerts/channels/",),
    "pywebpush": ("alerts/channels/", BARE),
    "redis": ("web/",),
    "boto3": ("store/",),
    "pydantic": ("configs/", "web/"),
    "yaml": ("configs/", "vision/training/"),
    "typer": ("cli/",),
    "rich": ("cli/", "vision/training/"),
}
"""Framework → where it may be imported (architecture of the project: frameworks live at the rim)."""

PURE = ("domain", "alerts", "credit", "traceability")
"""Packages that judge: no clock, no sockets, no files, no event loop (the channels of ``alerts`` are its rim)."""
IMPURE_MODULES = {"socket", "subprocess", "threading", "asyncio", "time", "sqlite3", "os", "pathlib", "tempfile", "random"}


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Imports run one way KEPT" in done.stdout


def test_only_one_place_reads_the_clock() -> None:
    """A judgement is a function of values and a given time."""
    forbidden = {
        "datetime.now", "datetime.utcnow", "datetime.today", "datetime.datetime.now", "datetime.datetime.utcnow",
        "date.today", "datetime.date.today", "time.time", "time.time_ns",
    }  # fmt: skip
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}()"
        for path in sources()
        if path.relative_to(ROOT) != CLOCK
        for name, line in calls(ast.parse(path.read_text("utf-8")))
        if name in forbidden and path.relative_to(ROOT) not in EPOCH_OF_FILES
    ]
    assert found == []


EPOCH_OF_FILES = {Path("streams/log/embedded.py"), Path("streams/log/records.py")}
"""The embedded log stamps and expires records by the machine's own clock, as Apache Kafka does; no judgement reads it."""


@pytest.mark.parametrize("framework", sorted(RIMS))
def test_a_framework_stays_at_its_rim(framework: str) -> None:
    allowed = RIMS[framework]
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        if not path.relative_to(ROOT).as_posix().startswith(allowed)
        for name, line in imports(ast.parse(path.read_text("utf-8")))
        if name.split(".")[0] == framework
    ]
    assert found == [], f"{framework} belongs in {allowed}"


def test_what_judges_touches_nothing() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sources()
        if path.relative_to(ROOT).parts[0] in PURE and "channels" not in path.parts
        for name, line in imports(ast.parse(path.read_text("utf-8")))
        if name.split(".")[0] in IMPURE_MODULES
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_is_for(package: str) -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations/versions" not in path.as_posix() and not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert silent == []
    first = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text("utf-8"))) or ""
    assert "To be described" not in first


def test_no_file_is_called_after_nothing() -> None:
    """A folder is a noun, a file is one idea."""
    vague = {"utils", "helpers", "util", "helper", "common", "misc", "manager", "service", "data"}
    assert [str(path) for path in sources() if path.stem in vague] == []


def test_importing_does_nothing() -> None:
    """No connection, no environment, no model at import: the command line stays quick."""
    code = (
        "import sys, cli.main\n"
        "heavy = {'faust', 'onnxruntime', 'cv2', 'fastapi', 'sqlalchemy', 'paho', 'torch', 'aiokafka'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
