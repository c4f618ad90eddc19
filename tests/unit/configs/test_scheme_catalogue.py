"""Schemes in a site's configuration: shipped ones, a site's own, and merchants rated by each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import configs
from configs.scheme_catalogue import find_scheme, schemes_in
from credit.rating.value import Kind
from domain.errors import ConfigurationError

SHIPPED = ["fhrs", "nyc", "rizhao", "xiangshan", "zhenhai"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))


def test_every_shipped_scheme_is_there_with_a_ledger_or_a_rating() -> None:
    known = configs.load(configs.demo_directory())
    assert sorted(known.ratings) == SHIPPED == sorted(known.schemes)
    kinds = {name: (scheme.kind, bool(known.schemes[name].rules)) for name, scheme in known.ratings.items()}
    assert kinds == {
        "xiangshan": (Kind.LEDGER, True),
        "zhenhai": (Kind.TREE, True),
        "rizhao": (Kind.TREE, False),
        "fhrs": (Kind.TREE, False),
        "nyc": (Kind.TREE, False),
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_a_site_may_rate_its_merchants_by_any_of_them(site: Path, name: str) -> None:
    path = site / "merchants.yaml"
    path.write_text(path.read_text("utf-8").replace("scheme: xiangshan", f"scheme: {name}"), "utf-8")
    assert not [problem for problem in configs.check(site) if problem.fatal]
    assert {merchant.scheme for merchant in configs.load(site).merchants} == {name}


def test_every_camera_code_has_the_points_of_its_severity_in_each_scheme_with_cameras() -> None:
    known = configs.load(configs.demo_directory())
    points = {"minor": "0.5", "general": "1", "serious": "3"}
    for rule in known.rules.camera.values():
        for scheme in ("xiangshan", "zhenhai"):
            assert str(known.schemes[scheme].rules[rule.violation_code].base) == points[rule.severity.value], rule.violation_code


def test_a_sites_own_scheme_goes_over_the_shipped_one_and_may_end_in_yml(site: Path) -> None:
    text = (configs.default_directory() / "schemes" / "nyc.yaml").read_text("utf-8")
    (site / "schemes").mkdir()
    (site / "schemes" / "nyc.yml").write_text(text.replace('version: "2026.1"', 'version: "ours"'), "utf-8")
    assert schemes_in(site)["nyc"].version.startswith("ours+")
    assert find_scheme("nyc", site).version == configs.load(site).ratings["nyc"].version
    assert find_scheme("nyc").version.startswith("2026.1+")


def test_a_sites_scheme_that_is_wrong_is_told_with_the_rest(site: Path) -> None:
    text = (configs.default_directory() / "schemes" / "nyc.yaml").read_text("utf-8")
    (site / "schemes").mkdir()
    (site / "schemes" / "nyc.yaml").write_text(text.replace("at_most: 27", "at_most: 13"), "utf-8")
    (problem,) = [problem for problem in configs.check(site) if problem.fatal]
    assert (problem.file, problem.key) == (str(site / "schemes" / "nyc.yaml"), "rating.bands[1] (B)")
    with pytest.raises(ConfigurationError, match="never reached"):
        find_scheme("nyc", site)
