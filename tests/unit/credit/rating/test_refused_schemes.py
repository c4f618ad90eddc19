"""A scheme file that contradicts itself is refused with file, key and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

import configs
from configs.scheme_catalogue import read_scheme

SHIPPED = configs.default_directory() / "schemes"
SMALL = """
name: small
title: {zh: 小, en: small}
rating:
  facts_under: indicators
  either:
    - {of: [[levels], [indicators]]}
  score:
    id: S
    title: {zh: 总分, en: Total}
    max: 100
    parts:
      - id: P
        title: {zh: 公共信用, en: Public credit}
        max: 9
        weight: 40
        given:
          - {fact: levels.P, raw: {zh: 层面得分, en: Score}, rule: {linear: {from: 0, to: 9}}}
        parts:
          - {id: P01, max: 3, title: {zh: 执照, en: Licence}, raw: {zh: 执照, en: licence}, rule: {yes_no: {yes: 3, no: 0}}}
          - {id: P06, max: 6, title: {zh: 纳税, en: Tax}, raw: {zh: 次数, en: times}, rule: {subtract: {each: 2}}}
      - id: D7
        title: {zh: 智慧监管, en: Smart supervision}
        max: 40
        weight: 60
        needs: [I05, I06]
        given:
          - {fact: levels.I, raw: {zh: 层面得分, en: Score}, rule: {linear: {from: 0, to: 40}}}
        parts:
          - {id: I05, max: 10, title: {zh: 在线率, en: Online}, raw: {zh: 占比, en: share},
             rule: {steps: {at_least: [[95, 10], [90, 8]], else: 0, range: [0, 100]}}}
          - {id: I06, max: 10, title: {zh: 违规, en: Violations}, raw: {zh: 违规, en: violations},
             rule: {events: {points: {minor: "0.5"}, most_per_day: 3}}}
          - {id: I07, max: 10, title: {zh: 整改, en: Rectified}, raw: {zh: 次数, en: times},
             rule: {ratio: {of: on_time, among: due}}}
          - {id: I11, max: 10, title: {zh: 许可, en: Licence}, raw: {zh: 状态, en: state},
             rule: {choice: {ok: {points: 10, zh: 有效, en: valid}, expired: {points: 0, zh: 过期, en: expired}}}}
  bands:
    - {name: green, at_least: 90, title: {zh: 绿, en: green}}
    - {name: blue, at_least: 75, title: {zh: 蓝, en: blue}}
    - {name: yellow, at_least: 60, title: {zh: 黄, en: yellow}}
    - {name: red, at_least: 0, title: {zh: 红, en: red}}
  caps:
    C4: {best: blue, when: {fact: indicators.I05, below: 80}, title: {zh: 在线率低, en: offline}}
  vetoes:
    V1: {grade: red, when: {fact: indicators.I11, is: [expired]}, title: {zh: 无证, en: no licence}}
  steps_up: 1
measures:
  blue: {visits: {percent: 20, period: month}}
"""

# file, what stands there, what stands there instead, key, part of the reason
WRONG = [
    ("small", "id: P01, max: 3", "id: P01, max: 4", "rating.score.parts[0] (P)", "sum to 10, not to max 9"),
    ("small", "weight: 60", "weight: 61", "rating.score (S)", "sum to 101, not to max 100"),
    ("small", "id: P06,", "id: P01,", "rating.score", "2 parts have the id P01"),
    ("small", "yes: 3, no: 0", 'yes: 3, no: "3.5"', "rating.score.parts[0].parts[0] (P01).rule.no", "outside 0 to 3"),
    ("small", "yes: 3, no: 0", "yes: 2, no: 0", "rating.score.parts[0].parts[0] (P01).rule", "maximum of 3"),
    ("small", "yes: 3, no: 0", "yes: 3, no: 3", "rating.score.parts[0].parts[0] (P01).rule", "the same points"),
    ("small", "yes: 3, no: 0", "yes: 3, no: 0, maybe: 1", "rating.score.parts[0].parts[0].rule.yes_no.maybe", "not known"),
    ("small", "[95, 10], [90, 8]", "[90, 10], [95, 8]", "(I05).rule.at_least[1]", "never reached"),
    ("small", "[95, 10], [90, 8]", "[95, 10], [90, 10]", "(I05).rule.at_least", "must fall"),
    ("small", "[95, 10], [90, 8]", "[101, 10], [90, 8]", "(I05).rule.at_least[0]", "out of the range"),
    ("small", "[95, 10], [90, 8]", "[95, 9], [90, 8]", "(I05).rule.at_least", "not the maximum of 10"),
    ("small", "range: [0, 100]", "range: [100, 0]", "(I05).rule.range", "the range is empty"),
    ("small", "each: 2}", "each: 0}", "(P06).rule.each", "must cost something"),
    ("small", "each: 2}", "each: 2.5}", "rating.score.parts[0].parts[1].rule.subtract.each", "binary float"),
    ("small", "each: 2}", "each: two}", "rating.score.parts[0].parts[1].rule.subtract.each", "a number is required"),
    ("small", "each: 2}", "each: 2, kinds: {a: 1}}", "rating.score.parts[0].parts[1].rule.subtract", "either each or kinds"),
    ("small", "most_per_day: 3", "most_per_day: 0", "rule.events.most_per_day", "greater than or equal to 1"),
    ("small", 'minor: "0.5"', "minor: 0", "(I06).rule.points.minor", "must cost something"),
    ("small", "of: on_time, among: due", "of: due, among: due", "(I07).rule.among", "one name"),
    ("small", "{events: {", "{evil: {", "rule.evil", "not known"),
    ("small", "{events: {", "{value: {range: [0, 1]}, events: {", "rule", "exactly one kind"),
    ("small", "points: 10, zh", "points: 9, zh", "(I11).rule", "no answer gives the maximum of 10"),
    ("small", "needs: [I05, I06]", "needs: [I05, G07]", "(D7).needs", "no part is named G07"),
    ("small", "at_least: 75", "at_least: 90", "rating.bands[1] (blue)", "never reached: green"),
    ("small", "at_least: 75", "at_least: 95", "rating.bands[1] (blue)", "never reached: green"),
    ("small", "name: red, at_least: 0", "name: red, at_least: 1", "rating.bands[3] (red)", "take every score"),
    ("small", "at_least: 90", "at_least: 101", "rating.bands[0] (green)", "out of the scores 0 to 100"),
    ("small", "at_least: 90", "at_least: 90, largest_at_most: 5", "rating.bands[0] (green)", "needs a score that sums"),
    ("small", "name: blue, at_least", "name: green, at_least", "rating.bands", "2 bands are named green"),
    ("small", "name: blue, at_least", "name: unrated, at_least", "rating.bands", "the product's own"),
    ("small", "best: blue, when", "best: purple, when", "rating.caps.C4.best", "no band is named purple"),
    ("small", "best: blue, when", "best: green, when", "rating.caps.C4.best", "caps nothing"),
    ("small", "fact: indicators.I05, below", "fact: indicators.I55, below", "rating.caps.C4.when.fact", "no indicator reads"),
    ("small", "fact: indicators.I05, below", "fact: indicators.I06, below", "rating.caps.C4.when.fact", "no bare number"),
    ("small", "is: [expired]", "is: [lapsed]", "rating.vetoes.V1.when.is", "no answer"),
    ("small", "below: 80", "below: 80, at_least: 1", "rating.caps.C4.when", "exactly one"),
    ("small", "grade: red, when", "grade: black, when", "rating.vetoes.V1.grade", "no band is named black"),
    ("small", "steps_up: 1", "steps_up: 4", "rating.steps_up", "1 to 3"),
    ("small", "[[levels], [indicators]]", "[[levels], [numbers]]", "rating.either", "no indicator reads numbers"),
    ("small", "[[levels], [indicators]]", "[[levels], [levels]]", "rating.either", "in one of them only"),
    ("small", "  blue: {visits", "  purple: {visits", "measures.purple", "no band has this name"),
    ("small", "percent: 20", "percent: 120", "measures.blue.visits.percent", "100"),
    ("small", "en: Licence}, raw", "fr: Licence}, raw", "rating.score.parts[0].parts[0].title.en", "required"),
    ("small", "raw: {zh: 占比, en: share},", "", "rating.score.parts[1].parts[0]", "needs raw"),
    ("small", "name: small", "name: smaller", "name", "is 'smaller'"),
    ("zhenhai", "max: 3\n", "max: 4\n", "rating.score.parts[0].parts[0]", "sum to 16, not to max 15"),
    ("fhrs", "max: 80", "max: 81", "rating.score (total)", "sum to 80, not to max 81"),
    ("fhrs", "in: [0, 5, 10, 20, 30]", "in: [0, 5, 10, 20]", "(confidence).rule.range", "not the maximum of 30"),
    ("fhrs", "at_most: 20, largest_at_most: 10", "at_most: 15, largest_at_most: 5", "rating.bands[1] (4)", "never reached: 5"),
    ("fhrs", 'name: "0", title', 'name: "0", at_most: 60, title', "rating.bands[5] (0)", "take every score"),
    ("fhrs", "fact: structure", "fact: hygiene", "rating.score", "2 indicators read the fact hygiene"),
    ("nyc", "range: [0, null]", "range: [null, null]", "(points).rule.range", "a least value is needed"),
    ("nyc", "at_most: 13", "at_most: 27", "rating.bands[1] (B)", "never reached: A"),
    ("rizhao", "plus_cap: 5\n        plus:", "plus:", None, ""),
    ("rizhao", "cap: 10", "cap: 1", "(upheld_complaints).rule.cap", "below the points of one"),
    ("rizhao", "afterwards: C", "afterwards: E", "rating.direct.afterwards", "no band is named E"),
    ("rizhao", "after: {D: C}", "after: {D: E}", "rating.after.D", "no band is named E"),
    ("rizhao", "from: 1000, to: 0", "from: 0, to: 0", "(U).rule.to", "both ends are the same"),
    ("rizhao", "{key: 3, general: 1}", "{key: 0, general: 1}", "(qualification).rule.weights.key", "must be positive"),
    ("rizhao", "fact: direct_d", "fact: generic", "rating.score", "generic of the facts is used twice"),
    ("small", "below: 80", "below: 101", "rating.caps.C4.when", "out of the range of indicators.I05"),
    ("rizhao", "plus_cap: 5", "plus_cap: -5", "rating.score.parts[1] (S).plus_cap", "nothing could ever be added"),
    ("fhrs", "largest_at_most: 5,", "largest_at_most: 99,", "rating.bands[0] (5)", "99 is out of the scores"),
    ("xiangshan", "rules:", "rule:", "rule", "not known"),
    ("xiangshan", 'start: "100"', 'start: "89"', "", "blue is never reached: a month begins with 89"),
    ("xiangshan", 'overdue_share: "0.5"', "overdue_share: 0.5", "overdue_share", "put quotes around the number"),
    ("xiangshan", 'XV17: {base: "3"', "XV17: {base: 3.5", "rules.XV17.base", "put quotes around the number"),
    ("xiangshan", 'XV17: {base: "3"', "XV17: {base: -3", "rules.XV17.base", "greater than or equal to 0"),
    ("xiangshan", "fact: severity", "fact: subject", "rules.XV16.degree.fact", "every violation has"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "there", "instead", "key", "reason"), WRONG)
def test_a_scheme_that_is_wrong_is_refused(
    tmp_path: Path, name: str, there: str, instead: str, key: str | None, reason: str
) -> None:
    text = SMALL if name == "small" else (SHIPPED / f"{name}.yaml").read_text("utf-8")
    assert there in text
    path = tmp_path / f"{name}.yaml"
    path.write_text(text.replace(there, instead, 1), "utf-8")
    _, problems = read_scheme(path, found_by_name=True)
    if key is None:  # the control: a change that is none
        assert problems == []
        return
    told = [(problem.key, problem.what) for problem in problems]
    assert any(key in at and reason in what for at, what in told), told
    assert {problem.file for problem in problems} == {str(path)}


def test_the_small_scheme_is_sound_before_it_is_changed(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL, "utf-8")
    assert read_scheme(tmp_path / "small.yaml")[1] == []


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_schemes_are_sound(path: Path) -> None:
    assert read_scheme(path)[1] == []
