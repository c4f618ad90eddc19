"""Entitlements, vouchers, leniency and the consumption index (domain.md C.3, C.6.5, C.6.6)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.scheme_catalogue import find_scheme
from credit import consumption, leniency, vouchers
from credit.entitlements import Entitled, FeeReduction, Offer, loan, offer_of, subsidy
from credit.tasks import Finding
from domain.errors import BadInput
from tests.unit.credit.people import NOW, WEEKDAYS, at

OFFERS = {grade: offer_of(measures) for grade, measures in find_scheme("zhenhai").measures.items()}


def test_the_offers_of_the_four_colours():
    assert [OFFERS[grade].loan_fen for grade in ("green", "blue", "yellow", "red")] == [50_000_000, 30_000_000, 0, 0]
    assert [grade for grade, offer in OFFERS.items() if offer.preferential_rate] == ["green"]
    assert [OFFERS[grade].subsidy_fen for grade in ("green", "blue", "yellow", "red")] == [24_000, 16_000, 8_000, 0]
    assert [OFFERS[grade].vouchers_per_month for grade in ("green", "blue", "yellow", "red")] == [100, 60, 20, 0]
    assert [OFFERS[grade].fee_reduction for grade in ("green", "blue", "yellow")] == [
        FeeReduction.FULL, FeeReduction.PARTIAL, FeeReduction.NONE,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("grade", "cost", "paid", "fen", "why"),
    [
        ("green", 30_000, 0, (24_000, Entitled.ABOVE_CEILING), "the ceiling of 240 yuan"),
        ("green", 10_000, 0, (10_000, Entitled.GRANTED), "never more than it cost"),
        ("green", 24_000, 0, (24_000, Entitled.GRANTED), "exactly the ceiling"),
        ("green", 10_000, 20_000, (4_000, Entitled.ABOVE_CEILING), "what is left of the year"),
        ("green", 10_000, 24_000, (0, Entitled.CEILING_REACHED), "nothing is left"),
        ("yellow", 10_000, 16_000, (0, Entitled.CEILING_REACHED), "more was paid in a better colour: nothing is taken back"),
        ("red", 10_000, 0, (0, Entitled.GRADE_HAS_NONE), "red has none"),
        ("green", 0, 0, (0, Entitled.NO_COST), "no cost, no subsidy"),
    ],
)
def test_a_subsidy_is_the_cost_or_what_is_left(grade, cost, paid, fen, why):
    told = subsidy(OFFERS[grade], cost_fen=cost, paid_this_year_fen=paid)
    assert (told.fen, told.why) == fen, why


@given(st.integers(0, 10**7), st.integers(0, 10**5), st.sampled_from(list(OFFERS.values())))
def test_a_subsidy_never_exceeds_cost_or_ceiling(cost, paid, offer):
    told = subsidy(offer, cost_fen=cost, paid_this_year_fen=paid)
    assert 0 <= told.fen <= cost
    assert paid + told.fen <= max(paid, offer.subsidy_fen)


@pytest.mark.parametrize(
    ("grade", "asked", "fen", "why"),
    [
        ("green", 50_000_000, 50_000_000, Entitled.GRANTED),
        ("green", 50_000_001, 50_000_000, Entitled.ABOVE_CEILING),
        ("blue", 10_000_000, 10_000_000, Entitled.GRANTED),
        ("yellow", 1, 0, Entitled.GRADE_HAS_NONE),
    ],
)
def test_a_loan_is_supported_up_to_the_ceiling(grade, asked, fen, why):
    assert (loan(OFFERS[grade], asked).fen, loan(OFFERS[grade], asked).why) == (fen, why)


def test_impossible_amounts_are_refused():
    for call in (lambda: loan(OFFERS["green"], 0), lambda: subsidy(OFFERS["green"], cost_fen=-1, paid_this_year_fen=0)):
        with pytest.raises(BadInput):
            call()


def an_application(count=10, kind=vouchers.VoucherKind.SERVICE, month="2026-11"):
    return vouchers.Application(uscc="u", kind=kind, month=month, count=count)


QUOTA = vouchers.Quota(kind=vouchers.VoucherKind.SERVICE, month="2026-11", size=100, granted=70)
A = vouchers.Answer


@pytest.mark.parametrize(
    ("application", "grade", "before", "answer", "granted", "why"),
    [
        (an_application(30), "green", 0, A.GRANTED, 100, "exactly what is left"),
        (an_application(31), "green", 0, A.EXHAUSTED, 70, "one more than is left"),
        (an_application(20), "yellow", 0, A.GRANTED, 90, "yellow's whole share"),
        (an_application(20), "yellow", 1, A.ABOVE_SHARE, 70, "granted whole or not at all"),
        (an_application(1), "red", 0, A.GRADE_HAS_NONE, 70, "red has none"),
        (an_application(0), "green", 0, A.NOT_POSITIVE, 70, "nothing is asked for"),
        (an_application(5, kind=vouchers.VoucherKind.CONSUMPTION), "green", 0, A.OTHER_QUOTA, 70, "two kinds, two quotas"),
        (an_application(5, month="2026-12"), "green", 0, A.OTHER_QUOTA, 70, "another month"),
    ],
)
def test_an_application_is_granted_whole_or_refused_with_its_reason(application, grade, before, answer, granted, why):
    told = vouchers.decide(application, QUOTA, OFFERS[grade], granted_before=before)
    assert (told.answer, told.quota.granted) == (answer, granted), why


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 70)), max_size=30), st.integers(0, 150))
def test_vouchers_are_never_oversold(asked, size):
    quota = vouchers.Quota(kind=vouchers.VoucherKind.SERVICE, month="2026-11", size=size)
    had = dict.fromkeys("abc", 0)
    for who, count in asked:
        told = vouchers.decide(an_application(count), quota, OFFERS["blue"], granted_before=had[who])
        if told.answer is A.GRANTED:
            had[who] += count
        quota = told.quota
    assert sum(had.values()) == quota.granted <= size
    assert max(had.values()) <= OFFERS["blue"].vouchers_per_month


LAST = at(12, 1, 0)  # ten working days after Monday 16 November end with Monday 30


@pytest.mark.parametrize(
    ("unreachable", "phone", "changed", "outcome", "why"),
    [
        (True, True, LAST - timedelta(seconds=1), "not_listed", "reached by phone and changed in time"),
        (True, True, LAST, "listed", "changed too late"),
        (True, True, None, "listed", "not changed"),
        (True, False, NOW, "listed", "not reached by phone either"),
        (False, False, None, "not_listed", "met at the address"),
    ],
)
def test_who_changes_the_address_in_time_is_not_listed(unreachable, phone, changed, outcome, why):
    told = leniency.abnormal_address(
        unreachable_on_site=unreachable, reachable_by_phone=phone, contacted_at=NOW, address_changed_at=changed, calendar=WEEKDAYS
    )
    assert told == outcome, why


@pytest.mark.parametrize("kind", list(leniency.Disclosure))
@pytest.mark.parametrize(
    ("corrected", "outcome"), [(LAST - timedelta(seconds=1), "not_listed"), (LAST, "listed"), (None, "listed")]
)
def test_late_information_corrected_after_the_reminder_lists_nobody(kind, corrected, outcome):
    assert leniency.disclosure_late(kind, reminded_at=NOW, corrected_at=corrected, calendar=WEEKDAYS) == outcome


@pytest.mark.parametrize(
    ("minor", "guided", "spot", "later", "finding"),
    [
        (True, True, True, False, Finding.NO_PROBLEM),
        (True, True, False, True, Finding.ORDERED_TO_CORRECT),
        (True, True, False, False, None),
        (True, False, True, False, None),
        (False, True, True, False, None),
    ],
)
def test_a_minor_error_mended_after_guidance_is_recorded_mildly(minor, guided, spot, later, finding):
    told = leniency.minor_error(minor=minor, guided=guided, corrected_on_the_spot=spot, corrected_later=later)
    assert told is finding


INDICES = [
    # due, in time, upheld, ratings, stars, index, why
    (10, 9, 1, 10, 45, "85.50", "36 + 32 + 20 × 3.5 / 4 = 17.5"),
    (10, 10, 0, 10, 50, "100.00", "everything"),
    (10, 0, 5, 10, 10, "0.00", "nothing"),
    (10, 0, 9, 10, 10, "0.00", "more than five upheld is no worse than five"),
    (0, 0, 1, 10, 45, "82.50", "no complaint due: (32 + 17.5) / 60"),
    (0, 0, 0, 9, 9, "100.00", "nine ratings say nothing: 40 / 40"),
    (3, 1, 0, 9, 9, "66.67", "(13.33… + 40) / 80"),
    (0, 0, None, 0, 0, None, "nothing applies"),
    (0, 0, None, 10, 30, "50.00", "the ratings alone: mean 3"),
]


@pytest.mark.parametrize(("due", "closed", "upheld", "ratings", "stars", "told", "why"), INDICES)
def test_the_consumption_index(due, closed, upheld, ratings, stars, told, why):
    facts = consumption.ConsumerFacts(due=due, closed_in_time=closed, upheld=upheld, ratings=ratings, stars=stars)
    assert consumption.index(facts) == (None if told is None else Decimal(told)), why


@pytest.mark.parametrize(
    "facts", [{"due": 1, "closed_in_time": 2}, {"upheld": -1}, {"ratings": 10, "stars": 51}, {"ratings": 2, "stars": 1}]
)
def test_impossible_counts_are_refused(facts):
    with pytest.raises(BadInput):
        consumption.index(consumption.ConsumerFacts(**facts))


def test_ties_share_the_better_rank_and_who_has_no_index_has_no_rank():
    indices = {"a": Decimal("90.00"), "b": Decimal("95.50"), "c": Decimal("90.00"), "d": None, "e": Decimal("10.00")}
    assert consumption.ranks(indices) == {"b": 1, "a": 2, "c": 2, "e": 4}


def test_the_best_tenth_rounds_up_and_takes_ties_along():
    indices = {f"u{n}": Decimal(n) for n in range(11)} | {"tie": Decimal(9)}
    assert consumption.top_tenth(indices) == {"u10", "u9", "tie"}, "12 / 10 rounds up to 2 places; two share the second"
    assert consumption.top_tenth({}) == frozenset()


def test_an_empty_offer_is_nothing():
    assert offer_of({}) == Offer()
