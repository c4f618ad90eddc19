"""Scores, bands and floors (domain.md C.0, C.4, F.14)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.scheme import Band, DeductionRule, Scheme
from credit.score import score
from domain.deductions import DeductionState
from domain.errors import ConfigurationError
from tests.unit.credit.builders import USCC, XIANGSHAN, an_entry

S = DeductionState
F, P = S.FINAL, S.PROPOSED
MONTH = "2026-11"


def scored(*entries, month=MONTH):
    return score(XIANGSHAN, USCC, month, entries)


def test_without_entries_a_merchant_has_a_hundred_points_and_the_best_band():
    result = scored()
    assert (result.score, result.score_if_confirmed, result.grade, result.grade_if_confirmed) == (100, 100, "blue", "blue")


def test_only_final_entries_count_until_the_others_are_confirmed():
    result = scored(an_entry("XV04", "15", state=F), an_entry("XV03", "5", state=P), an_entry("XV01", "5.5", state=S.OBJECTED))
    assert (result.score, result.score_if_confirmed) == (Decimal(85), Decimal("74.5"))
    assert (result.grade, result.grade_if_confirmed) == ("yellow", "orange")


@pytest.mark.parametrize("state", [S.WITHDRAWN, S.REVERSED])
def test_what_was_withdrawn_or_reversed_counts_nowhere(state):
    assert scored(an_entry("XV08", "40", state=state)).score_if_confirmed == 100


@pytest.mark.parametrize(
    "entry",
    [
        an_entry("XV04", "15", state=F, uscc="91330211MA2XYZ993K"),
        an_entry("XV04", "15", state=F, month="2026-10"),
        an_entry("XV04", "15", state=F, scheme="rizhao"),
    ],
)
def test_others_entries_are_left_out(entry):
    assert scored(entry).score_if_confirmed == 100


@pytest.mark.parametrize(
    ("points", "grade", "why"),
    [
        ("10", "blue", "exactly 90"),
        ("10.1", "yellow", "89.9"),
        ("25", "yellow", "exactly 75"),
        ("25.1", "orange", "74.9"),
        ("40", "orange", "exactly 60"),
        ("40.1", "red", "59.9"),
        ("250", "red", "never below 0"),
    ],
)
def test_the_bands_of_xiangshan(points, grade, why):
    result = scored(an_entry("XV04", points, state=F))
    assert result.grade == grade, why
    assert result.score == max(Decimal(0), 100 - Decimal(points))


@pytest.mark.parametrize(
    ("code", "points", "grade", "why"),
    [
        ("XV06", "20", "orange", "80 points would be yellow, the floor is orange"),
        ("XV07", "5", "yellow", "95 points would be blue, the floor is yellow"),
        ("XV08", "1", "red", "the floor is red"),
        ("XV07", "50", "red", "a floor never lifts"),
        ("XV04", "5", "blue", "no floor"),
    ],
)
def test_a_floor_is_the_best_band_still_possible(code, points, grade, why):
    assert scored(an_entry(code, points, state=F)).grade == grade, why
    proposed = scored(an_entry(code, points, state=P))
    assert (proposed.grade, proposed.grade_if_confirmed) == ("blue", grade)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(XIANGSHAN.rules)), st.decimals(min_value=0, max_value=80, places=1), st.sampled_from(S)),
        max_size=12,
    )
)
def test_a_score_stays_between_nothing_and_a_hundred(drawn):
    entries = [an_entry(code, str(points), id=f"d-{n}", state=state) for n, (code, points, state) in enumerate(drawn)]
    result = scored(*entries)
    assert 0 <= result.score_if_confirmed <= result.score <= 100
    names = [band.name for band in XIANGSHAN.bands]
    assert names.index(result.grade_if_confirmed) >= names.index(result.grade)
    for shown, grade in ((result.score, result.grade), (result.score_if_confirmed, result.grade_if_confirmed)):
        assert names.index(grade) >= names.index(XIANGSHAN.band_of(shown).name)


def test_thresholds_compare_the_rounded_score():
    assert XIANGSHAN.band_of(Decimal("89.995")).name == "blue"
    assert XIANGSHAN.band_of(Decimal("89.992")).name == "yellow"


def test_the_shipped_scheme_has_every_code_with_the_points_of_the_table():
    base = {code: rule.base for code, rule in XIANGSHAN.rules.items()}
    expected = [5, 20, 5, 15, 5, 20, 15, 40, 20, 30, 5, 20, 1, 2, 2, 2, 3, 2, 30, 15]
    assert [base[f"XV{n:02}"] for n in range(1, 21)] == expected
    severities = {"minor": "0.5", "general": "1", "serious": "3"}
    cameras = (
        "general general general minor serious minor minor general serious general general general minor serious general serious"
    )
    assert [base[f"CV{n:02}"] for n in range(1, 17)] == [Decimal(severities[word]) for word in cameras.split()]
    assert {code for code, rule in XIANGSHAN.rules.items() if rule.waivable} == {"XV01", "XV03", "XV05", "XV11", "XV15"}
    unclocked = {code for code, rule in XIANGSHAN.rules.items() if not rule.clocked}
    assert unclocked == {"XV07", *(f"XV{n}" for n in range(11, 21))}
    assert len(base) == 36


BANDS = (Band(name="good", at_least=Decimal(50)), Band(name="bad", at_least=Decimal(0)))
RULE = DeductionRule(code="X1", base=Decimal(5))


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"bands": BANDS[:1]}, "no band begins at 0"),
        ({"bands": BANDS[::-1]}, "worst first"),
        ({"bands": ()}, "no bands"),
        ({"bands": (BANDS[0], Band(name="good", at_least=Decimal(0)))}, "two bands of one name"),
        ({"rules": {"X2": RULE}}, "filed under another code"),
        ({"rules": {"X1": DeductionRule(code="X1", base=Decimal(-1))}}, "negative points"),
        ({"rules": {"X1": DeductionRule(code="X1", base=Decimal(1), floor="blue")}}, "a floor that is no band"),
        ({"rules": {"X1": DeductionRule(code="X1", base=Decimal(1), group="camera")}}, "a group without a cap"),
        ({"repeat": ()}, "no repeat factor"),
    ],
)
def test_a_scheme_that_contradicts_itself_is_refused(attributes, why):
    sound = {"name": "tiny", "bands": BANDS, "rules": {"X1": RULE}}
    assert Scheme(**sound).band_of(Decimal(50)).name == "good"
    with pytest.raises(ConfigurationError):
        Scheme(**{**sound, **attributes})
