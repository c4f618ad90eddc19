"""The shipped commitment, repair profiles and lists (domain.md X-07, C.6.3, C.6.4)."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

import configs
from configs.scheme_catalogue import find_scheme
from domain.errors import ConfigurationError

KNOWN = configs.load(configs.demo_directory()).consequences


def test_the_commitment_has_ten_clauses_in_both_languages():
    assert len(KNOWN.template.clauses) == 10
    assert all(set(clause.text) == {"zh", "en"} for clause in KNOWN.template.clauses)
    assert KNOWN.template.publish_within == timedelta(hours=24)


def test_every_violation_code_breaks_a_clause():
    scheme = find_scheme("xiangshan").ledger
    assert scheme is not None
    assert [code for code in scheme.rules if not KNOWN.template.clauses_of(code)] == []
    assert [code for clause in KNOWN.template.clauses for code in clause.codes if code not in scheme.rules] == []


def test_both_profiles_are_there_and_one_is_in_force():
    assert set(KNOWN.repair_profiles) == {"samr_2021", "gov_2025"}
    assert KNOWN.repair is KNOWN.repair_profiles["samr_2021"]
    assert KNOWN.lists["serious_dishonesty"].months == 36


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("profile: samr_2021", "profile: samr_2012", "there is no profile"),
        ("max_months: 36}", "max_months: 5}", "max_months"),
        ("id: ethics", "id: laws", "two clauses"),
        ("months: 36\n", "months: 0\n", "months"),
        ("remind_days: [30, 7]", "remind: [30, 7]", "not known"),
    ],
)
def test_a_mistake_is_told_with_its_file(tmp_path: Path, old: str, new: str, says: str) -> None:
    site = Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))
    text = (configs.default_directory() / "consequences.yaml").read_text("utf-8")
    assert old in text
    (site / "consequences.yaml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ConfigurationError, match=says) as caught:
        configs.load(site)
    assert "consequences.yaml" in str(caught.value)


def test_a_clause_that_cites_a_code_of_no_scheme_is_told(tmp_path: Path) -> None:
    site = Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))
    text = (configs.default_directory() / "consequences.yaml").read_text("utf-8")
    (site / "consequences.yaml").write_text(text.replace("codes: [XV11]", "codes: [XV11, XV99]"), "utf-8")
    told = [problem for problem in configs.check(site) if problem.key == "commitment.clauses.publication.codes"]
    assert [(problem.what, problem.fatal) for problem in told] == [("no scheme has the code XV99", False)]
    assert configs.load(site).consequences.template.clauses_of("XV99") == ("publication",), "a warning stops nothing"


def test_a_violation_code_that_no_document_cites_is_told(tmp_path: Path) -> None:
    site = Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))
    text = (configs.default_directory() / "documents.yaml").read_text("utf-8")
    assert "XV18" in text
    (site / "documents.yaml").write_text(text.replace("XV18", "XV17"), "utf-8")
    told = [(problem.what, problem.fatal) for problem in configs.check(site) if problem.file.endswith("documents.yaml")]
    assert told == [("no document cites the violation code XV18", False)]
