"""Identifiers and their check digits, against the worked examples of the standards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput, Code
from domain.ids import (
    CROCKFORD,
    USCC_ALPHABET,
    DeviceKind,
    derived_id,
    device_kind,
    gtin14_valid,
    licence_verified,
    mint_trace_code,
    organisation_check_matches,
    parse_device_id,
    parse_uscc,
    trace_code_valid,
    uscc_check_character,
    uuid7,
)


@pytest.mark.parametrize(
    "code",
    ["92330211MA2ABC125M", "92330225MA2XHK067M", "91371102MA3RHF0196", "91350100M000100Y43"],
)
def test_worked_credit_codes_are_valid(code):
    assert parse_uscc(code) == code


def test_lower_case_is_upper_cased():
    assert parse_uscc("92330211ma2abc125m") == "92330211MA2ABC125M"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("92330211MA2ABC1250", "wrong check character"),
        ("92330211MA2ABC125", "17 characters"),
        ("92330211MA2ABCI25M", "I is not in the alphabet"),
        ("", "empty"),
        (None, "missing"),
        (92330211, "a number"),
    ],
)
def test_bad_credit_codes_are_refused_with_their_code(code, reason):
    with pytest.raises(BadInput) as refused:
        parse_uscc(code)
    assert refused.value.code is Code.USCC_INVALID, reason


@given(st.text(USCC_ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(USCC_ALPHABET))
def test_any_single_wrong_character_is_noticed(first17, place, other):
    code = first17 + uscc_check_character(first17)
    assert parse_uscc(code) == code
    wrong = code[:place] + other + code[place + 1 :]
    if wrong != code:
        with pytest.raises(BadInput):
            parse_uscc(wrong)


def test_the_inner_organisation_code_is_checked_but_only_told():
    assert organisation_check_matches("92330211MA2ABC125M")
    assert not organisation_check_matches("92330211MA2ABC135M")


@pytest.mark.parametrize("number", ["JY23302110001230", "JY23302250004566", "SC10437110200127"])
def test_worked_licence_numbers_are_verified(number):
    assert licence_verified(number)
    assert not licence_verified(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize("gtin", ["06920000000012", "96920000000015"])
def test_worked_gtins_are_valid(gtin):
    assert gtin14_valid(gtin)
    assert not gtin14_valid(gtin[:-1] + str((int(gtin[-1]) + 1) % 10))


def test_minted_trace_codes_are_valid_and_differ():
    codes = {mint_trace_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(trace_code_valid(code) for code in codes)


@given(st.integers(0, 19), st.sampled_from(CROCKFORD))
def test_a_changed_character_of_a_trace_code_is_noticed(place, other):
    code = "42E00ZTAA6BZ7F0T3GJV"
    changed = code[:place] + other + code[place + 1 :]
    assert trace_code_valid(changed) == (changed == code)


def test_device_ids_name_their_kind():
    assert device_kind(parse_device_id("cam-0a1b2c3d")) is DeviceKind.CAMERA
    for bad in ("cam-0A1B2C3D", "cam-0a1b2c3", "dog-0a1b2c3d", "", None):
        with pytest.raises(BadInput) as refused:
            parse_device_id(bad)
        assert refused.value.code is Code.DEVICE_FORBIDDEN


def test_later_uuids_sort_later_and_derived_ids_are_stable():
    assert uuid7(1_764_000_000_000) < uuid7(1_764_000_000_001)
    assert derived_id("a", "b") == derived_id("a", "b") != derived_id("ab")
