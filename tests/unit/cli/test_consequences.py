"""``kitchen plan``, ``draw``, ``deadline`` and ``id check`` as programs call them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app


def kitchen(*arguments, given=None):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)


def answer(*arguments, given=None):
    done = kitchen(*arguments, given=given)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("scheme", "counts", "visits", "why"),
    [
        ("zhenhai", "green=40,blue=85,yellow=20,red=2", {"green": 0, "blue": 17, "yellow": 10, "red": 4}, "0, 17, 10, 2 × 2"),
        ("zhenhai", "green=1,blue=1,yellow=1,red=1", {"green": 0, "blue": 1, "yellow": 1, "red": 2}, "0.2 and 0.5 round up"),
        ("rizhao", "A=100,B=6,C=3,D=2", {"A": 5, "B": 2, "C": 2, "D": 4}, "a year: 5, 1.2, 1.5, 2 × 2"),
        ("xiangshan", "blue=91,yellow=113,orange=2", {"blue": 31, "yellow": 113, "orange": 4}, "a month: 91 / 3 rounds up"),
        ("xiangshan", "red=2", {"red": 10}, "every week, and five begin in a month at most"),
    ],
)
def test_the_plan_of_a_schemes_grades(scheme, counts, visits, why):
    told = answer("plan", "--scheme", scheme, "--counts", counts, "--json")
    assert told == {"visits": visits, "total": sum(visits.values())}, why


def test_the_plan_as_a_table():
    shown = kitchen("plan", "--scheme", "zhenhai", "--counts", "green=40,blue=85,yellow=20,red=2", "--lang", "en").stdout
    assert "per month" in shown
    assert "147" in shown
    assert "31" in shown


@pytest.mark.parametrize(
    ("received", "by"),
    [
        ("2026-11-18T15:59:59+08:00", "2026-11-19T00:00:00+08:00"),
        ("2026-11-18T16:00:00+08:00", "2026-11-20T00:00:00+08:00"),
        ("2026-09-30T08:30:00Z", "2026-10-09T00:00:00+08:00"),
    ],
)
def test_the_deadline_of_a_repair(received, by):
    assert answer("deadline", "repair", "--received", received) == {"by": by, "calendar": "legal"}


def test_the_day_of_publication():
    told = {"by": "2026-12-07T10:00:00+08:00", "calendar": "legal"}
    assert answer("deadline", "publication", "--month", "2026-11") == told
    assert answer("deadline", "publication", "--month", "2026-11", "--json") == told
    assert answer("deadline", "publication", "--month", "2039-11")["calendar"] == "provisional"


def test_an_operators_calendar_is_used(tmp_path):
    (tmp_path / "workdays.yaml").write_text("holidays: [2026-11-19]\n", "utf-8")
    told = answer("deadline", "repair", "--received", "2026-11-18T16:00:00+08:00", "--config", tmp_path)
    assert told == {"by": "2026-11-21T00:00:00+08:00", "calendar": "legal"}


def test_a_draw_from_a_file_and_from_standard_input(tmp_path):
    # sha256("s|c") < sha256("s|a") < sha256("s|b"); 3 * 40 / 100 = 1.2 rounds up to 2
    (tmp_path / "units").write_text("a\nb\r\n\nc\n", "utf-8")
    told = {"order": ["c", "a", "b"], "drawn": ["c", "a"]}
    assert answer("draw", "--seed", "s", "--percent", 40, "--units", tmp_path / "units", "--json") == told
    assert answer("draw", "--seed", "s", "--percent", 40, "--units", "-", "--json", given="c\nb\na\n") == told
    assert answer("draw", "--seed", "s", "--percent", 40, "--units", "-", "--json", given="\ufeffc\n \nb\na\n") == told
    (tmp_path / "marked").write_text("\ufeffc\r\nb\r\na", "utf-8")  # as spreadsheets write it
    assert answer("draw", "--seed", "s", "--percent", 40, "--units", tmp_path / "marked", "--json") == told
    (tmp_path / "nobody").write_text("\n", "utf-8")
    assert answer("draw", "--seed", "s", "--percent", 40, "--units", tmp_path / "nobody", "--json") == {"order": [], "drawn": []}
    assert "2 of 3" in kitchen("draw", "--lang", "en", "--seed", "s", "--percent", 40, "--units", tmp_path / "units").stdout


def test_identifiers_are_answered_one_json_line_each():
    done = kitchen("id", "check", "92330211ma2abc125m", "JY23302110001231", "-", given="cam-0a1b2c3d\n")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert [(line["text"], line["kind"], line["valid"]) for line in lines] == [
        ("92330211ma2abc125m", "uscc", True),
        ("JY23302110001231", "jy_no", False),
        ("cam-0a1b2c3d", "device_id", True),
    ]
    assert all(set(line) == {"text", "kind", "valid", "why"} for line in lines)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("deadline", "repair", "--received", "2026-11-18T15:59:59"), "E043"),
        (("deadline", "repair", "--received", "9999-12-31T17:00:00+08:00"), "the year is outside 2000 to 2199"),
        (("plan", "--scheme", "fhrs", "--counts", "5=1"), "plans no visits"),
        (("deadline", "publication", "--month", "November"), "no month"),
        (("draw", "--seed", "s", "--percent", "5", "--units", "nowhere"), "cannot be read"),
        (("plan", "--scheme", "zhenhai", "--counts", "orange=1"), "orange"),
        (("plan", "--scheme", "zhenhai", "--counts", "blue=1,blue=2"), "twice"),
        (("plan", "--scheme", "zhenhai", "--counts", "blue"), "no count"),
        (("plan", "--scheme", "nyc", "--counts", "A=1"), "visits"),
        (("plan", "--scheme", "nowhere", "--counts", "A=1"), "no scheme"),
        (("id", "check", "x", "--kind", "passport"), "no kind of identifier"),
    ],
)
def test_what_is_wrong_is_one_line_on_standard_error(arguments, says):
    done = kitchen(*arguments, "--lang", "en")
    assert done.exit_code == 1
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_examples_of_the_document_give_what_it_says(tmp_path, monkeypatch):
    (tmp_path / "units.txt").write_text("".join(f"u{n}\n" for n in range(1, 6)), "utf-8")
    text = (Path(__file__).parents[3] / "docs" / "consequences.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    examples = [part for block in blocks for part in block.split("$ kitchen ")[1:]]
    assert len(examples) >= 8
    for example in examples:
        command, _, shown = example.partition("\n")
        assert kitchen(*shlex.split(command)).stdout == shown, command
