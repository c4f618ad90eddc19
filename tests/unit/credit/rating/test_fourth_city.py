"""A fourth city needs no code: a made-up scheme of several kinds of rules, worked by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from configs.scheme_catalogue import read_scheme
from credit.rating.kinds import rate

LAKESIDE = """
name: lakeside
title: {zh: 湖滨小餐饮评价, en: Lakeside canteens}
version: "3"
rating:
  facts_under: facts
  also:
    weeks_open:
      raw: {zh: 营业周数, en: weeks open}
      rule: {value: {range: [0, 53], whole: true}}
  score:
    id: total
    title: {zh: 总分, en: Total}
    max: 50
    parts:
      - id: kitchen
        title: {zh: 厨房, en: Kitchen}
        max: 20
        weight: 30
        parts:
          - {id: fridge, max: 8, source: DEV, title: {zh: 冷藏, en: Fridge},
             raw: {zh: 温度, en: "Highest temperature", unit: {zh: 度, en: degrees}},
             rule: {steps: {at_most: [["5", 8], ["8.5", "3.5"]], else: 0, range: [-20, 60]}}}
          - {id: hygiene, max: 12, title: {zh: 卫生, en: Hygiene}, raw: {zh: 检查项, en: Items checked},
             rule: {checks: {weights: {red: 5, amber: 2, green: 1}}}}
      - id: service
        title: {zh: 服务, en: Service}
        max: 10
        weight: 20
        required: true
        given:
          - {fact: mystery_guest, optional: true, raw: {zh: 神秘顾客评分, en: Mystery guest}, rule: {linear: {from: 100, to: 0}}}
        parts:
          - {id: reviews, max: 6, title: {zh: 评论, en: Reviews}, raw: {zh: 好评, en: Good reviews},
             rule: {ratio: {of: good, among: all}}}
          - {id: menu, max: 4, title: {zh: 菜单, en: Menu}, raw: {zh: 标注, en: Allergens on the menu},
             rule: {choice: {full: {points: 4, zh: 全, en: full}, part: {points: "1.5", zh: 部分, en: part},
                             none: {points: 0, zh: 无, en: none}, takeaway: {points: null, zh: 仅外带, en: takeaway only}}}}
        minus:
          - {id: noise, title: {zh: 噪声, en: Noise}, raw: {zh: 投诉, en: Noise complaints}, rule: {count: {each: "0.5", cap: 2}}}
        plus_cap: 1
        plus:
          - {id: lake, max: 1, title: {zh: 临湖, en: Lake}, raw: {zh: 护湖, en: Keeps the shore clean},
             rule: {yes_no: {yes: 1, no: 0}}}
  bands:
    - {name: gold, at_least: "45.5", title: {zh: 金, en: gold}}
    - {name: silver, at_least: 30, title: {zh: 银, en: silver}}
    - {name: bronze, title: {zh: 铜, en: bronze}}
  caps:
    N1: {best: silver, when: {fact: weeks_open, below: 8}, title: {zh: 新店, en: newly opened}}
    N2: {best: silver, when: {fact: facts.menu, is: [none]}, title: {zh: 无过敏原标注, en: no allergens told}}
  vetoes:
    X1: {grade: bronze, when: {fact: facts.fridge, at_least: 30}, title: {zh: 冷藏失效, en: the fridge is off}}
  after: {bronze: silver}
measures:
  gold: {visits: {percent: 10, period: quarter}, more: {plaque: true, text: {zh: 授牌, en: a plaque}}}
  bronze: {visits: {percent: 100, each: 3, period: quarter, days_between: 20}}
"""

FACTS: dict[str, Any] = {
    "facts": {
        "fridge": "4",
        "hygiene": {name: {"checked": 4, "failed": 0} for name in ("red", "amber", "green")},
        "reviews": {"good": 9, "all": 10},
        "menu": "full",
        "noise": 0,
        "lake": False,
    },
    "weeks_open": 20,
}


@pytest.fixture
def lakeside(tmp_path: Path) -> Any:
    path = tmp_path / "lakeside.yaml"
    path.write_text(LAKESIDE, "utf-8")
    scheme, problems = read_scheme(path)
    assert problems == []
    return scheme


SOME_FAILED = {
    "red": {"checked": 4, "failed": 1},
    "amber": {"checked": 4, "failed": 0},
    "green": {"checked": 4, "failed": 2},
}
WORKED = [
    # total = 30 × kitchen/20 + 20 × service/10
    ({}, "48.80", "gold", [], "30 + 20 × (5.4 + 4)/10"),
    ({"reviews": {"good": 0, "all": 0}}, "50.00", "gold", [], "no reviews: 10 × 4/4"),
    ({"fridge": "5.01"}, "42.05", "silver", [], "15.5/20 × 30 = 23.25"),
    ({"fridge": "8.51"}, "36.80", "silver", [], "12/20 × 30 = 18"),
    ({"fridge": "30"}, "36.80", "bronze", ["X1"], "off"),
    ({"hygiene": SOME_FAILED}, "44.86", "silver", [], "12 × (1 - 7/32) = 9.375; 17.375 × 1.5 = 26.0625"),
    ({"menu": "none"}, "40.80", "silver", ["N2"], "20 × 5.4/10 = 10.8"),
    ({"menu": "takeaway"}, "48.00", "gold", [], "10 × 5.4/6 = 9"),
    ({"noise": 3}, "45.80", "gold", [], "9.4 - 1.5"),
    ({"noise": 9, "lake": True}, "46.80", "gold", [], "9.4 - 2 + 1"),
    ({"lake": True}, "50.00", "gold", [], "9.4 + 1 is not above 10"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "score", "grade", "codes", "why"), WORKED)
def test_a_scheme_nobody_wrote_code_for(
    lakeside: Any, changes: dict[str, Any], score: str, grade: str, codes: list[str], why: str
) -> None:
    rating = rate(lakeside, FACTS | {"facts": {**FACTS["facts"], **changes}})
    told = [reason.code for reason in rating.reasons]
    assert (str(rating.score), rating.grade, told) == (score, grade, [*codes, "local_fallback"]), why


def test_its_overrides_and_measures_are_data_too(lakeside: Any) -> None:
    assert rate(lakeside, FACTS | {"weeks_open": 7}).grade == "silver"
    assert rate(lakeside, FACTS | {"weeks_open": 8}).grade == "gold"
    assert rate(lakeside, FACTS | {"previous": "bronze"}).grade == "silver"
    assert rate(lakeside, FACTS | {"mystery_guest": "100"}).score == Decimal("30.00")
    gold = rate(lakeside, FACTS).to_wire("en")["measures"]
    assert gold == {
        "visits": {"percent": "10", "each": "1", "period": "quarter"},
        "plaque": True,
        "text": {"zh": "授牌", "en": "a plaque"},
    }


def test_its_required_part_leaves_it_unrated(lakeside: Any) -> None:
    gone = dict.fromkeys(("reviews", "menu", "noise", "lake"))
    assert rate(lakeside, FACTS | {"facts": {**FACTS["facts"], **gone}}).grade == "unrated"


def test_the_version_tells_the_content_not_the_writing(tmp_path: Path) -> None:
    def version(text: str) -> str:
        (tmp_path / "lakeside.yaml").write_text(text, "utf-8")
        scheme, _ = read_scheme(tmp_path / "lakeside.yaml")
        assert scheme is not None
        return scheme.version

    first = version(LAKESIDE)
    assert first.startswith("3+")
    assert version("# a comment\n" + LAKESIDE) == first
    assert version(LAKESIDE.replace('"45.5"', '"45.6"')) != first
    assert version(LAKESIDE.replace('version: "3"', 'version: "4"')) != first
