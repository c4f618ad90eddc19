"""``kitchen rate`` and ``kitchen schemes``: what they print, and how failures look."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import configs
from cli.main import app
from tests.unit.credit.builders import XIANGSHAN
from tests.unit.credit.rating.merchants import indicators, levels

FACTS: dict[str, dict[str, Any]] = {
    "zhenhai": levels("92", "88", None),
    "xiangshan": {"as_of": "2026-11-30", "violations": [], "history": [], "ledger": {"carried": "0"}},
    "rizhao": {
        "generic": {"class": "B"},
        "professional": {"score": "92.5"},
        "direct_d": [{"cause": "accident", "at": "2026-03-05"}],
    },
    "fhrs": {"hygiene": 5, "structure": 10, "confidence": 0},
    "nyc": {"points": 13},
}


@pytest.fixture
def kitchen(tmp_path: Path) -> Any:
    def run(*arguments: str, facts: Any = None) -> Result:
        if facts is not None:
            file = tmp_path / "facts.json"
            file.write_text(facts if isinstance(facts, str) else json.dumps(facts), "utf-8")
            arguments = (*arguments, "--facts", str(file))
        return CliRunner().invoke(app, list(arguments))

    return run


@pytest.mark.parametrize("scheme", FACTS)
def test_every_scheme_answers_in_the_same_form(kitchen: Any, scheme: str) -> None:
    done = kitchen("rate", scheme, "--json", facts=FACTS[scheme])
    assert done.exit_code == 0, done.stderr
    wire = json.loads(done.stdout)
    keys = ["scheme", "version", "score", "unrounded", "band", "grade", "grade_zh", "reasons", "lines", "measures"]
    assert list(wire)[: len(keys)] == keys
    assert set(wire) - set(keys) <= {"proposed"}
    assert wire["scheme"] == scheme
    assert all(set(line) == {"id", "points", "max", "why"} for line in wire["lines"])
    assert kitchen("rate", scheme, facts=FACTS[scheme]).exit_code == 0
    assert kitchen("schemes", "facts", scheme).exit_code == 0


def test_the_numbers_of_the_issue(kitchen: Any) -> None:
    zhenhai = json.loads(kitchen("rate", "zhenhai", "--json", facts=FACTS["zhenhai"]).stdout)
    assert (zhenhai["score"], zhenhai["unrounded"], zhenhai["grade"], zhenhai["grade_zh"]) == ("89.33", "89.333333", "blue", "蓝")
    rizhao = json.loads(kitchen("rate", "rizhao", "--json", facts=FACTS["rizhao"]).stdout)
    assert (rizhao["score"], rizhao["band"], rizhao["grade"], rizhao["proposed"]) == ("90.00", "A", "D", True)
    assert json.loads(kitchen("rate", "fhrs", "--json", facts=FACTS["fhrs"]).stdout)["grade"] == "4"
    nyc = json.loads(kitchen("rate", "nyc", "--json", facts=FACTS["nyc"]).stdout)
    assert (nyc["grade"], "proposed" in nyc) == ("A", False)


def test_people_see_a_table_with_why_in_their_language(kitchen: Any) -> None:
    facts = indicators(I05="79.99")
    chinese, english = (
        kitchen("rate", "zhenhai", facts=facts).stdout,
        kitchen("rate", "zhenhai", "--lang", "en", facts=facts).stdout,
    )
    assert "79.99%（≥ 60%）" in chinese
    assert "C4 摄像头在线率低于 80%，最高为蓝" in chinese
    assert "C4 cameras online for less than 80 %: blue at best" in english
    assert "Camera online rate" in english


def chinese_in(text: str) -> list[str]:
    return [line for line in text.splitlines() if any("\u4e00" <= letter <= "\u9fff" for letter in line)]


def one_of(code: str) -> dict[str, Any]:
    """A violation of a code, with what only some codes need."""
    keys = ("notified_at", "rectified_at", "incident_id", "subject")
    more = {"XV05": {"days_lapsed": 3}, "XV14": {"coverage": "94.9"}, "XV16": {"severity": "major"}}
    return {"code": code, "at": "2026-11-05", "rectify_by": "2026-11-06", **dict.fromkeys(keys), **more.get(code, {})}


@pytest.mark.parametrize("scheme", ["zhenhai", "xiangshan", "rizhao", "fhrs", "nyc"])
def test_english_is_complete(kitchen: Any, scheme: str) -> None:
    facts = indicators(I07=None, I20={"mean": None, "n": 0}, G01=None, G02=None) if scheme == "zhenhai" else FACTS[scheme]
    if scheme == "zhenhai":
        facts |= {"days_of_data": 3, "previous": "red", "caps": ["C1"], "vetoes": ["V2"], "provincial_score": None}
    if scheme == "xiangshan":
        facts |= {"violations": [one_of(code) for code in XIANGSHAN.rules for _ in range(5)], "ledger": {"carried": "30"}}
    wire = json.loads(kitchen("rate", scheme, "--json", "--lang", "en", facts=facts).stdout)
    told = [*wire["reasons"], *(line["why"] for line in wire["lines"])]
    assert chinese_in("\n".join(told)) == []
    assert chinese_in(kitchen("rate", scheme, "--lang", "en", facts=facts).stdout) == [], "the table neither"
    assert (
        chinese_in(json.dumps(json.loads(kitchen("schemes", "facts", scheme, "--lang", "en").stdout), ensure_ascii=False)) == []
    )


FAILURES = [
    ("fhrs", '{"hygiene": 5, "structure": 10}', "E003", "at confidence"),
    ("fhrs", '{"hygiene": 5, "structure": 10, "confidence": 0, "confidnce": 0}', "E003", "did you mean confidence?"),
    ("zhenhai", '{"levels": {"P": "92", "I": "88"}}', "E003", "at levels.G"),
    ("zhenhai", '{"levels": {"P": 92, "I": 88, "G": "ninety"}}', "E003", "at levels.G"),
    ("nyc", '{"points": NaN}', "E001", "NaN"),
    ("nyc", "points: 13", "E001", "no JSON"),
    ("nyc", "[13]", "E001", "no JSON object"),
]


@pytest.mark.parametrize(("scheme", "facts", "code", "what"), FAILURES)
def test_a_wrong_fact_is_one_line_with_code_place_and_hint(kitchen: Any, scheme: str, facts: str, code: str, what: str) -> None:
    done = kitchen("rate", scheme, "--json", "--lang", "en", facts=facts)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"kitchen: {code}: ")
    assert what in done.stderr
    assert done.stderr.count("\n") == 1


def test_unknown_names_are_told_with_the_nearest(kitchen: Any) -> None:
    assert "did you mean zhenhai?" in kitchen("rate", "zhenhi", "--lang", "en", facts={}).stderr
    assert "known: fhrs, nyc, rizhao, xiangshan, zhenhai" in kitchen("rate", "qqq", "--lang", "en", facts={}).stderr
    assert kitchen("rate", "nyc", "--facts", "nowhere.json").exit_code == 1
    assert "zh or en" in kitchen("rate", "nyc", "--lang", "fr", facts={"points": 1}).stderr


def test_facts_may_come_from_standard_input() -> None:
    done = CliRunner().invoke(app, ["rate", "nyc", "--facts", "-", "--json"], input='{"points": 14}')
    assert json.loads(done.stdout)["grade"] == "B"


def test_a_scheme_may_be_a_file_or_a_sites_own(kitchen: Any, tmp_path: Path) -> None:
    shipped = configs.default_directory() / "schemes" / "nyc.yaml"
    own = tmp_path / "site" / "schemes" / "harbour.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(
        shipped.read_text("utf-8").replace("name: nyc", "name: harbour").replace("at_most: 13", "at_most: 20"), "utf-8"
    )
    for scheme in ([str(own)], ["harbour", "--config", str(tmp_path / "site")]):
        wire = json.loads(kitchen("rate", *scheme, "--json", facts={"points": 14}).stdout)
        assert (wire["scheme"], wire["grade"]) == ("harbour", "A")
    names = [scheme["name"] for scheme in json.loads(kitchen("schemes", "--json", "--config", str(tmp_path / "site")).stdout)]
    assert names == ["fhrs", "harbour", "nyc", "rizhao", "xiangshan", "zhenhai"]


def test_schemes_are_listed(kitchen: Any) -> None:
    table = kitchen("schemes").stdout
    assert all(name in table for name in FACTS)
    listed = json.loads(kitchen("schemes", "--json", "--lang", "en").stdout)
    assert [scheme["name"] for scheme in listed] == sorted(FACTS)
    assert listed[-1]["grades"] == ["green", "blue", "yellow", "red"]


def test_a_scheme_file_is_checked(kitchen: Any, tmp_path: Path) -> None:
    file = Path(shutil.copy(configs.default_directory() / "schemes" / "fhrs.yaml", tmp_path))
    assert kitchen("schemes", "check", str(file)).exit_code == 0
    draft = file.rename(tmp_path / "draft.yaml")
    assert kitchen("rate", str(draft), facts=FACTS["fhrs"]).exit_code == 0, "a draft may have any name"
    file = draft
    file.write_text(file.read_text("utf-8").replace("max: 80", "max: 81"), "utf-8")
    done = kitchen("schemes", "check", str(file), "--lang", "en")
    assert done.exit_code == 1
    assert f"{file}: rating.score (total): the maxima of the parts sum to 80, not to max 81" in done.stdout
    told = json.loads(kitchen("schemes", "check", str(file), "--json").stdout)
    assert (told["ok"], told["problems"][0]["key"]) == (False, "rating.score (total)")
    assert kitchen("schemes", "check", str(tmp_path / "none.yaml")).exit_code == 1
    assert kitchen("rate", str(file), facts=FACTS["fhrs"]).exit_code == 1
