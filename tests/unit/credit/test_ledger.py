"""What a warning costs in Xiangshan (domain.md C.4, F.1, F.2, F.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.ledger import charged, key_of, propose, superseded
from credit.points import Circumstances
from credit.scheme import DeductionRule, Scheme
from domain.deductions import DeductionState
from domain.errors import ConfigurationError
from tests.unit.credit.builders import AT, USCC, WINDOW_END, XIANGSHAN, a_warning, an_entry

DAY = timedelta(days=1)


def charge(warning, *, history=(), incident=(), on_time=True, **keywords):
    return propose(
        warning,
        XIANGSHAN,
        history=history,
        incident=incident,
        now=AT + DAY,
        objection_until=WINDOW_END,
        on_time=on_time,
        deduction_id="d-new",
        **keywords,
    )


def earlier(code, n, points="5"):
    """n earlier entries of this month."""
    return [an_entry(code, points, raised_at=AT - k * DAY) for k in range(1, n + 1)]


TABLE = [
    # code, earlier this month, on_time, points, why
    ("XV04", 0, True, "15", "not waivable: the first one counts in full"),
    ("XV04", 1, True, "22.5", "second in the month: 1.5"),
    ("XV04", 2, True, "30", "third: 2.0"),
    ("XV04", 5, True, "30", "sixth: still 2.0"),
    ("XV04", 0, False, "22.5", "late: half the base more"),
    ("XV04", 2, False, "37.5", "third and late: the overdue part is not multiplied"),
    ("XV04", 0, None, "15", "no limit had passed: neither late nor in time"),
    ("XV03", 0, True, "0", "first in 365 days and in time: waived"),
    ("XV03", 0, False, "7.5", "late: no leniency"),
    ("XV03", 0, None, "5", "not rectified: no leniency"),
    ("XV03", 1, True, "7.5", "not the first"),
    ("XV01", 0, True, "0", "waived likewise"),
    ("XV02", 0, True, "20", "used in production: never waived"),
    ("XV11", 0, False, "0", "no limit runs for it: leniency by history alone, no overdue part"),
    ("XV11", 1, False, "0", "cap 5 is spent by the first"),
    ("XV18", 0, True, "2", "cap 2 not yet touched"),
    ("XV17", 1, True, "4.5", "3 times 1.5"),
    ("XV17", 0, False, "3", "no limit runs for it"),
    ("XV16", 3, True, "2", "no repeat factor"),
    ("CV10", 0, True, "1", "general"),
    ("CV10", 1, True, "1", "no repeat factor"),
    ("CV10", 0, False, "1.5", "late"),
    ("CV04", 0, True, "0.5", "minor"),
    ("CV04", 0, False, "0.8", "0.75 rounds half up to 0.1"),
    ("CV05", 0, True, "3", "serious"),
    ("CV10", 0, None, "1", "camera codes are not waivable"),
]


@pytest.mark.parametrize(("code", "before", "on_time", "points", "why"), TABLE)
def test_the_formula(code, before, on_time, points, why):
    entry = charge(a_warning(code), history=earlier(code, before), on_time=on_time)
    assert entry.points == Decimal(points), why
    assert entry.state is DeductionState.PROPOSED
    assert entry.ordinal == before + 1


def test_the_entry_says_how_its_points_came_about():
    entry = charge(a_warning("XV04"), history=earlier("XV04", 1, "15"), on_time=False)
    assert entry.points == Decimal("30.0")
    assert {key: entry.components[key] for key in ("base", "repeat", "overdue", "waived", "capped")} == {
        "base": "15",
        "repeat": "1.5",
        "overdue": "7.5",
        "waived": "0",
        "capped": "0",
    }
    assert charge(a_warning("XV03")).components["waived"] == "5.0"


def test_points_are_rounded_half_up_to_a_tenth():
    scheme = Scheme(name="tiny", bands=XIANGSHAN.bands, rules={"XV04": DeductionRule(code="XV04", base=Decimal("0.3"))})
    first = an_entry("XV04", "0.3", scheme="tiny")
    entry = propose(
        a_warning("XV04"),
        scheme,
        history=[first],
        incident=(),
        now=AT,
        objection_until=WINDOW_END,
        on_time=True,
        deduction_id="d",
    )
    assert entry.points == Decimal("0.5"), "0.3 times 1.5 is 0.45"


def test_a_flagged_limit_is_late_whatever_an_earlier_submission_was():
    assert charge(a_warning("XV04", rectify_overdue=True), on_time=True).points == Decimal("22.5")


HISTORY = [
    (an_entry("XV03", "0", raised_at=AT - timedelta(days=364)), "5", "a waived one counts for the 365 days"),
    (an_entry("XV03", "0", raised_at=AT - timedelta(days=365)), "0", "exactly 365 days ago is out"),
    (an_entry("XV03", "0", raised_at=AT - timedelta(days=365) + timedelta(milliseconds=1)), "5", "just inside"),
    (an_entry("XV03", state=DeductionState.WITHDRAWN), "0", "a withdrawn one never was"),
    (an_entry("XV03", state=DeductionState.REVERSED), "0", "nor a reversed one"),
    (an_entry("XV03", state=DeductionState.FINAL), "7.5", "final, this month: the second"),
    (an_entry("XV03", state=DeductionState.OBJECTED), "7.5", "under objection it stands"),
    (an_entry("XV01"), "0", "another code"),
    (an_entry("XV03", uscc="91330211MA2XYZ993K"), "0", "another merchant's"),
    (an_entry("XV03", scheme="rizhao"), "0", "another scheme's"),
]


@pytest.mark.parametrize(("entry", "points", "why"), HISTORY)
def test_leniency_looks_back_365_days(entry, points, why):
    assert charge(a_warning("XV03"), history=[entry]).points == Decimal(points), why


def test_last_months_entries_do_not_count_for_n_but_forbid_leniency():
    entry = charge(a_warning("XV03"), history=[an_entry("XV03", raised_at=AT - timedelta(days=30))])
    assert (entry.ordinal, entry.points) == (1, Decimal(5))


def test_an_entry_told_twice_counts_once():
    one = an_entry("XV04")
    assert charge(a_warning("XV04"), history=[one, one]).ordinal == 2


@pytest.mark.parametrize(
    ("code", "circumstances", "on_time", "history", "points", "why"),
    [
        ("XV05", Circumstances(lapsed=timedelta(days=7)), True, 0, "0", "lapsed 7 days: lenient"),
        ("XV05", Circumstances(lapsed=timedelta(days=7, seconds=1)), True, 0, "5", "lapsed longer"),
        ("XV05", Circumstances(), True, 0, "5", "nobody knows how long: not lenient"),
        ("XV03", Circumstances(self_reported=True), None, 3, "0", "told by the merchant: waived whatever the history"),
        ("XV04", Circumstances(self_reported=True), True, 0, "15", "but not for goods on sale"),
        ("XV14", Circumstances(), True, 0, "2", "80 to under 95 %"),
        ("XV14", Circumstances(variant="below_80"), True, 0, "5", "under 80 %"),
        ("XV16", Circumstances(variant="minor"), True, 0, "0.5", "minor item"),
        ("XV16", Circumstances(variant="major"), True, 0, "5", "major item"),
    ],
)
def test_the_points_depend_on_circumstances(code, circumstances, on_time, history, points, why):
    entry = charge(a_warning(code), history=earlier(code, history), on_time=on_time, circumstances=circumstances)
    assert entry.points == Decimal(points), why


def test_an_unknown_code_or_degree_is_an_error_of_the_configuration():
    with pytest.raises(ConfigurationError, match="XV99"):
        charge(a_warning("XV99"))
    with pytest.raises(ConfigurationError, match="below_80"):
        charge(a_warning("XV14"), circumstances=Circumstances(variant="below_50"))


def test_a_code_is_charged_up_to_its_cap_in_a_month():
    history = [an_entry("XV05", "5", raised_at=AT - DAY), an_entry("XV05", "7.5", raised_at=AT - 2 * DAY)]
    entry = charge(a_warning("XV05"), history=history)
    assert (entry.points, entry.components["capped"]) == (Decimal("2.5"), "7.5")
    full = charge(a_warning("XV05"), history=[*history, an_entry("XV05", "2.5", raised_at=AT - 3 * DAY)])
    assert (full.points, full.components["capped"]) == (Decimal(0), "10.0")


def test_camera_codes_share_one_cap_of_fifteen():
    others = [an_entry("CV05", "3", raised_at=AT - k * DAY) for k in range(1, 5)] + [an_entry("CV09", "2.5")]
    entry = charge(a_warning("CV10"), history=others, on_time=False)
    assert (entry.points, entry.components["capped"]) == (Decimal("0.5"), "1.0")
    assert charge(a_warning("XV04"), history=others).points == 15, "register codes have no part in it"


def of_camera(number, camera="cam-0a1b2c3d", hours=0):
    warning = a_warning("CV10", id=f"w-{number}", camera=camera, raised_at=AT + timedelta(hours=hours))
    return replace(charge(warning), id=f"d-{number}")


def test_at_most_three_are_counted_per_class_camera_and_day():
    three = [of_camera(n, hours=n) for n in range(3)]
    fourth = a_warning("CV10", id="w-4", raised_at=AT + timedelta(hours=5))
    entry = charge(fourth, history=three)
    assert (entry.points, entry.components["beyond_daily_limit"]) == (Decimal(0), "1.0")
    assert charge(replace(fourth, camera="cam-99999999"), history=three).points == 1, "another camera"
    assert charge(replace(fourth, raised_at=AT + timedelta(hours=13)), history=three).points == 1, "after midnight"
    assert charge(a_warning("CV05", id="w-4"), history=three).points == 3, "another class"
    assert charge(fourth, history=three[:2]).points == 1, "the third"
    late = charge(fourth, history=three, on_time=False)
    assert (late.points, late.components["beyond_daily_limit"]) == (Decimal("0.5"), "1.0"), "the gravest three: 1.5 + 1 + 1"
    assert charge(replace(fourth, id="w-5"), history=[*three, replace(late, id="d-4")]).points == 0, "1 is not among them"
    finals = [replace(each, state=DeductionState.FINAL) for each in three]
    assert charged(of_camera(9), XIANGSHAN, past=(), later=finals).points == 0, "they are counted whoever came first"
    beyond = replace(entry, id="d-4", state=DeductionState.FINAL)
    assert charged(of_camera(9), XIANGSHAN, past=(), later=[*finals[:2], beyond]).points == 1, "two are counted, and one is not"
    withdrawn = [replace(three[0], state=DeductionState.WITHDRAWN), *three[1:]]
    assert charge(fourth, history=withdrawn).points == 1, "one of them was withdrawn"


INCIDENT = [
    # new code, sibling's code and base, who is charged, why
    ("XV03", "XV04", "15", "sibling", "on sale is graver than in store"),
    ("XV04", "XV03", "5", "new", "the graver one replaces the milder"),
    ("XV06", "XV09", "20", "new", "same base: the additive is more specific than the sample"),
    ("XV09", "XV06", "20", "sibling", "and the other way round"),
    ("XV08", "XV10", "30", "new", "illegal substance"),
    ("XV02", "XV12", "20", "sibling", "same base, neither more specific, the same floor: the first stands"),
    ("XV20", "XV04", "15", "new", "same base, neither more specific: the worse floor, orange over none"),
    ("XV04", "XV20", "15", "sibling", "and the other way round"),
]


@pytest.mark.parametrize(("new", "old", "base", "charged", "why"), INCIDENT)
def test_one_fact_is_charged_once_with_the_gravest_code(new, old, base, charged, why):
    sibling = an_entry(old, base, incident_id="same")
    entry = charge(a_warning(new, incident_id="same"), incident=[sibling], history=[sibling])
    replaced = superseded(entry, [sibling], AT + DAY)
    if charged == "new":
        assert entry.state is DeductionState.PROPOSED, why
        [gone] = replaced
        assert (gone.id, gone.state, gone.points) == (sibling.id, DeductionState.WITHDRAWN, Decimal(0))
        assert (gone.version, gone.components["lost_to"]) == (sibling.version + 1, entry.id)
    else:
        assert (entry.state, entry.points, replaced) == (DeductionState.WITHDRAWN, Decimal(0), ()), why
        assert entry.components["lost_to"] == sibling.id


def test_a_final_sibling_stays_and_is_set_off():
    sibling = an_entry("XV03", "5", incident_id="same", state=DeductionState.FINAL)
    entry = charge(a_warning("XV04", incident_id="same"), incident=[sibling], history=[sibling])
    assert (entry.points, entry.components["incident"]) == (Decimal(10), "5")
    assert superseded(entry, [sibling], AT) == ()


def test_what_is_replaced_leaves_its_room_under_the_cap():
    sibling = an_entry("CV04", "0.5", incident_id="same")
    others = [an_entry("CV09", "3", raised_at=AT - k * DAY) for k in range(1, 5)]
    entry = charge(a_warning("CV05", incident_id="same"), incident=[sibling], history=[sibling, *others])
    assert entry.points == 3, "12 by the others, and not the half point that is taken back"


def test_a_withdrawn_sibling_and_another_incident_do_not_matter():
    gone = an_entry("XV04", "15", incident_id="same", state=DeductionState.WITHDRAWN)
    other = an_entry("XV04", "15", incident_id="other")
    entry = charge(a_warning("XV03", incident_id="same"), incident=[gone, other], on_time=False)
    assert (entry.state, entry.points) == (DeductionState.PROPOSED, Decimal("7.5"))


def test_the_loser_does_not_count_for_n():
    sibling = an_entry("XV04", "15", incident_id="same")
    lost = charge(a_warning("XV03", incident_id="same"), incident=[sibling])
    following = charge(a_warning("XV03", id="w-2", subject="L2"), history=[lost, sibling], on_time=None)
    assert (following.ordinal, following.points) == (1, Decimal(5))


def test_the_key_says_what_is_charged_for_what_in_which_month():
    lot = key_of(a_warning("XV04"), XIANGSHAN)
    assert lot == f"xiangshan|{USCC}|XV04|L1|2026-11"
    assert key_of(a_warning("XV04", id="w-2"), XIANGSHAN) == lot, "the same lot again is the same fact"
    camera = key_of(a_warning("CV10"), XIANGSHAN)
    assert camera == f"xiangshan|{USCC}|CV10|cam-0a1b2c3d/pest_or_pet/kitchen/w-1|2026-11"
    assert key_of(a_warning("CV10", id="w-2"), XIANGSHAN) != camera


def test_the_month_is_shanghais_month_of_the_raising():
    late_evening_utc = a_warning("XV04", raised_at=AT.replace(month=12, day=1, hour=0, minute=0))
    assert charge(late_evening_utc).month == "2026-12"
    assert charge(replace(late_evening_utc, raised_at=late_evening_utc.raised_at - timedelta(seconds=1))).month == "2026-11"


def test_replaying_a_month_gives_the_same_ledger():
    warnings = [
        a_warning(code, id=f"w-{n}", subject=f"L{n % 4}", raised_at=AT + timedelta(hours=n), incident_id=f"i-{n % 4}")
        for n, code in enumerate(["XV03", "XV04", "CV10", "XV03", "XV04", "CV10", "CV10", "XV01", "XV03", "XV05"])
    ]

    def play(times):
        ledger = {}
        for n, warning in enumerate(warnings * times):
            entry = charge(
                warning,
                history=ledger.values(),
                incident=[d for d in ledger.values() if d.incident_id == warning.incident_id],
                circumstances=Circumstances(lapsed=DAY),
            )
            if entry.key not in ledger:
                ledger[entry.key] = replace(entry, id=f"d-{n}")
                ledger |= {d.key: d for d in superseded(ledger[entry.key], list(ledger.values()), AT)}
        return ledger

    assert play(2) == play(1)
    assert len(play(1)) == 9, "each camera warning for itself, each lot once per code"


amounts = st.decimals(min_value=0, max_value=40, places=1)


@given(
    base=amounts,
    cap=st.none() | amounts,
    group_cap=amounts,
    lateness=st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=12),
)
def test_points_are_never_negative_and_never_exceed_a_cap(base, cap, group_cap, lateness):
    rules = {code: DeductionRule(code=code, base=base, cap=cap, group="all") for code in ("XV01", "XV02")}
    scheme = Scheme(name="drawn", bands=XIANGSHAN.bands, rules=rules, group_caps={"all": group_cap})
    ledger = []
    for n, on_time in enumerate(lateness):
        warning = a_warning(("XV01", "XV02")[n % 2], id=f"w-{n}", subject=f"L{n}")
        entry = propose(
            warning,
            scheme,
            history=ledger,
            incident=(),
            now=AT,
            objection_until=WINDOW_END,
            on_time=on_time,
            deduction_id=f"d-{n}",
        )
        assert entry.points >= 0
        assert entry.points == entry.points.quantize(Decimal("0.1"))
        parts = entry.points + Decimal(entry.components["capped"]) + Decimal(entry.components["waived"])
        full = base * Decimal(entry.components["repeat"]) + Decimal(entry.components["overdue"])
        assert abs(parts - full) <= Decimal("0.05")
        ledger.append(entry)
    assert sum(d.points for d in ledger) <= group_cap
    for code in rules:
        assert cap is None or sum(d.points for d in ledger if d.violation_code == code) <= cap
