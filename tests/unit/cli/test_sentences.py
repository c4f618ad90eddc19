"""What rate, schemes, plan, draw, deadline and id check say to people is said in Chinese and in English."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.sentences import clause_in, error_in
from domain.errors import BadInput, Code, ConfigurationError, NotFound

ROOT = Path(__file__).parents[3]
CHINESE = re.compile("[\u4e00-\u9fff]")
ENGINES = [
    *sorted((ROOT / "credit" / "rating").glob("*.py")),
    *(ROOT / name for name in ("domain/id_checks.py", "cli/rate.py", "cli/visits.py", "cli/deadlines.py", "cli/identifiers.py")),
]
NO_SENTENCE = re.compile(r"^[^a-z]*$|^7: |.*right7$")
"""Codes; and those put together of two clauses, which the catalogue knows whole."""
OWN = {"national.py"}
"""Not reached by a command."""


def sentence(node: ast.AST) -> str | None:
    """A text as the engine would say it, the numbers and names in it as ``7``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "7" for part in node.values)
    return None


def clauses(file: Path) -> Iterator[str]:
    """What a module says in refusals and findings."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        told: list[ast.AST] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"bad_fact", "BadInput"}:
            told = [*node.args[1:], *(word.value for word in node.keywords if word.arg == "hint")]
        if isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
            told = [node.value.elts[1]]
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and file.name == "id_checks.py":
            told = [node.value.elts[1]]
        for each in told:
            for branch in (each.body, each.orelse) if isinstance(each, ast.IfExp) else (each,):
                said = sentence(branch)
                if said and " " in said and not NO_SENTENCE.match(said):
                    yield said


SAID = sorted({said for file in ENGINES if file.name not in OWN for said in clauses(file)})


def test_every_clause_of_the_engines_has_its_chinese() -> None:
    assert len(SAID) > 90
    assert [said for said in SAID if not CHINESE.search(clause_in(said, "zh"))] == []
    assert all(clause_in(said, "en") == said for said in SAID)


def test_an_error_keeps_its_code_its_place_and_what_was_found() -> None:
    wrong = BadInput(Code.FIELD, '"x" is no decimal number', where="levels.P", hint='write digits, e.g. "94.99"')
    assert error_in(wrong, "zh") == 'E003: "x" 不是十进制数（levels.P）；请写数字，如 "94.99"'
    assert error_in(wrong, "en") == str(wrong)
    file = ConfigurationError("this key is required (add it)\nb.yaml: name: is 'x' (write b)", file="a.yaml", key="name")
    assert error_in(file, "zh") == "a.yaml: name: 此键必填（请补上）\nb.yaml: name: name 为 'x'（请写 b）".replace(
        "此键必填", "该键必填"
    )
    assert error_in(NotFound("nothing here"), "zh") == "nothing here", "what the catalogue does not know stays as it is"


COMMANDS = [
    (["rate", "nyc", "--facts", "-"], "{}", "缺少该键（points）", "the key is missing at points"),
    (["rate", "nyc", "--facts", "none.json"], "", "数据无法读取", "the facts cannot be read"),
    (["rate", "nowhere", "--facts", "-"], "{}", "没有名为 'nowhere' 的方案", "there is no scheme 'nowhere'"),
    (["schemes", "facts", "nowhere"], "", "没有名为", "there is no scheme"),
    (["plan", "--scheme", "zhenhai", "--counts", "blue"], "", "'blue' 不是数量", "'blue' is no count"),
    (["plan", "--scheme", "fhrs", "--counts", "5=1"], "", "方案不安排检查", "the scheme plans no visits"),
    (["draw", "--seed", "s", "--percent", "5", "--units", "-"], "a\na\n", "'a' 重复出现", "'a' stands there twice"),
    (["deadline", "repair", "--received", "2026-11-18T16:00:00"], "", "时刻没有时区", "the time has no offset"),
    (["deadline", "publication", "--month", "2026-13"], "", "'2026-13' 不是月份", "'2026-13' is no month"),
    (["id", "check", "x", "--kind", "passport"], "", "'passport' 不是编码种类", "'passport' is no kind of identifier"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "given", "chinese", "english"), COMMANDS)
def test_a_failure_speaks_the_language_of_the_command(arguments: list[str], given: str, chinese: str, english: str) -> None:
    for more, says in (([], chinese), (["--lang", "en"], english)):
        done = CliRunner().invoke(app, [*arguments, *more], input=given)
        assert done.exit_code == 1
        assert says in done.stderr
        assert done.stderr.startswith("kitchen: ")
        assert done.stderr.count("\n") == 1


def test_a_language_nobody_speaks_is_refused() -> None:
    for arguments in (["schemes"], ["schemes", "facts", "nyc"], ["draw", "--seed", "s", "--percent", "5", "--units", "-"]):
        done = CliRunner().invoke(app, [*arguments, "--lang", "fr"], input="u1\n")
        assert (done.exit_code, done.stderr) == (1, "kitchen: --lang: there is no language 'fr' (zh or en)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["schemes"],
        ["rate", "nyc", "--facts", "-"],
        ["plan", "--scheme", "rizhao", "--counts", "A=10"],
        ["draw", "--seed", "s", "--percent", "50", "--units", "-"],
        ["id", "check", "JY23302110001231", "cam-0a1b2c3d", "-"],
    ],
)
def test_answers_for_people_are_in_one_language(arguments: list[str]) -> None:
    given = '{"points": 13}' if arguments[0] == "rate" else "u1\nu2\n"
    chinese, english = (CliRunner().invoke(app, [*arguments, "--lang", lang], input=given) for lang in ("zh", "en"))
    assert (chinese.exit_code, english.exit_code) == (0, 0)
    assert CHINESE.search(chinese.stdout)
    assert not CHINESE.search(english.stdout), english.stdout


def test_json_has_the_same_keys_in_both_languages() -> None:
    chinese, english = (
        json.loads(CliRunner().invoke(app, ["id", "check", "JY23302110001231", "--lang", lang]).stdout) for lang in ("zh", "en")
    )
    assert chinese | {"why": ""} == english | {"why": ""}
    assert (chinese["why"], english["why"]) == ("校验位应为 0，不是 1", "the check digit should be 0, not 1")


def test_a_scheme_is_checked_in_both_languages(tmp_path: Path) -> None:
    text = (
        (ROOT / "configs" / "schemes" / "fhrs.yaml")
        .read_text("utf-8")
        .replace("max: 80", "max: 81")
        .replace("at_most: 15", "at_most: 15.5")
    )
    (tmp_path / "fhrs.yaml").write_text(text, "utf-8")
    chinese, english = (
        CliRunner().invoke(app, ["schemes", "check", str(tmp_path / "fhrs.yaml"), "--lang", lang]) for lang in ("zh", "en")
    )
    assert (chinese.exit_code, english.exit_code) == (1, 1)
    assert "rating.bands[0].at_most: 请给数字加引号" in chinese.stdout
    assert "rating.bands[0].at_most: put quotes around the number" in english.stdout
